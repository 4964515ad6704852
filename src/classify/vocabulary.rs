//! The words that mean something by themselves: which items have them, of what type they are,
//! and how they are read from an item. Every other name is an attribute.

use super::eval::Val;
use crate::model::{Item, ItemKind, SpanKind, SpanStatus, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Name,
    Kind,
    Status,
    Severity,
    Body,
    Duration,
    Time,
    Value,
}

/// What can be known of a value before there is an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Number,
    Text,
    Duration,
    Time,
    /// An attribute: whatever the sender puts there, but never a duration or a time.
    Any,
}

impl Variable {
    /// The variable that a whole name stands for. A dotted name never is one.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "kind" => Self::Kind,
            "status" => Self::Status,
            "severity" => Self::Severity,
            "body" => Self::Body,
            "duration" => Self::Duration,
            "time" => Self::Time,
            "value" => Self::Value,
            _ => return None,
        })
    }

    pub(super) fn ty(self) -> Type {
        match self {
            Self::Name | Self::Kind | Self::Status | Self::Body => Type::Text,
            Self::Severity | Self::Value => Type::Number,
            Self::Duration => Type::Duration,
            Self::Time => Type::Time,
        }
    }

    /// All values, where they are a closed list.
    pub(super) fn values(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Kind => Some(SpanKind::NAMES),
            Self::Status => Some(SpanStatus::NAMES),
            _ => None,
        }
    }

    /// The only item kind that has this, where it is not all of them.
    pub(super) fn only(self) -> Option<ItemKind> {
        match self {
            Self::Name | Self::Time => None,
            Self::Kind | Self::Status | Self::Duration => Some(ItemKind::Span),
            Self::Severity | Self::Body => Some(ItemKind::Log),
            Self::Value => Some(ItemKind::Metric),
        }
    }

    /// `None` where the item's kind does not have it, or it was not set: an empty name, a severity
    /// of 0, no time. A span always has a kind and a status (`unspecified`, `unset`).
    pub(super) fn of<'i>(self, item: &'i Item<'_>) -> Option<Val<'i>> {
        if self.only().is_some_and(|kind| kind != item.kind) {
            return None;
        }
        match self {
            Self::Name => (!item.name.is_empty()).then_some(Val::Text(item.name)),
            Self::Kind => Some(Val::Text(item.span_kind.as_str())),
            Self::Status => Some(Val::Text(item.status.as_str())),
            Self::Severity => (item.severity != 0).then_some(Val::Int(i64::from(item.severity))),
            Self::Body => item.body.map(|body| match body {
                Value::Str(text) => Val::Text(text),
                _ => Val::Other,
            }),
            Self::Duration => item.duration_ns.map(|ns| Val::Duration(i64::try_from(ns).unwrap_or(i64::MAX))),
            Self::Time => item.time.map(|time| Val::Time(time.0)),
            Self::Value => item.value.map(Val::Double),
        }
    }
}

impl Type {
    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Duration => "a duration",
            Self::Time => "a time",
            Self::Any => "an attribute",
        }
    }

    /// Whether values of the two can ever be compared.
    pub(super) fn meets(self, other: Self) -> bool {
        let plain = |ty| matches!(ty, Self::Bool | Self::Number | Self::Text | Self::Any);
        match (self, other) {
            (Self::Any, other) | (other, Self::Any) => plain(other),
            (one, other) => one == other,
        }
    }
}

/// OpenTelemetry's number for a severity's short name.
pub(super) fn severity_number(name: &str) -> Option<u8> {
    Some(match name.to_ascii_uppercase().as_str() {
        "TRACE" => 1,
        "DEBUG" => 5,
        "INFO" => 9,
        "WARN" | "WARNING" => 13,
        "ERROR" => 17,
        "FATAL" => 21,
        _ => return None,
    })
}
