//! The server binary.

fn main() -> anyhow::Result<()> {
    // Two providers are in the tree; without a choice the first TLS use would panic.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(securechat_server::app::commands::run())
}
