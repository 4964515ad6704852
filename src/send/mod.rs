//! Edge: made-up traffic for `evenkeel send` and `demo`. [`Traffic`] makes it, as a pure function of a seed and
//! a stretch of event time; [`Wire`] sends it, as any exporter would; [`run`] does both by the wall clock.

mod args;
mod chance;
mod deliver;
mod export;
mod traffic;
mod units;

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

pub use args::{Protocol, SendArgs, Signals};
#[cfg(test)]
pub(crate) use chance::Chance;
pub use deliver::{Credentials, Delivered, Failure, Wire, call, connect, post};
pub use export::Export;
pub use traffic::Traffic;
pub use units::duration;

/// Requests that wait for an answer at a time. A receiver that is slower than the rate makes us fall behind,
/// which the summary's duration shows.
const IN_FLIGHT_MAX: usize = 16;

const TRIES_MAX: u32 = 5;
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
const PROGRESS_EACH: Duration = Duration::from_secs(10);

/// What became of everything that was made. sent = accepted + rejected + failed.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Report {
    pub endpoint: String,
    /// What the numbers count: `spans`, …
    pub items: &'static str,
    pub requests: u64,
    pub sent: u64,
    pub accepted: u64,
    pub rejected: u64,
    /// Not taken, or in doubt.
    pub failed: u64,
    /// Why the first of the rejected or failed items was.
    pub reason: Option<String>,
    pub seconds: f64,
}

/// Why nothing could be sent at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Exit code 69.
    Unreachable { endpoint: String, why: String },
    /// Exit code 2.
    BadEndpoint { endpoint: String, why: String },
    /// Exit code 77.
    Denied { endpoint: String, why: String },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { endpoint, why } => write!(f, "nothing answers at {endpoint}: {why}"),
            Self::BadEndpoint { endpoint, why } => write!(f, "cannot send to {endpoint}: {why}"),
            Self::Denied { endpoint, why } => write!(f, "{endpoint} does not let us in: {why}"),
        }
    }
}

impl std::error::Error for SendError {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, items, sent, accepted, rejected, failed, seconds, .. } = self;
        write!(f, "sent {sent} {items} to {endpoint} in {seconds:.1} s: ")?;
        write!(f, "{accepted} accepted, {rejected} rejected, {failed} failed")?;
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

impl Report {
    fn settle(&mut self, items: u64, result: Result<Delivered, Failure>) {
        let reason = match result {
            Ok(delivered) => {
                let rejected = delivered.rejected.min(items);
                self.rejected += rejected;
                self.accepted += items - rejected;
                delivered.reason
            }
            Err(
                Failure::Unreachable(text)
                | Failure::Busy { text, .. }
                | Failure::Refused(text)
                | Failure::Denied(text),
            ) => {
                self.failed += items;
                Some(text)
            }
        };
        if self.reason.is_none() {
            self.reason = reason;
        }
    }
}

/// Sends until the asked time is over or Ctrl-C comes, and tells on `progress` (standard error) how it goes.
/// `client` is used for HTTP only, and brings its credentials along; `credentials` are for gRPC.
pub async fn run(
    args: &SendArgs,
    client: &reqwest::Client,
    credentials: &Credentials,
    progress: &mut (dyn Write + Send),
) -> Result<Report, SendError> {
    let endpoint = args.endpoint();
    let wire = wire(args, client, credentials, &endpoint).await?;
    let mut report = Report { endpoint: endpoint.clone(), items: args.signal.items(), ..Report::default() };
    let origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    let seed = args.seed.unwrap_or(origin ^ u64::from(std::process::id()));
    let traffic = args.traffic(seed, origin);
    let (began, slice) = (Instant::now(), args.slice());
    let met = Arc::new(AtomicBool::new(false));
    let mut flights = JoinSet::new();
    let mut told = began;
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut from = Duration::ZERO;

    'time: while from < args.length {
        let to = (from + slice).min(args.length);
        tokio::select! {
            () = sleep_until(began + to) => {}
            _ = &mut interrupted => break 'time,
        }
        let (from_ns, to_ns) = (origin + from.as_nanos() as u64, origin + to.as_nanos() as u64);
        for one in &traffic {
            for signal in args.signal.list() {
                let export = one.export(*signal, from_ns, to_ns);
                if export.items == 0 {
                    continue;
                }
                land(&mut flights, IN_FLIGHT_MAX - 1, &mut report, &met).await?;
                report.sent += export.items;
                report.requests += 1;
                let (wire, met) = (wire.clone(), Arc::clone(&met));
                flights.spawn(async move { (export.items, insist(&wire, &export, &met).await) });
            }
        }
        if told.elapsed() >= PROGRESS_EACH {
            told = Instant::now();
            let left = args.length.saturating_sub(to).as_secs();
            // Progress is a courtesy: a closed standard error must not stop the sending.
            let _ = writeln!(progress, "sent {} {}, {left} s left", report.sent, report.items);
        }
        from = to;
    }
    land(&mut flights, 0, &mut report, &met).await?;
    report.seconds = began.elapsed().as_secs_f64();
    let _ = writeln!(progress, "{report}");
    Ok(report)
}

async fn wire(
    args: &SendArgs,
    client: &reqwest::Client,
    credentials: &Credentials,
    endpoint: &str,
) -> Result<Wire, SendError> {
    let bad = |why: String| SendError::BadEndpoint { endpoint: endpoint.to_owned(), why };
    let scheme = endpoint.split_once("://").map_or("", |(scheme, _)| scheme);
    match (args.protocol, scheme) {
        (Protocol::HttpProtobuf, "http" | "https") => {
            reqwest::Url::parse(endpoint).map_err(|error| bad(error.to_string()))?;
            Ok(Wire::Http { client: client.clone(), endpoint: endpoint.to_owned(), gzip: args.gzip })
        }
        (Protocol::Grpc, "http" | "https") => match connect(endpoint, credentials).await {
            Ok(channel) => {
                let authorization = credentials.authorization.clone();
                Ok(Wire::Grpc { channel, gzip: args.gzip, authorization })
            }
            Err(Failure::Unreachable(why)) => {
                Err(SendError::Unreachable { endpoint: endpoint.to_owned(), why })
            }
            Err(Failure::Busy { text, .. } | Failure::Refused(text) | Failure::Denied(text)) => {
                Err(bad(text))
            }
        },
        _ => Err(bad("the endpoint must begin with http:// or https://".to_owned())),
    }
}

type Landed = (u64, Result<Delivered, Failure>);

/// Waits until at most `left_max` requests are in flight. Unreachable before anything was answered ends all.
async fn land(
    flights: &mut JoinSet<Landed>,
    left_max: usize,
    report: &mut Report,
    met: &AtomicBool,
) -> Result<(), SendError> {
    loop {
        let next = match flights.len() > left_max {
            true => flights.join_next().await,
            false => flights.try_join_next(),
        };
        let Some(landed) = next else { return Ok(()) };
        match landed {
            Ok((_, Err(Failure::Unreachable(why)))) if !met.load(Ordering::Relaxed) => {
                return Err(SendError::Unreachable { endpoint: report.endpoint.clone(), why });
            }
            Ok((_, Err(Failure::Denied(why)))) => {
                return Err(SendError::Denied { endpoint: report.endpoint.clone(), why });
            }
            Ok((items, result)) => report.settle(items, result),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

/// Tries again what may pass later. Who never answered yet is not waited for.
async fn insist(wire: &Wire, export: &Export, met: &AtomicBool) -> Result<Delivered, Failure> {
    let mut wait = RETRY_FIRST;
    for attempt in 1.. {
        let result = wire.deliver(export).await;
        let retry_after = match &result {
            Err(Failure::Unreachable(_)) if met.load(Ordering::Relaxed) => None,
            Err(Failure::Unreachable(_)) => return result,
            Err(Failure::Busy { retry_after, .. }) => {
                met.store(true, Ordering::Relaxed);
                *retry_after
            }
            Ok(_) | Err(Failure::Refused(_) | Failure::Denied(_)) => {
                met.store(true, Ordering::Relaxed);
                return result;
            }
        };
        if attempt == TRIES_MAX {
            return result;
        }
        sleep(retry_after.unwrap_or(wait).min(RETRY_MAX)).await;
        wait *= 2;
    }
    unreachable!("the last attempt returns")
}

#[cfg(test)]
mod tests;
