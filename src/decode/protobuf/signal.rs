//! Which signal a request in protobuf is of. The three have one shape down to their items, and there the same field
//! numbers with other types.

use super::wire::{Reader, Wire};
use crate::decode::Malformed;
use crate::model::Signal;

/// That of the first item which tells it; an item without any field tells nothing.
pub fn signal(body: &[u8]) -> Result<Option<Signal>, Malformed> {
    let mut request = Reader::new(body);
    while let Some(field) = request.field()? {
        if field.number == 1 {
            let mut resource = field.message("resource_spans, resource_logs or resource_metrics")?;
            while let Some(field) = resource.field()? {
                if field.number == 2 {
                    let mut scope = field.message("scope_spans, scope_logs or scope_metrics")?;
                    while let Some(field) = scope.field()? {
                        if field.number == 2
                            && let Some(signal) = of_item(field.message("spans, log_records or metrics")?)?
                        {
                            return Ok(Some(signal));
                        }
                    }
                }
            }
        }
    }
    Ok(None)
}

/// A span has fixed times in 7 and 8, a log record in 1 and 11, a metric nowhere. Where a sender knows no time, a
/// span has its 16 bytes of trace id where a metric has its name, and a log record has nothing there.
fn of_item(mut item: Reader<'_>) -> Result<Option<Signal>, Malformed> {
    let (mut any, mut first) = (false, None);
    while let Some(field) = item.field()? {
        any = true;
        match (field.number, field.wire()) {
            // Times, kind, numbers of what was dropped, status.
            (7 | 8, Wire::Fixed64) | (6 | 10 | 12 | 14, Wire::Varint) | (15, Wire::Bytes) => {
                return Ok(Some(Signal::Traces));
            }
            // Times, severity, number of what was dropped, flags, attributes.
            (1 | 11, Wire::Fixed64) | (2 | 7, Wire::Varint) | (8, Wire::Fixed32) | (6, Wire::Bytes) => {
                return Ok(Some(Signal::Logs));
            }
            // A sum.
            (7, Wire::Bytes) => return Ok(Some(Signal::Metrics)),
            (1, Wire::Bytes) => first = Some(field.bytes("trace_id or name")?),
            _ => {}
        }
    }
    Ok(match first {
        Some(id) if id.len() == 16 && !is_name(id) => Some(Signal::Traces),
        Some(_) => Some(Signal::Metrics),
        None => any.then_some(Signal::Logs),
    })
}

/// Text that begins with a letter, as instruments are named. Ids are made by chance.
fn is_name(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.starts_with(char::is_alphabetic) && !text.contains(char::is_control)
}
