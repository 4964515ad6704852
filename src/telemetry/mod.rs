//! Evenkeel's own metrics and logs: their names stand in one table, their set-up in one place.

mod logs;
mod metrics;
pub mod process;

pub use logs::{LogFormat, start_logs};
pub use metrics::{Metric, Metrics, Registered, TABLE};
