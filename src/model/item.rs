//! One decoded item of a request, borrowed from the request's bytes.

use borsh::{BorshDeserialize, BorshSerialize};

use super::point::Point;
use super::time::EventTime;
use super::wanted::Slots;
use super::words::ItemKind;

/// One attribute value as far as rules can compare it. `Other` stands for bytes, arrays and maps:
/// present, but not comparable.
// With a tag of one byte the other seven are copied in pieces that overlap, which the processor waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u64)]
pub enum Value<'a> {
    Str(&'a str),
    Int(i64),
    Double(f64),
    Bool(bool),
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub enum SpanKind {
    #[default]
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub enum SpanStatus {
    #[default]
    Unset,
    Ok,
    Error,
}

/// A span, log record or metric point. Fields that its kind does not have are at their defaults.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    pub kind: ItemKind,
    /// A span's end, a log record's time (else its observed time), a point's time.
    /// `None` where the sender gave no time.
    pub time: Option<EventTime>,
    /// A span's end minus its start in nanoseconds; `None` where one is missing or they are the wrong way round.
    pub duration_ns: Option<u64>,
    /// Span name, metric name, or a log record's event name.
    pub name: &'a str,
    pub span_kind: SpanKind,
    pub status: SpanStatus,
    /// OpenTelemetry severity number, 0 where unset.
    pub severity: i32,
    /// A log record's body.
    pub body: Option<Value<'a>>,
    /// A number point's value; a histogram's or summary's sum.
    pub value: Option<f64>,
    /// The rest of a metric point.
    pub point: Option<&'a Point<'a>>,
    /// The span has an event named `exception`.
    pub has_exception_event: bool,
    /// 16 bytes, or empty.
    pub trace_id: &'a [u8],
    /// 8 bytes, or empty.
    pub span_id: &'a [u8],
    /// `service.name` of the resource, or `unknown_service`.
    pub service: &'a str,
    /// The attributes that the loaded rules name.
    pub slots: &'a Slots<'a>,
}

impl Item<'_> {
    /// A log record with an event's name is an event as well, as OpenTelemetry has it.
    pub fn is(&self, kind: ItemKind) -> bool {
        self.kind == kind || (kind == ItemKind::Event && self.kind == ItemKind::Log && !self.name.is_empty())
    }
}

impl SpanKind {
    pub const NAMES: &'static [&'static str] =
        &["unspecified", "internal", "server", "client", "producer", "consumer"];

    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// From OTLP's number; what is unknown counts as unspecified.
    pub fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }
}

impl SpanStatus {
    pub const NAMES: &'static [&'static str] = &["unset", "ok", "error"];

    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// From OTLP's number; what is unknown counts as unset.
    pub fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}
