//! Exports our `getrandom` to the dynamic symbol table, where the randomness crates look for it.

fn main() {
    println!("cargo:rustc-link-arg=-Wl,--export-dynamic-symbol=getrandom");
    println!("cargo:rerun-if-changed=build.rs");
}
