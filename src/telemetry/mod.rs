//! Evenkeel's own metrics and logs: their names stand in one table, their set-up in one place.

mod export;
mod logs;
mod metrics;
pub mod process;

pub use export::{Export, SPANS, Target, leads_to};
pub use logs::{LogFormat, start_logs};
pub use metrics::{Metric, Metrics, Registered, TABLE};
