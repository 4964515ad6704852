//! What a worker makes of one request: the delta that the ledger applies whole or not at all.

use crate::decode::Encoding;
use crate::model::{Category, EventTime, ItemKind, Now, Signal};

/// One export request, decompressed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub signal: Signal,
    pub encoding: Encoding,
    pub body: &'a [u8],
    /// When it arrived; decides what is `future`.
    pub now: Now,
}

/// Stands for whoever waits for the answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckToken(pub u64);

/// The answer to one request. OTLP's partial success is `rejected > 0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    Accepted {
        rejected: u64,
        reason: Option<String>,
    },
    /// The same bytes were answered before; nothing was counted again.
    Duplicate {
        rejected: u64,
        reason: Option<String>,
    },
    /// The batch was folded under another plan: fold the request again.
    StalePlan,
}

#[derive(Clone, Debug)]
pub struct Batch {}

/// One classified event in full, for people to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    pub time: EventTime,
    pub kind: ItemKind,
    pub service: String,
    pub name: String,
    pub category: Category,
    /// The rule, or `default:…`, that set the category.
    pub decided_by: String,
    pub status: &'static str,
    pub severity: i32,
    pub body: Option<String>,
    pub duration_ns: u64,
    pub trace_id: String,
    pub span_id: String,
}
