//! The browser module: cargo for wasm32, then wasm-bindgen as a library, into `target/web/wasm/`.
//!
//! Two ways to a standard library for wasm32, chosen by `DEV_WASM` or by what is there:
//! `rustup` (the target is installed, rust-lld links) and `debian` (packages rustc-web, cargo-web, rust-web-src and
//! lld-22; the standard library is built from source). SQLite's C needs clang-19 and llvm-ar-19 in both.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

const TRIPLE: &str = "wasm32-unknown-unknown";
const PACKAGE: &str = "securechat-wasm";
const OUT_NAME: &str = "securechat";

/// SQLite without the ciphers and extensions the engine does not use: 14 % off the compressed module.
const SQLITE_FLAGS: &str = "-DHAVE_CIPHER_AES_128_CBC=0 -DHAVE_CIPHER_AES_256_CBC=0 -DHAVE_CIPHER_SQLCIPHER=0 \
-DHAVE_CIPHER_RC4=0 -DHAVE_CIPHER_ASCON128=0 -DHAVE_CIPHER_AEGIS=0 -USQLITE_ENABLE_RTREE -USQLITE_ENABLE_SESSION \
-USQLITE_ENABLE_PREUPDATE_HOOK -USQLITE_ENABLE_MATH_FUNCTIONS -USQLITE_ENABLE_DBSTAT_VTAB \
-USQLITE_ENABLE_BYTECODE_VTAB -USQLITE_ENABLE_STMTVTAB -USQLITE_ENABLE_DBPAGE_VTAB \
-USQLITE_ENABLE_OFFSET_SQL_FUNC -USQLITE_ENABLE_COLUMN_METADATA";

/// Builds the module and its bindings. Cargo decides whether the module is fresh; the bindings follow its bytes.
pub fn build() -> Result<()> {
    let mut cargo = match toolchain()? {
        Toolchain::Rustup => Command::new("cargo"),
        Toolchain::Debian => debian_cargo(),
    };
    let status = cargo
        .current_dir(crate::root())
        .args([
            "build",
            "--package",
            PACKAGE,
            "--lib",
            "--target",
            TRIPLE,
            "--profile",
            "wasm",
        ])
        .env(format!("CC_{}", TRIPLE.replace('-', "_")), "clang-19")
        .env(format!("AR_{}", TRIPLE.replace('-', "_")), "llvm-ar-19")
        .env("SQLITE_WASM_RS_FLAGS", SQLITE_FLAGS)
        // Coverage and lint wrappers are for the native build.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .context("cargo does not start")?;
    if !status.success() {
        bail!("the browser module does not build");
    }
    let target = crate::target();
    bind(
        &target.join(TRIPLE).join("wasm/securechat_wasm.wasm"),
        &crate::root().join("target/web/wasm"),
    )
}

enum Toolchain {
    Rustup,
    Debian,
}

fn toolchain() -> Result<Toolchain> {
    match env::var("DEV_WASM").as_deref() {
        Ok("rustup") => return Ok(Toolchain::Rustup),
        Ok("debian") => return Ok(Toolchain::Debian),
        Ok(other) if !other.is_empty() => bail!("DEV_WASM is `{other}`: use rustup or debian"),
        _ => {}
    }
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("rustc does not start")?;
    let sysroot = String::from_utf8(sysroot.stdout)?;
    let installed = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TRIPLE)
        .is_dir();
    Ok(if installed {
        Toolchain::Rustup
    } else {
        Toolchain::Debian
    })
}

/// Debian's compiler of the same age, with the standard library built from its source package.
fn debian_cargo() -> Command {
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .arg("-Zbuild-std=std,panic_abort")
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        // The rustup proxy exports these for its children; they would name the wrong compiler.
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22")
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
            "-C linker-flavor=wasm-ld --cfg getrandom_backend=\"wasm_js\"",
        );
    cargo
}

/// Writes `securechat.js`, `securechat.d.ts` and `securechat_bg.wasm`, unless they came from these very bytes.
fn bind(module: &Path, out: &Path) -> Result<()> {
    let bytes = fs::read(module).with_context(|| format!("{} is missing", module.display()))?;
    let stamp = out.join(".from");
    let digest = crate::pack::hex(&crate::pack::sha256(&bytes));
    let bound = out.join(format!("{OUT_NAME}_bg.wasm"));
    if bound.exists() && fs::read_to_string(&stamp).is_ok_and(|held| held == digest) {
        return Ok(());
    }
    fs::create_dir_all(out)?;
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(module)
        .out_name(OUT_NAME)
        .web(true)?
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(out)
        .context("bindings cannot be made")?;
    fs::write(stamp, digest)?;
    println!("browser module: {} KiB", fs::metadata(bound)?.len() / 1024);
    Ok(())
}
