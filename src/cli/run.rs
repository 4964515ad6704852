//! `run`: the daemon until SIGTERM or Ctrl-C.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;
use super::args::{Global, Output, RunArgs};
use super::check::tell;
use super::world::Machine;
use crate::config::{self, Config, load};
use crate::daemon::{Addresses, Daemon, Refusal, Source, State};
use crate::door::{Listener, Role, Settings};
use crate::telemetry::{Export, LogFormat, Target, leads_to, start_logs};

pub(super) async fn run(global: &Global, args: RunArgs) -> Exit {
    let format = if global.output == Output::Human { LogFormat::Text } else { LogFormat::Json };
    let loaded = load(&global.config, &Machine);
    tell(&loaded, global.verbose > 0);
    let Some(mut config) = loaded.config else { return Exit::BadConfiguration };
    let export = match config.export.clone().map(start_export).transpose() {
        Ok(export) => export,
        Err(error) => {
            eprintln!("error: set up the export of our own telemetry: {error:#}");
            return Exit::OurFault;
        }
    };
    start_logs(format, global.verbose, export.as_ref());
    let from_flag = args.data_dir.is_some();
    if let Some(data_dir) = args.data_dir {
        config.data_dir = data_dir;
    }
    // Before anybody can know that it runs: who sees it ready may stop it.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("error: listen for signals: {error}");
            return Exit::OurFault;
        }
    };
    let bare = global.config.is_empty();
    let (summary, data_dir) = (summary(&config), config.data_dir.clone());
    let entrance = config.entrance.clone();
    let endpoint = config.export.as_ref().map(|export| export.endpoint.clone());
    let source = source(global, from_flag.then(|| config.data_dir.clone()));
    let mut daemon = match Daemon::start(config, Some(source), State::Kept).await {
        Ok(daemon) => daemon,
        Err(error) => {
            eprintln!("error: {error:#}");
            return if error.is::<Refusal>() { Exit::NoState } else { Exit::OurFault };
        }
    };
    let addresses = daemon.addresses();
    if let (Some(export), Some(endpoint)) = (export, endpoint) {
        if leads_to(&endpoint, &[addresses.otlp_grpc, addresses.otlp_http, addresses.http]) {
            eprintln!("error: telemetry.otlp.endpoint {endpoint} is this daemon itself");
            eprintln!("  hint: name another receiver; what it says about itself would never end");
            return Exit::BadConfiguration;
        }
        daemon.export(export);
    }
    if !global.quiet {
        eprint!("{}", banner(addresses, &summary, &entrance, &data_dir, bare));
    }
    if let Some(path) = &args.ready_file
        && let Err(error) = write_ready_file(path, addresses)
    {
        eprintln!("error: write {}: {error}", path.display());
        return Exit::OurFault;
    }
    log_facts(&daemon);
    tell_the_manager(&[NotifyState::Ready]);
    keep_the_watchdog(&daemon);
    until_told(daemon, signals).await
}

/// Where systemd, or what speaks its protocol, has started us.
fn tell_the_manager(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(reason = error.to_string(), "daemon.manager.not_told");
    }
}

/// A ledger that answers is what there is life in: a daemon that hangs is started again.
fn keep_the_watchdog(daemon: &Daemon) {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    let pulse = daemon.pulse();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(within / 3).await;
            if pulse.beats().await {
                tell_the_manager(&[NotifyState::Watchdog]);
            }
        }
    });
}

/// Until a signal, then to the end of what is under way.
async fn until_told(mut daemon: Daemon, signals: Signals) -> Exit {
    let broken = until_the_end(&mut daemon, signals).await;
    tracing::info!("daemon.drain.started");
    tell_the_manager(&[NotifyState::Stopping]);
    let left = daemon.drain().await;
    if !left.left.is_empty() {
        tracing::warn!(notifications = left.left.len(), "daemon.drain.left_undelivered");
    }
    if broken {
        eprintln!(
            "error: the ledger has stopped by a fault of ours; what was counted is lost, please report this"
        );
        return Exit::OurFault;
    }
    Exit::Done
}

/// On a thread of its own: the exporter's client may not begin within a runtime.
fn start_export(export: config::Export) -> anyhow::Result<Export> {
    let config::Export { endpoint, interval, token } = export;
    let target = Target { endpoint, interval, token };
    let started = std::thread::spawn(move || Export::start(&target)).join();
    started.unwrap_or_else(|_| Err(anyhow::anyhow!("it broke off")))
}

/// Reads the same files again; a folder that was told on the command line stays.
fn source(global: &Global, data_dir: Option<PathBuf>) -> Source {
    let paths = global.config.clone();
    Arc::new(move || {
        let mut loaded = load(&paths, &Machine);
        if let (Some(config), Some(data_dir)) = (&mut loaded.config, &data_dir) {
            config.data_dir.clone_from(data_dir);
        }
        loaded
    })
}

fn summary(config: &Config) -> String {
    let rules = config.plan.rules.filter.len() + config.plan.rules.classify.len();
    format!("{} SLOs, {rules} rules, {} receivers", config.plan.slos.len(), config.receivers.len())
}

/// Who may use an address, for people.
fn who(entrance: &Settings, address: SocketAddr, listener: Listener) -> String {
    let local = address.ip().is_loopback();
    let mut parts = vec![if local { "this machine only" } else { "open to the network" }.to_owned()];
    if entrance.tls.is_some() {
        parts.push("TLS".to_owned());
    }
    let certificates = entrance.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if certificates {
        parts.push("with a client certificate".to_owned());
    }
    if !entrance.tokens.is_empty() {
        parts.push(format!("with a token of role {}", Role::of(listener).as_str()));
    } else if !certificates && !local {
        parts.push("without authentication".to_owned());
    }
    parts.join(", ")
}

fn banner(addresses: Addresses, summary: &str, entrance: &Settings, data_dir: &Path, bare: bool) -> String {
    let (grpc, otlp, page) = (addresses.otlp_grpc, addresses.otlp_http, addresses.http);
    let scheme = if entrance.tls.is_some() { "https" } else { "http" };
    let mut text = format!(
        "evenkeel {} with {summary}\n  OTLP gRPC  {grpc}  ({})\n  OTLP HTTP  {otlp}  ({})\n  page, API  {scheme}://{page}  ({})\n  state      {}\n",
        env!("CARGO_PKG_VERSION"),
        who(entrance, grpc, Listener::OtlpGrpc),
        who(entrance, otlp, Listener::OtlpHttp),
        who(entrance, page, Listener::Http),
        data_dir.display(),
    );
    if bare {
        text.push_str(&format!(
            "\nNo configuration: events are classified by the defaults, nothing is measured and nobody is paged.\n\
             Point an OpenTelemetry SDK here:\n\
             \x20 export OTEL_EXPORTER_OTLP_ENDPOINT=http://{}\n\
             \x20 export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n\
             \x20 export OTEL_SERVICE_NAME=my-service\n\
             Then look at  evenkeel tap  and write a first SLO:  evenkeel init  gives one to begin from.\n",
            addresses.otlp_http
        ));
    }
    text
}

/// Renamed into place, so that a reader never sees half of it.
fn write_ready_file(path: &Path, addresses: Addresses) -> std::io::Result<()> {
    let line = serde_json::json!({
        "otlp_grpc": addresses.otlp_grpc.to_string(),
        "otlp_http": addresses.otlp_http.to_string(),
        "http": addresses.http.to_string(),
        "pid": std::process::id(),
    });
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    fs::write(&name, format!("{line}\n"))?;
    fs::rename(&name, path)
}

/// Decisions are the log.
fn log_facts(daemon: &Daemon) {
    let mut facts = daemon.facts();
    tokio::spawn(async move {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            match facts.recv().await {
                Ok(fact) => {
                    let line = serde_json::to_string(&fact).unwrap_or_default();
                    tracing::info!(fact = line, "{}", fact.what.name());
                }
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "log.facts.lagged"),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// Whether it ended by a fault of ours.
async fn until_the_end(daemon: &mut Daemon, mut signals: Signals) -> bool {
    loop {
        tokio::select! {
            _ = signals.term.recv() => return false,
            _ = signals.int.recv() => return false,
            () = daemon.broken() => return true,
            _ = signals.hup.recv() => {
                if let Some(reloaded) = daemon.reload().await {
                    reloaded.diagnostics.iter().for_each(|line| eprintln!("error: {line}"));
                    reloaded.warnings.iter().for_each(|line| eprintln!("warning: {line}"));
                }
            }
        }
    }
}

struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }
}
