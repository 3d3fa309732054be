//! What callers may write as a duration.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = failover_api::fuzzing::read_duration(input);
});
