//! What was decided, on topics, for other systems to build on: CloudEvents 1.0 in Kafka's binary form, keyed by service.
//! Nobody waits for it: what finds no room, since no broker takes it, is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::client;
use super::cloud_event::{CloudEvent, of_event, of_fact};
use super::context::log;
use crate::config::Kafka as Settings;
use crate::config::kafka::Publish;
use crate::engine::{EventRecord, Fact, Subject};

/// What waits to be written as an event.
const QUEUE_MAX: usize = 16_384;
/// How long a record may wait for a broker that is away.
const WAIT_MS: u64 = 300_000;
/// For what is under way at the end.
const FLUSH: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
struct Published {
    delivered: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

enum Told {
    Event(Box<EventRecord>),
    Fact(Box<Fact>),
}

/// Takes what is kept; never waits.
#[derive(Clone)]
pub struct Outlet {
    queue: SyncSender<Told>,
    wants: Arc<Publish>,
    counts: Arc<Published>,
}

impl Outlet {
    /// Events of a batch that are to be told.
    pub fn select(&self, events: &[EventRecord]) -> Vec<EventRecord> {
        let Some(wanted) = &self.wants.events else { return Vec::new() };
        let is_wanted = |event: &&EventRecord| {
            wanted.categories.contains(&event.category)
                && (wanted.rules.is_empty() || wanted.rules.contains(&event.decided_by))
        };
        events.iter().filter(is_wanted).cloned().collect()
    }

    pub fn event(&self, event: EventRecord) {
        self.offer(Told::Event(Box::new(event)));
    }

    pub fn fact(&self, fact: &Fact) {
        if self.wants.facts.is_some() || (self.wants.alerts.is_some() && is_transition(fact)) {
            self.offer(Told::Fact(Box::new(fact.clone())));
        }
    }

    fn offer(&self, told: Told) {
        if self.queue.try_send(told).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Deliveries(Arc<Published>);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(reason, error = error.to_string(), "kafka.publish.failing");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let of = if result.is_ok() { &self.0.delivered } else { &self.0.failed };
        of.fetch_add(1, Ordering::Relaxed);
    }
}

/// A producer that runs.
pub struct Publisher {
    outlet: Option<Outlet>,
    counts: Arc<Published>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// `source`: where it comes from, as the CloudEvents say it. `service`: of a service level.
    pub fn start(
        settings: &Settings,
        source: String,
        service: impl Fn(&Subject) -> String + Send + 'static,
    ) -> anyhow::Result<Self> {
        let counts = Arc::<Published>::default();
        let (queue, told) = sync_channel(QUEUE_MAX);
        let wants = Arc::new(settings.publish.clone());
        let config = client::producer(settings, WAIT_MS, wants.buffer_bytes.div_ceil(1024).max(64));
        let producer = config.create_with_context(Deliveries(Arc::clone(&counts)))?;
        let outlet = Outlet { queue, wants: Arc::clone(&wants), counts: Arc::clone(&counts) };
        let dropped = Arc::clone(&counts);
        let work = move || publish(&producer, &told, &wants, &source, &service, &dropped);
        let thread = std::thread::Builder::new().name("kafka-publish".to_owned()).spawn(work)?;
        Ok(Self { outlet: Some(outlet), counts, thread: Some(thread) })
    }

    pub fn outlet(&self) -> Option<Outlet> {
        self.outlet.clone()
    }

    /// Delivered; dropped, since there was no room; failed, since no broker took it in time, or one refused it.
    pub fn counts(&self) -> [u64; 3] {
        let Published { delivered, dropped, failed } = &*self.counts;
        [delivered, dropped, failed].map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// After the last outlet is gone: what waits is sent, for a few seconds at most.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.outlet = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn publish(
    producer: &ThreadedProducer<Deliveries>,
    told: &Receiver<Told>,
    wants: &Publish,
    source: &str,
    service: &dyn Fn(&Subject) -> String,
    counts: &Published,
) {
    let send = |topic: &str, event: &CloudEvent| {
        let mut headers = OwnedHeaders::new();
        for (key, value) in event.headers() {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let record: BaseRecord<'_, str, [u8]> =
            BaseRecord::to(topic).key(event.key.as_str()).payload(&event.data[..]).headers(headers);
        if producer.send(record).is_err() {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    };
    // So that no id of an event was one before.
    let mut nonce = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()) << 32;
    for one in told {
        nonce += 1;
        match &one {
            Told::Event(record) => {
                if let Some(events) = &wants.events {
                    send(&events.topic, &of_event(record, source, wants.format, nonce));
                }
            }
            Told::Fact(fact) => {
                let event = of_fact(fact, source, &service(&fact.subject), wants.format);
                if let Some(topic) = wants.alerts.as_ref().filter(|_| is_transition(fact)) {
                    send(topic, &event);
                }
                if let Some(topic) = &wants.facts {
                    send(topic, &event);
                }
            }
        }
    }
    if producer.flush(FLUSH).is_err() {
        tracing::warn!(records = producer.in_flight_count(), "kafka.publish.given_up");
    }
}

/// An alert opens, becomes more urgent, or closes.
fn is_transition(fact: &Fact) -> bool {
    fact.what.name().starts_with("episode.")
}
