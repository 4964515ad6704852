//! `GET /api/v1/kafka`: how it is with the topics that are read.

use axum::response::Response;
use serde::Serialize;

use super::queries::answer;
use super::{Shared, Views};

/// Nothing but `condition: off` where no topic is read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KafkaView {
    /// `off`, `joining`, `reading`, `idle` (a member for whom there is no partition) or `failing`
    pub condition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub rebalances: u64,
    /// Times that a partition was read again from where it stands, since what was handed in did not count.
    pub rewinds: u64,
    pub errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    pub dead_letters: Outcomes,
    pub published: Outcomes,
    /// Those that this state has read, whoever reads them now.
    pub partitions: Vec<PartitionView>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Outcomes {
    pub delivered: u64,
    /// There was no room to wait in.
    pub dropped: u64,
    pub failed: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct PartitionView {
    pub topic: String,
    pub partition: i32,
    /// It is read by this member now.
    pub assigned: bool,
    /// The offset of the record that comes next.
    pub next_offset: i64,
    /// Counted since the state began, poison included.
    pub records: u64,
    pub poison: u64,
    /// Offsets that were gone before they were read.
    pub lost: u64,
    /// Times that the log was found to be another one, or shorter.
    pub replaced: u64,
    /// Records between this and the end, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// The newest time of its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark: Option<String>,
    /// In whole seconds since 1970-01-01 UTC.
    #[serde(skip)]
    pub watermark_s: Option<u64>,
    /// Why it is not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

pub(super) async fn kafka<V: Views>(state: Shared<V>) -> Response {
    answer(state.views.kafka().await)
}
