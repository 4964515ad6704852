//! Spans and log records, field by field.

use super::Walk;
use super::attributes::{Raw, any_value};
use super::fault::Fault;
use super::wire::Reader;
use crate::decode::Malformed;
use crate::model::text::utf8;
use crate::model::{SpanKind, SpanStatus, Value};

/// An item while its fields come in, in whatever order.
#[derive(Debug, Default)]
pub struct Draft<'a> {
    pub time_ns: u64,
    pub duration_ns: Option<u64>,
    pub name: &'a [u8],
    /// Whose text `name` is, for the reason of a reject.
    pub named: &'static str,
    pub span_kind: SpanKind,
    pub status: SpanStatus,
    pub severity: i32,
    pub body: Option<Raw<'a>>,
    pub value: Option<f64>,
    pub has_exception_event: bool,
    pub trace_id: &'a [u8],
    pub span_id: &'a [u8],
    pub fault: Option<Fault<'a>>,
}

impl<'a> Draft<'a> {
    /// Name and body if nothing is wrong with the item.
    pub fn checked(&self) -> Result<(&'a str, Option<Value<'a>>), Fault<'a>> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        id("trace_id", self.trace_id, 16)?;
        id("span_id", self.span_id, 8)?;
        let name = utf8(self.name).ok_or(Fault::Text(self.named))?;
        let body = self.body.map(|raw| raw.checked().ok_or(Fault::Text("LogRecord.body"))).transpose()?;
        Ok((name, body))
    }
}

fn id(name: &'static str, id: &[u8], expected: usize) -> Result<(), Fault<'static>> {
    match id.len() {
        0 => Ok(()),
        len if len == expected => Ok(()),
        len => Err(Fault::IdLength { name, len, expected }),
    }
}

/// Tags of one byte each, of the fields that most spans and log records have.
mod tag {
    pub const SPAN_TRACE_ID: u8 = 0x0a;
    pub const SPAN_SPAN_ID: u8 = 0x12;
    pub const SPAN_PARENT: u8 = 0x22;
    pub const SPAN_NAME: u8 = 0x2a;
    pub const SPAN_KIND: u8 = 0x30;
    pub const SPAN_START: u8 = 0x39;
    pub const SPAN_END: u8 = 0x41;
    pub const SPAN_ATTRIBUTES: u8 = 0x4a;
    pub const LOG_TIME: u8 = 0x09;
    pub const LOG_SEVERITY: u8 = 0x10;
    pub const LOG_SEVERITY_TEXT: u8 = 0x1a;
    pub const LOG_ATTRIBUTES: u8 = 0x32;
}

impl<'a> Walk<'a, '_> {
    pub(super) fn span(&mut self, mut span: Reader<'a>) -> Result<(), Malformed> {
        let mut draft = self.begin("Span.name")?;
        let (mut start, mut end) = (0, 0);
        // Encoders write fields in the order of their numbers. Whatever comes otherwise is read below.
        if let Some(id) = span.next_block(tag::SPAN_TRACE_ID) {
            draft.trace_id = id.into_bytes();
        }
        if let Some(id) = span.next_block(tag::SPAN_SPAN_ID) {
            draft.span_id = id.into_bytes();
        }
        span.next_block(tag::SPAN_PARENT);
        if let Some(name) = span.next_block(tag::SPAN_NAME) {
            draft.name = name.into_bytes();
        }
        if let Some(kind) = span.next_byte(tag::SPAN_KIND) {
            draft.span_kind = SpanKind::from_number(kind);
        }
        if let Some(time) = span.next_fixed64(tag::SPAN_START) {
            start = time;
        }
        if let Some(time) = span.next_fixed64(tag::SPAN_END) {
            end = time;
        }
        self.attributes(&mut draft, &mut span, tag::SPAN_ATTRIBUTES)?;
        while let Some(field) = span.field()? {
            match field.number {
                1 => draft.trace_id = field.bytes("Span.trace_id")?,
                2 => draft.span_id = field.bytes("Span.span_id")?,
                5 => draft.name = field.bytes("Span.name")?,
                6 => draft.span_kind = SpanKind::from_number(enum_number(field.varint("Span.kind")?)),
                7 => start = field.fixed64("Span.start_time_unix_nano")?,
                8 => end = field.fixed64("Span.end_time_unix_nano")?,
                9 => {
                    self.attribute(&mut draft, field.message("Span.attributes")?)?;
                    self.attributes(&mut draft, &mut span, tag::SPAN_ATTRIBUTES)?;
                }
                11 => draft.has_exception_event |= is_exception(field.message("Span.events")?)?,
                15 => draft.status = status(field.message("Span.status")?, draft.status)?,
                _ => {}
            }
        }
        draft.time_ns = if end != 0 { end } else { start };
        draft.duration_ns = if start != 0 && end != 0 { end.checked_sub(start) } else { None };
        self.end(&draft);
        Ok(())
    }

    pub(super) fn log_record(&mut self, mut record: Reader<'a>) -> Result<(), Malformed> {
        let mut draft = self.begin("LogRecord.event_name")?;
        let (mut time, mut observed) = (0, 0);
        if let Some(first) = record.next_fixed64(tag::LOG_TIME) {
            time = first;
        }
        if let Some(severity) = record.next_byte(tag::LOG_SEVERITY) {
            draft.severity = severity as i32;
        }
        record.next_block(tag::LOG_SEVERITY_TEXT);
        while let Some(field) = record.field()? {
            match field.number {
                1 => time = field.fixed64("LogRecord.time_unix_nano")?,
                2 => draft.severity = field.varint("LogRecord.severity_number")? as i32,
                5 => draft.body = any_value(field.message("LogRecord.body")?)?.or(draft.body),
                6 => {
                    self.attribute(&mut draft, field.message("LogRecord.attributes")?)?;
                    self.attributes(&mut draft, &mut record, tag::LOG_ATTRIBUTES)?;
                }
                9 => draft.trace_id = field.bytes("LogRecord.trace_id")?,
                10 => draft.span_id = field.bytes("LogRecord.span_id")?,
                11 => observed = field.fixed64("LogRecord.observed_time_unix_nano")?,
                12 => draft.name = field.bytes("LogRecord.event_name")?,
                _ => {}
            }
        }
        draft.time_ns = if time != 0 { time } else { observed };
        self.end(&draft);
        Ok(())
    }
}

fn is_exception(mut event: Reader<'_>) -> Result<bool, Malformed> {
    let mut is_exception = false;
    while let Some(field) = event.field()? {
        if field.number == 2 {
            is_exception = field.bytes("Event.name")? == b"exception";
        }
    }
    Ok(is_exception)
}

fn status(mut status: Reader<'_>, before: SpanStatus) -> Result<SpanStatus, Malformed> {
    let mut code = before;
    while let Some(field) = status.field()? {
        if field.number == 3 {
            code = SpanStatus::from_number(enum_number(field.varint("Status.code")?));
        }
    }
    Ok(code)
}

/// Protobuf keeps the low 32 bits of an enum's varint.
fn enum_number(varint: u64) -> u64 {
    varint & 0xffff_ffff
}
