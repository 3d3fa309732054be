//! What callers may write as a mapping.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = failover_api::fuzzing::read_mapping(input);
});
