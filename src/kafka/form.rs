//! A record's value in the form in which items are folded.

use std::borrow::Cow;

use rdkafka::message::{BorrowedMessage, Headers, Message};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::kafka::Format;
use crate::decode::events::{self, RecordView};
use crate::decode::{Encoding, Limits, Malformed};
use crate::model::EventTime;

pub(super) fn encoding(format: &Format) -> Encoding {
    match format {
        Format::OtlpJson => Encoding::Json,
        Format::OtlpProto | Format::CloudEvents | Format::Json(_) => Encoding::Protobuf,
    }
}

/// An export request; why there is none. A record without a value says that a key is gone: nothing happened.
pub(super) fn body<'m>(format: &Format, message: &'m BorrowedMessage<'_>) -> Result<Cow<'m, [u8]>, String> {
    let Some(value) = message.payload() else { return Ok(Cow::Borrowed(&[])) };
    let bytes_max = Limits::DEFAULT.bytes_max;
    if value.len() > bytes_max {
        return Err(Malformed::TooMuch(format!("{bytes_max} bytes")).of_record());
    }
    if matches!(format, Format::OtlpProto | Format::OtlpJson) {
        return Ok(Cow::Borrowed(value));
    }
    let headers: Vec<(&str, &[u8])> = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key, header.value.unwrap_or_default())).collect()
    });
    let record = RecordView { value, headers: &headers, time_ms: message.timestamp().to_millis() };
    let mut out = Vec::with_capacity(value.len() * 2);
    let made = match format {
        Format::Json(mapping) => events::json_event(&record, mapping, Limits::DEFAULT, &mut out),
        _ => events::cloudevent(&record, Limits::DEFAULT, &mut out),
    };
    made.map(|()| Cow::Owned(out)).map_err(Malformed::of_record)
}

/// By which a record is known again: the same value at another time is another record.
pub(super) fn digest(message: &BorrowedMessage<'_>) -> u64 {
    let seed = message.timestamp().to_millis().unwrap_or_default().unsigned_abs();
    xxh3_64_with_seed(message.payload().unwrap_or_default(), seed)
}

/// When the record was made, as its producer or its broker says.
pub(super) fn time(message: &BorrowedMessage<'_>) -> Option<EventTime> {
    let millis = u64::try_from(message.timestamp().to_millis()?).ok().filter(|millis| *millis > 0)?;
    Some(EventTime(millis.saturating_mul(1_000_000)))
}
