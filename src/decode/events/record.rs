//! Writes one log record as the export request that holds it alone. Requests that follow each other in one buffer are one
//! request.

use super::value::Json;
use crate::decode::json::write::Writer;
use crate::decode::{Limits, Malformed};

/// The name that OpenTelemetry's SDKs give who gives none.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

/// Field numbers, each of the message that its name begins with.
mod field {
    pub const REQUEST_RESOURCE_LOGS: u32 = 1;
    pub const RESOURCE_LOGS_RESOURCE: u32 = 1;
    pub const RESOURCE_LOGS_SCOPE_LOGS: u32 = 2;
    pub const RESOURCE_ATTRIBUTES: u32 = 1;
    pub const SCOPE_LOGS_LOG_RECORDS: u32 = 2;
    pub const LOG_TIME: u32 = 1;
    pub const LOG_SEVERITY: u32 = 2;
    pub const LOG_SEVERITY_TEXT: u32 = 3;
    pub const LOG_BODY: u32 = 5;
    pub const LOG_ATTRIBUTES: u32 = 6;
    pub const LOG_TRACE_ID: u32 = 9;
    pub const LOG_SPAN_ID: u32 = 10;
    pub const LOG_EVENT_NAME: u32 = 12;
    pub const PAIR_KEY: u32 = 1;
    pub const PAIR_VALUE: u32 = 2;
    pub const ANY_STRING: u32 = 1;
    pub const ANY_BOOL: u32 = 2;
    pub const ANY_INT: u32 = 3;
    pub const ANY_DOUBLE: u32 = 4;
}

/// A log record but for its attributes. What is empty or 0 is absent.
#[derive(Debug, Default)]
pub struct Head<'a> {
    pub service: &'a str,
    pub time_ns: u64,
    pub severity: u8,
    pub severity_text: &'a str,
    pub body: Option<&'a Json<'a>>,
    pub trace_id: &'a [u8],
    pub span_id: &'a [u8],
    pub event_name: &'a str,
}

/// Appends the request to `out`, or leaves it as it was.
pub fn append(
    out: &mut Vec<u8>,
    limits: Limits,
    write: impl FnOnce(&mut Events) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let begin = out.len();
    let bytes_max = limits.bytes_max;
    let mut events = Events { writer: Writer { bytes: std::mem::take(out) }, begin, bytes_max };
    let written = write(&mut events);
    *out = events.writer.bytes;
    written.inspect_err(|_| out.truncate(begin))
}

/// Where log records are appended.
pub struct Events {
    writer: Writer,
    begin: usize,
    bytes_max: usize,
}

impl Events {
    pub fn write<'a>(
        &mut self,
        head: &Head<'_>,
        attributes: impl IntoIterator<Item = (&'a str, &'a Json<'a>)>,
    ) -> Result<(), Malformed> {
        let resource_logs = self.writer.open(field::REQUEST_RESOURCE_LOGS);
        let resource = self.writer.open(field::RESOURCE_LOGS_RESOURCE);
        let service = if head.service.is_empty() { UNKNOWN_SERVICE } else { head.service };
        self.pair(field::RESOURCE_ATTRIBUTES, "service.name", |writer| {
            writer.text(field::ANY_STRING, service.as_bytes());
        });
        self.writer.close(resource);
        let scope_logs = self.writer.open(field::RESOURCE_LOGS_SCOPE_LOGS);
        let record = self.writer.open(field::SCOPE_LOGS_LOG_RECORDS);
        self.head(head);
        for (name, value) in attributes {
            self.flat(&mut name.to_owned(), value)?;
        }
        for (number, id) in [(field::LOG_TRACE_ID, head.trace_id), (field::LOG_SPAN_ID, head.span_id)] {
            if !id.is_empty() {
                self.writer.text(number, id);
            }
        }
        if !head.event_name.is_empty() {
            self.writer.text(field::LOG_EVENT_NAME, head.event_name.as_bytes());
        }
        self.writer.close(record);
        self.writer.close(scope_logs);
        self.writer.close(resource_logs);
        self.within_limits()
    }

    fn head(&mut self, head: &Head<'_>) {
        let writer = &mut self.writer;
        if head.time_ns != 0 {
            writer.fixed64(field::LOG_TIME, head.time_ns);
        }
        if head.severity != 0 {
            writer.varint(field::LOG_SEVERITY, u64::from(head.severity));
        }
        if !head.severity_text.is_empty() {
            writer.text(field::LOG_SEVERITY_TEXT, head.severity_text.as_bytes());
        }
        if let Some(body) = head.body.filter(|body| !matches!(body, Json::Null)) {
            let open = writer.open(field::LOG_BODY);
            any(writer, body);
            writer.close(open);
        }
    }

    /// An attribute for each scalar: objects are followed, with dots between the names. `name` is as it was afterwards.
    fn flat(&mut self, name: &mut String, value: &Json<'_>) -> Result<(), Malformed> {
        match value {
            Json::Object(fields) => {
                let len = name.len();
                for (key, value) in fields {
                    if len > 0 {
                        name.push('.');
                    }
                    name.push_str(key);
                    self.flat(name, value)?;
                    name.truncate(len);
                }
                Ok(())
            }
            Json::Null => Ok(()),
            value if !name.is_empty() => {
                self.pair(field::LOG_ATTRIBUTES, name, |writer| any(writer, value));
                self.within_limits()
            }
            _ => Ok(()),
        }
    }

    fn pair(&mut self, number: u32, name: &str, value: impl FnOnce(&mut Writer)) {
        let pair = self.writer.open(number);
        self.writer.text(field::PAIR_KEY, name.as_bytes());
        let any = self.writer.open(field::PAIR_VALUE);
        value(&mut self.writer);
        self.writer.close(any);
        self.writer.close(pair);
    }

    fn within_limits(&self) -> Result<(), Malformed> {
        match self.writer.bytes.len() - self.begin > self.bytes_max {
            true => Err(Malformed::TooMuch(format!("{} bytes of protobuf", self.bytes_max))),
            false => Ok(()),
        }
    }
}

/// What has parts is JSON text: rules read texts.
fn any(writer: &mut Writer, value: &Json<'_>) {
    match value {
        Json::Bool(truth) => writer.varint(field::ANY_BOOL, u64::from(*truth)),
        Json::Int(number) => writer.varint(field::ANY_INT, number.cast_unsigned()),
        Json::Double(number) => writer.fixed64(field::ANY_DOUBLE, number.to_bits()),
        Json::Text(text) => writer.text(field::ANY_STRING, text.as_bytes()),
        other => writer.text(field::ANY_STRING, other.text().as_bytes()),
    }
}
