//! Structured logs to standard error, and spans to where they are exported.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::export::{Export, SPANS};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `verbosity`: 0 tells what an operator must know, 1 each decision, 2 each request.
/// Calling it again changes nothing.
pub fn start_logs(format: LogFormat, verbosity: u8, export: Option<&Export>) {
    let level = match verbosity {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::new(format!("warn,evenkeel={level},{SPANS}=off"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let spans = export.map(Export::layer);
    let _already_started = tracing_subscriber::registry().with(lines).with(spans).try_init();
}
