//! Made-up answers of CloudStack for the client.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ossea::cloudstack::fuzzing::read_answer(input);
});
