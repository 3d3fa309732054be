//! What callers may write as an inventory file.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = failover_api::fuzzing::read_inventory(input);
});
