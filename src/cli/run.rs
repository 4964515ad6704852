//! `run`: the daemon until SIGTERM or Ctrl-C.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;
use super::args::{Global, RunArgs};
use super::banner::{Banner, Voice};
use super::world::Machine;
use crate::config::{self, load};
use crate::daemon::{Addresses, Daemon, NoPort, Refusal, Source, State};
use crate::telemetry::{Export, Target, leads_to, start_logs};

pub(super) async fn run(global: &Global, args: RunArgs) -> Exit {
    let voice = Voice::of(global);
    if let Some(path) = &args.ready_file {
        // One that is left over would say that we are ready.
        let _none_there = fs::remove_file(path);
    }
    let loaded = load(&global.config, &Machine);
    let export = loaded.config.as_ref().and_then(|config| config.export.clone());
    let export = export.map(start_export).transpose();
    start_logs(voice.0, global.verbose, export.as_ref().ok().and_then(Option::as_ref));
    voice.findings(&loaded, global.verbose > 0);
    let Some(mut config) = loaded.config else { return Exit::BadConfiguration };
    let export = match export {
        Ok(export) => export,
        Err(error) => {
            voice.failed(&format!("set up the export of our own telemetry: {error:#}"), "");
            return Exit::OurFault;
        }
    };
    let from_flag = args.data_dir.is_some();
    if let Some(data_dir) = args.data_dir {
        config.data_dir = data_dir;
    }
    // Before anybody can know that it runs: who sees it ready may stop it.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            voice.failed(&format!("listen for signals: {error}"), "");
            return Exit::OurFault;
        }
    };
    let banner = Banner::of(&config, global.config.is_empty());
    let endpoint = config.export.as_ref().map(|export| export.endpoint.clone());
    let source = source(global, from_flag.then(|| config.data_dir.clone()));
    let mut daemon = match Daemon::start(config, Some(source), State::Kept).await {
        Ok(daemon) => daemon,
        Err(error) => {
            voice.failed(&format!("{error:#}"), "");
            return no_start(&error);
        }
    };
    let addresses = daemon.addresses();
    if let (Some(export), Some(endpoint)) = (export, endpoint) {
        if leads_to(&endpoint, &[addresses.otlp_grpc, addresses.otlp_http, addresses.http]) {
            let hint = "name another receiver; what it says about itself would never end";
            voice.failed(&format!("telemetry.otlp.endpoint {endpoint} is this daemon itself"), hint);
            return Exit::BadConfiguration;
        }
        daemon.export(export);
    }
    if !global.quiet {
        banner.tell(voice, addresses);
    }
    if let Some(path) = &args.ready_file
        && let Err(error) = write_ready_file(path, addresses)
    {
        voice.failed(&format!("write {}: {error}", path.display()), "");
        return Exit::OurFault;
    }
    log_facts(&daemon);
    tell_the_manager(&[NotifyState::Ready]);
    keep_the_watchdog(&daemon);
    until_told(daemon, signals, voice, args.ready_file.as_deref()).await
}

/// A port that is taken, or is to come, may be there at the next try; what is not allowed stays so.
fn no_start(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<NoPort>() {
        Some(no_port) if no_port.is_forbidden() => Exit::NotPermitted,
        Some(_) => Exit::Unreachable,
        None if error.is::<Refusal>() => Exit::NoState,
        None => Exit::OurFault,
    }
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
async fn until_told(mut daemon: Daemon, signals: Signals, voice: Voice, ready: Option<&Path>) -> Exit {
    let broken = until_the_end(&mut daemon, signals, voice).await;
    if let Some(path) = ready {
        let _gone_already = fs::remove_file(path);
    }
    tracing::info!("daemon.drain.started");
    tell_the_manager(&[NotifyState::Stopping]);
    let left = daemon.drain().await;
    if !left.left.is_empty() {
        tracing::warn!(notifications = left.left.len(), "daemon.drain.left_undelivered");
    }
    if broken {
        voice.failed(
            "the ledger has stopped by a fault of ours; what was counted is lost, please report this",
            "",
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
async fn until_the_end(daemon: &mut Daemon, mut signals: Signals, voice: Voice) -> bool {
    loop {
        tokio::select! {
            _ = signals.term.recv() => return false,
            _ = signals.int.recv() => return false,
            () = daemon.broken() => return true,
            _ = signals.hup.recv() => {
                if let Some(reloaded) = daemon.reload().await {
                    voice.reloaded(&reloaded.diagnostics, &reloaded.warnings);
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
