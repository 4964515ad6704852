//! The words that every other folder shares. No behaviour beyond their invariants, and
//! nothing here knows where bytes come from or where pages go.

mod alerting;
mod item;
mod number;
mod point;
pub mod saved;
pub mod text;
mod time;
mod wanted;
mod words;

pub use alerting::{Compiled, Labels, Matcher, MatcherOp, anchored};
pub use item::{Item, SpanKind, SpanStatus, Value};
pub use number::{DecimalError, Parts, Quotient, parse_parts};
pub use point::{Buckets, Exponential, Histogram, Number, Packed, Point, PointData, Temporality};
pub use time::{EventTime, Now, SECOND_NS, rfc3339};
pub use wanted::{Origin, Slot, Slots, Wanted};
pub use words::{Category, ItemKind, Priority, Severity, Signal, Tier};
