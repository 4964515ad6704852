//! One record that is no OTLP -> the export request of logs that says the same. No broker, no clock.
//!
//! As with OTLP's JSON, what the values mean is left to the one reader of protobuf: an event is a log record with an event
//! name, and goes the way of every other.

mod cloud;
mod mapping;
mod plain;
mod record;
mod severity;
#[cfg(test)]
mod tests;
mod time;
mod value;

pub use mapping::{Attributes, FieldOrConstant, FieldPath, Mapping, TimeField, TimeUnit};

use super::{Limits, Malformed};

/// A record as a broker hands it out.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    pub value: &'a [u8],
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The record's own time, which counts where the event gives none. Milliseconds since 1970-01-01 UTC.
    pub time_ms: Option<i64>,
}

/// Appends an `ExportLogsServiceRequest` for a CloudEvent, in whichever mode it comes; a batch is several log records.
/// On `Err` nothing is appended.
pub fn cloudevent(record: &RecordView<'_>, limits: Limits, out: &mut Vec<u8>) -> Result<(), Malformed> {
    record::append(out, limits, |events| cloud::write(record, limits, events))
}

/// Appends an `ExportLogsServiceRequest` for a JSON object. On `Err` nothing is appended.
pub fn json_event(
    record: &RecordView<'_>,
    mapping: &Mapping,
    limits: Limits,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    record::append(out, limits, |events| plain::write(record, mapping, limits, events))
}

/// In nanoseconds; 0 where the record has none.
fn of_the_record(record: &RecordView<'_>) -> u64 {
    let ms = record.time_ms.and_then(|ms| u64::try_from(ms).ok());
    ms.and_then(|ms| ms.checked_mul(1_000_000)).unwrap_or(0)
}
