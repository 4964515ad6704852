//! Records that can not be read, on a topic of their own, as they came, with the reason and the place they had.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::client;
use super::context::log;
use super::status::Status;
use crate::config::Kafka as Settings;

/// A letter that no broker has taken by then is given up: its record still stands where it came from.
const WAIT_MS: u64 = 5_000;
const BUFFER_KIB: u64 = 40 * 1024;
/// A record that is too large is one that can not be read.
const LETTER_BYTES_MAX: &str = "33554432";
const REASON_CHARS_MAX: usize = 512;

/// Letters of one batch that are under way.
pub(super) type UnderWay = Arc<AtomicUsize>;

pub(super) struct DeadLetters {
    topic: String,
    producer: ThreadedProducer<Deliveries>,
    status: Arc<Status>,
}

struct Deliveries(Arc<Status>);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.0.note(&format!("{reason} ({code})"), false);
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = UnderWay;

    fn delivery(&self, result: &DeliveryResult<'_>, under_way: UnderWay) {
        match result {
            Ok(_) => self.0.dead_letters.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => {
                tracing::error!(reason = error.to_string(), "kafka.dead_letter.failed");
                self.0.dead_letters_failed.fetch_add(1, Ordering::Relaxed)
            }
        };
        under_way.fetch_sub(1, Ordering::Release);
    }
}

impl DeadLetters {
    /// `None`: there is to be none.
    pub(super) fn open(settings: &Settings, status: &Arc<Status>) -> Option<Self> {
        let topic = settings.dead_letter.clone()?;
        let mut config = client::producer(settings, WAIT_MS, BUFFER_KIB);
        config.set("message.max.bytes", LETTER_BYTES_MAX);
        match config.create_with_context(Deliveries(Arc::clone(status))) {
            Ok(producer) => Some(Self { topic, producer, status: Arc::clone(status) }),
            Err(error) => {
                status.note(&format!("the producer of dead letters can not be set up: {error}"), false);
                None
            }
        }
    }

    /// Never waits. One that finds no room is counted as failed.
    pub(super) fn send(&self, message: &BorrowedMessage<'_>, reason: &str, under_way: &UnderWay) {
        let (partition, offset) = (message.partition().to_string(), message.offset().to_string());
        let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
        let mut headers = OwnedHeaders::new();
        if let Some(own) = message.headers() {
            for one in own.iter() {
                headers = headers.insert(Header { key: one.key, value: one.value });
            }
        }
        let place = [
            ("evenkeel.reason", reason.as_str()),
            ("evenkeel.topic", message.topic()),
            ("evenkeel.partition", &partition),
            ("evenkeel.offset", &offset),
        ];
        for (key, value) in place {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let mut record: BaseRecord<'_, [u8], [u8], UnderWay> =
            BaseRecord::with_opaque_to(&self.topic, Arc::clone(under_way)).headers(headers);
        record.key = message.key();
        record.payload = message.payload();
        under_way.fetch_add(1, Ordering::Relaxed);
        if let Err((error, _)) = self.producer.send(record) {
            under_way.fetch_sub(1, Ordering::Release);
            self.status.dead_letters_failed.fetch_add(1, Ordering::Relaxed);
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                tracing::error!(reason = error.to_string(), "kafka.dead_letter.failed");
            }
        }
    }

    pub(super) fn flush(&self) {
        let _given_up = self.producer.flush(Duration::from_millis(WAIT_MS));
    }
}
