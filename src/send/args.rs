//! The command line of `evenkeel send`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::traffic::Traffic;
use super::units;
use crate::model::Signal;

/// Send made-up requests of made-up services as OTLP, to see what Evenkeel makes of them
#[derive(Args, Clone, Debug)]
pub struct SendArgs {
    /// Name of a service; repeat it for more
    #[arg(long = "service", value_name = "NAME", default_value = "checkout")]
    pub services: Vec<String>,

    /// Requests of each service
    #[arg(long, value_name = "RATE", default_value = "100/s", value_parser = units::rate)]
    pub rate: f64,

    /// Share of the requests that fail with a 5xx status
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = units::share)]
    pub errors: f64,

    /// Median duration of a request
    #[arg(long, value_name = "DURATION", default_value = "80ms", value_parser = units::duration)]
    pub latency: Duration,

    /// How long to go on
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = units::duration)]
    pub length: Duration,

    /// What to tell of each request
    #[arg(long, value_enum, default_value_t = Signals::Traces)]
    pub signal: Signals,

    #[arg(long, value_enum, default_value_t = Protocol::HttpProtobuf)]
    pub protocol: Protocol,

    /// Where to [default: http://127.0.0.1:4318, or :4317 for grpc]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,

    /// Compress the requests
    #[arg(long)]
    pub gzip: bool,

    /// Most items of one export request
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: u32,

    /// Longest time that one export request covers
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = units::duration)]
    pub interval: Duration,

    /// The same seed makes the same draws [default: by the clock]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Signals {
    Traces,
    Logs,
    Metrics,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    #[value(name = "http/protobuf")]
    HttpProtobuf,
    Grpc,
}

impl Signals {
    pub fn list(self) -> &'static [Signal] {
        match self {
            Self::Traces => &[Signal::Traces],
            Self::Logs => &[Signal::Logs],
            Self::Metrics => &[Signal::Metrics],
            Self::All => Signal::ALL,
        }
    }

    /// What the items are called in the summary.
    pub fn items(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Logs => "log records",
            Self::Metrics => "data points",
            Self::All => "items",
        }
    }
}

impl SendArgs {
    /// As a base URL without a slash at its end. A bare `HOST:PORT` means http.
    pub fn endpoint(&self) -> String {
        let default = match self.protocol {
            Protocol::HttpProtobuf => "http://127.0.0.1:4318",
            Protocol::Grpc => "http://127.0.0.1:4317",
        };
        let given = self.endpoint.as_deref().unwrap_or(default);
        let url = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        url.trim_end_matches('/').to_owned()
    }

    pub(super) fn traffic(&self, seed: u64, origin_ns: u64) -> Vec<Traffic> {
        let one = |service: &String| Traffic {
            service: service.clone(),
            version: "1.0.0".to_owned(),
            rate_per_s: self.rate,
            error_share: self.errors,
            latency_ms: self.latency.as_secs_f64() * 1000.0,
            seed,
            origin_ns,
        };
        self.services.iter().map(one).collect()
    }

    /// The time that one request covers: the interval, or less where it would hold too many items.
    pub(super) fn slice(&self) -> Duration {
        let full = Duration::from_secs_f64(f64::from(self.batch) / self.rate);
        self.interval.min(full).max(Duration::from_micros(1))
    }
}
