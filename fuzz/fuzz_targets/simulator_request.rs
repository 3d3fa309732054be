//! Made-up requests for the simulator.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = ossea_sim::http::fuzzing::answer_requests(input);
});
