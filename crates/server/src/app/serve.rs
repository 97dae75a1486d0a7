//! `securechat serve`: listeners, the line that says where they are, and a graceful stop.

use super::config::{self, Environment};
use super::data::{self, Lock};
use super::listen::{Patience, serve_connections};
use super::{App, Assets, build, metrics};
use crate::platform::config::{Listen, Storage};
use crate::platform::{Clock, Rng};
use anyhow::{Context, Result};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use securechat_proto::close_code;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Open requests get this long to end after a stop was asked for.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Runs until Ctrl-C or SIGTERM.
pub async fn serve(data: &Path, listen: Listen) -> Result<()> {
    // From here on a signal stops gracefully; whoever was told that we are ready may send one at once.
    let asked = StopAsked::listen()?;
    let environment = Environment::read()?;
    let settings = config::config(&environment, data)?;
    data::prepare(data)?;
    // Until the process ends. Several nodes over one PostgreSQL may share a folder: it holds their secret only.
    let _lock = match &settings.storage {
        Storage::Files(folder) => Some(Lock::take(folder).await?),
        Storage::Memory | Storage::Postgres(_) => None,
    };
    let rng = Rng::system();
    let secrets = config::secrets(&environment, data, &rng)?;
    let assets = match &listen.web {
        Some(folder) => {
            Some(Assets::from_folder(folder).with_context(|| folder.display().to_string())?)
        }
        None => Assets::embedded().transpose()?,
    };
    let counters = metrics::install()?;
    let app = build(settings, Clock::system(), rng, secrets, assets).await?;

    let http = bind(listen.http).context("--listen")?;
    let metrics_listener = bind(listen.metrics).context("--metrics-listen")?;
    let (http_at, metrics_at) = (http.local_addr()?, metrics_listener.local_addr()?);
    let handle = Handle::new();
    let housekeeping = tokio::spawn(app.housekeeping());
    let upkeep = tokio::spawn(keep_counters(counters.clone()));
    let metrics_server = tokio::spawn(
        axum_server::from_tcp(metrics_listener)?
            .handle(handle.clone())
            .serve(metrics::router(counters).into_make_service()),
    );
    let tls = match &listen.tls {
        None => None,
        Some((certificate, key)) => Some(
            RustlsConfig::from_pem_file(certificate, key)
                .await
                .context("--tls-cert and --tls-key")?,
        ),
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = tokio::spawn(serve_connections(
        http,
        tls,
        app.router.clone(),
        handle.clone(),
        Patience::default(),
    ));
    tell_ready(listen.ready_fd, http_at, metrics_at, scheme)?;
    tracing::info!(http.address = %http_at, metrics.address = %metrics_at, "serving");

    asked.wait().await;
    tracing::info!("stopping");
    stop(&app, &handle);
    server.await??;
    metrics_server.await??;
    housekeeping.abort();
    upkeep.abort();
    Ok(())
}

/// Sockets are told to come back later; requests get their time to end.
fn stop(app: &App, handle: &Handle<SocketAddr>) {
    app.mailbox.hub().close_all(close_code::RESTARTING);
    handle.graceful_shutdown(Some(STOP_PATIENCE));
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener =
        TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn keep_counters(counters: metrics_exporter_prometheus::PrometheusHandle) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        counters.run_upkeep();
    }
}

/// One JSON line with the real addresses, to the descriptor the starter opened.
fn tell_ready(
    descriptor: Option<i32>,
    http: SocketAddr,
    metrics: SocketAddr,
    scheme: &str,
) -> Result<()> {
    let Some(descriptor) = descriptor else {
        return Ok(());
    };
    let line = serde_json::json!({
        "http": format!("{scheme}://{http}"),
        "metrics": format!("http://{metrics}"),
        "http_port": http.port(),
        "metrics_port": metrics.port(),
    });
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("/dev/fd/{descriptor}"))
        .with_context(|| format!("--ready-fd {descriptor}"))?;
    writeln!(out, "{line}")?;
    Ok(())
}

/// SIGTERM and Ctrl-C, heard since [`StopAsked::listen`].
struct StopAsked {
    terminate: Signal,
    interrupt: Signal,
}

impl StopAsked {
    fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
