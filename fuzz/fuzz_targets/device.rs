#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    securechat_sim::fuzz::run("device", bytes);
});
