//! What librdkafka calls back for: it is noted here, and done by the consumer's own thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::status::Status;

/// A topic's name and a partition of it.
pub(super) type Key = (String, i32);

/// What the group has decided for this member, not yet in effect.
#[derive(Debug)]
pub(super) enum Change {
    Assigned(Vec<Key>),
    Revoked(Vec<Key>),
}

#[derive(Debug)]
pub(super) struct Context {
    status: Arc<Status>,
    changes: Mutex<VecDeque<Change>>,
    /// Some partition's offset is not there; librdkafka does not say which.
    out_of_range: AtomicBool,
    /// Nobody looks at changes any more.
    closing: AtomicBool,
}

impl Context {
    pub(super) fn new(status: Arc<Status>) -> Self {
        Self {
            status,
            changes: Mutex::default(),
            out_of_range: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }

    pub(super) fn take(&self) -> Option<Change> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    pub(super) fn take_out_of_range(&self) -> bool {
        self.out_of_range.swap(false, Ordering::AcqRel)
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if matches!(code, Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)) {
            self.out_of_range.store(true, Ordering::Release);
        }
        if matches!(
            code,
            Some(
                RDKafkaErrorCode::BadMessage
                    | RDKafkaErrorCode::BadCompression
                    | RDKafkaErrorCode::InvalidMessage
            )
        ) {
            self.status.damaged(Some(reason));
        }
        self.status.client_error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.status.look(&statistics);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let is_assign = err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            if !is_assign {
                let _closing_all_the_same = consumer.incremental_unassign(list);
            }
            return;
        }
        let keys = list.elements().iter().map(|one| (one.topic().to_owned(), one.partition())).collect();
        let change = if is_assign { Change::Assigned(keys) } else { Change::Revoked(keys) };
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }
}

/// What librdkafka has to say, among our own lines.
pub(super) fn log(level: RDKafkaLogLevel, fac: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility = fac, message, "kafka.client.error");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(facility = fac, message, "kafka.client.warning");
        }
        _ => tracing::debug!(facility = fac, message, "kafka.client.debug"),
    }
}
