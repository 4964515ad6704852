//! What a worker makes of one request: the delta that the ledger applies whole or not at all.

use borsh::{BorshDeserialize, BorshSerialize};

use super::points::Points;
use super::record::EventRecord;
use super::sources::Offsets;
use super::watch::WatchHit;
use crate::classify::Decider;
use crate::decode::Encoding;
use crate::model::{Category, EventTime, Now, Signal};

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
    /// Items of these identities were counted before: fold the request again without them.
    Known(Vec<u64>),
    /// The partition stands at another offset than where the batch begins; nothing was counted. `None`: it has no place.
    Elsewhere {
        next: Option<i64>,
    },
}

#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Batch {
    pub plan_version: u64,
    pub signal: Signal,
    /// `None` where equal bytes need not mean a repeated request.
    pub fingerprint: Option<u128>,
    pub items: u64,
    pub rejected: u64,
    pub reason: Option<String>,
    /// Items that are in none of the counts below, because they were counted before or stand in the request twice.
    #[borsh(skip)]
    pub repeated: u64,
    /// The identity of each item that has one and is counted, where the plan asks for it.
    #[borsh(skip)]
    pub identities: Vec<u64>,
    /// Where in a topic it comes from.
    #[borsh(skip)]
    pub offsets: Option<Offsets>,
    /// The newest time that an item gives itself, filtered and future ones included.
    pub newest: Option<EventTime>,
    /// Items that give themselves none: theirs is the request's.
    pub timeless: u64,
    pub future: u64,
    /// Hits of each filter rule that hit, by its place in the list.
    pub filtered: Vec<(u16, u64)>,
    /// Events by what decided about them.
    pub decided: Vec<(Decider, Category, u64)>,
    pub services: Vec<ServiceDelta>,
    /// Events (not filtered, not future) by the second of their time, ascending.
    pub seconds: Vec<(u64, u64)>,
    /// Values of the groups that deltas and points name; the first one is that of service levels without groups.
    pub groups: Vec<Vec<String>>,
    /// Ascending by second, SLO, group's values and track: facts come in order of time, however traffic is cut into
    /// requests.
    pub slos: Vec<SloDelta>,
    /// Points of counters and histograms, which only the ledger can count.
    pub points: Points,
    /// Events of rules that may open alerts, ascending by second.
    pub hits: Vec<WatchHit>,
    /// Warnings and exceptions in full up to a limit, and a few informational ones.
    pub events: Vec<EventRecord>,
    /// Comparisons of two types that can not be compared, by the place of what compared: filter rules come
    /// first, then classification rules, then service levels.
    pub mismatches: Vec<(usize, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ServiceDelta {
    pub service: String,
    pub items: u64,
    /// By `Category as usize`.
    pub categories: [u64; 3],
}

/// What one indicator of an SLO counts, for one group in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SloDelta {
    /// Its place in the plan.
    pub slo: u32,
    /// Its place among the SLO's indicators.
    pub track: u16,
    /// A place in the batch's `groups`.
    pub group: u32,
    pub second: u64,
    pub good: u64,
    pub bad: u64,
    pub oldest: EventTime,
    pub newest: EventTime,
}

impl Batch {
    /// Of a request with nothing in it.
    pub fn empty(plan_version: u64, signal: Signal) -> Self {
        Self {
            plan_version,
            signal,
            fingerprint: None,
            items: 0,
            rejected: 0,
            reason: None,
            repeated: 0,
            identities: Vec::new(),
            offsets: None,
            newest: None,
            timeless: 0,
            future: 0,
            filtered: Vec::new(),
            decided: Vec::new(),
            services: Vec::new(),
            seconds: Vec::new(),
            groups: vec![Vec::new()],
            slos: Vec::new(),
            points: Points::default(),
            hits: Vec::new(),
            events: Vec::new(),
            mismatches: Vec::new(),
        }
    }

    /// Items that were taken, filtered ones included.
    pub fn accepted(&self) -> u64 {
        self.items - self.rejected - self.repeated
    }
}
