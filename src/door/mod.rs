//! Edge: the listening sockets, and what every connection and request meets before anybody looks at what it
//! wants: limits on their number, on how long a peer may keep us waiting, on what HTTP may carry, and the
//! question who may come in.
//!
//! Binding is apart from serving, so that the daemon can hold every port before it accepts on any of them.
//! What a request means is not known here.

mod caps;
mod files;
mod frames;
mod gate;
mod heads;
mod meters;
mod rate;
mod serve;
mod share;
mod socket;
mod stream;
mod tls;
mod tokens;
mod watch;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use caps::Caps;
use rate::Allowances;
use tls::Tls;
use tokens::Tokens;

pub use caps::Limits;
pub use files::open_max as open_files_max;
pub use gate::{Denied, Guest};
pub use meters::{ListenerCounts, Meters};
pub use rate::Rates;
pub use serve::{DRAIN_MAX, Visitor, serve};
pub use share::{Drain, Share};
pub use tls::{TlsFile, TlsFiles, TlsTexts, TlsTrouble, check_certificates};
pub use tokens::{Role, TokenFile, token_in};
pub use watch::Busy;

/// What is said of rates that differ.
pub const ALL_LIMITS: &str = "limits: changed";

const LOOK_EACH: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    OtlpGrpc,
    OtlpHttp,
    /// The page, the API, metrics.
    Http,
}

impl Listener {
    pub const ALL: [Self; 3] = [Self::OtlpGrpc, Self::OtlpHttp, Self::Http];

    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtlpGrpc => "otlp_grpc",
            Self::OtlpHttp => "otlp_http",
            Self::Http => "http",
        }
    }
}

/// A port that is ours but not yet served.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Bound {
    /// The address as bound: a port 0 has become the port that was taken.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// A process that was killed as it started a program leaves a copy of itself for a moment, which holds its ports as well.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

async fn patiently(addr: &str) -> io::Result<TcpListener> {
    for _ in 1..ATTEMPTS {
        match TcpListener::bind(addr).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => tokio::time::sleep(PAUSE).await,
            other => return other,
        }
    }
    TcpListener::bind(addr).await
}

/// Takes a port for [`serve`].
pub async fn bind(addr: &str) -> io::Result<Bound> {
    let listener = patiently(addr).await?;
    let addr = listener.local_addr()?;
    Ok(Bound { listener, addr })
}

/// What the listeners are told by the configuration. Names files, holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// None: everybody may come in.
    pub tokens: Vec<TokenFile>,
    pub tls: Option<TlsFiles>,
    pub limits: Limits,
    /// Of all senders together.
    pub rates: Rates,
}

impl Settings {
    /// Whether all but the rates is the same, which alone can change while listeners are open.
    pub fn same_but_for_rates(&self, other: &Self) -> bool {
        let without = |settings: &Self| {
            let mut settings = Self { rates: Rates::default(), ..settings.clone() };
            settings.tokens.iter_mut().for_each(|token| token.rates = Rates::default());
            settings
        };
        without(self) == without(other)
    }
}

/// What the listeners of a process share.
#[derive(Debug)]
pub struct Entrance {
    tokens: Option<Tokens>,
    tls: Option<Tls>,
    caps: Caps,
    allowances: Allowances,
    /// What the allowances count time from.
    opened: Instant,
    meters: Meters,
}

impl Default for Entrance {
    fn default() -> Self {
        Self {
            tokens: None,
            tls: None,
            caps: Caps::new(Limits::default()),
            allowances: Allowances::default(),
            opened: Instant::now(),
            meters: Meters::default(),
        }
    }
}

impl Entrance {
    /// Reads the files that the settings name.
    pub fn open(settings: &Settings) -> io::Result<Self> {
        let tokens = match settings.tokens.as_slice() {
            [] => None,
            files => Some(Tokens::read(files)?),
        };
        let tls = settings.tls.as_ref().map(Tls::read).transpose()?;
        let caps = Caps::new(settings.limits.within(files::open_max()));
        let allowances = Allowances::new(settings.rates);
        Ok(Self { tokens, tls, caps, allowances, ..Self::default() })
    }

    /// Puts other rates into effect, of all senders and of the tokens that are known already; what differs, in words.
    pub fn set_rates(&self, settings: &Settings) -> Vec<String> {
        let all = self.allowances.set(settings.rates).then(|| ALL_LIMITS.to_owned());
        let tokens = self.tokens.as_ref().map(|tokens| tokens.set_rates(&settings.tokens));
        let tokens = tokens.into_iter().flatten().map(|name| format!("limits of token {name}: changed"));
        all.into_iter().chain(tokens).collect()
    }

    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Of the listeners' addresses.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Looks each second whether a file has changed, until `shutdown`.
    pub async fn keep(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
        let mut shutdown = pin!(shutdown);
        let mut pace = tokio::time::interval(LOOK_EACH);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = pace.tick() => {}
                () = &mut shutdown => return Ok(()),
            }
            let entrance = Arc::clone(&self);
            let _panicked = tokio::task::spawn_blocking(move || entrance.look()).await;
        }
    }

    fn look(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.look();
        }
        if let Some(tls) = &self.tls {
            tls.look();
        }
    }
}
