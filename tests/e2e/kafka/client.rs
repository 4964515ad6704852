//! What tests do with a broker themselves: topics, records in and out, what a group has committed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::broker::Broker;
use crate::program::PATIENCE;

/// One record, to be produced or as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// None where the client is to choose.
    pub partition: Option<i32>,
    /// None before it is in the log.
    pub offset: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    /// None is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Milliseconds since 1970; None is the time at which it is produced.
    pub at_ms: Option<i64>,
}

impl Record {
    pub fn of(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    fn read(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            partition: Some(message.partition()),
            offset: Some(message.offset()),
            key: message.key().map(<[u8]>::to_vec),
            headers: headers
                .map(|one| (one.key.to_owned(), one.value.unwrap_or_default().to_vec()))
                .collect(),
            value: message.payload().map(<[u8]>::to_vec),
            at_ms: message.timestamp().to_millis(),
        }
    }
}

/// Where a record is in the log, or why it is in none.
pub type Delivery = Result<(i32, i64), RDKafkaErrorCode>;

/// A way to reach brokers: properties of librdkafka.
#[derive(Clone)]
pub struct Client(ClientConfig);

impl Broker {
    pub fn client(&self) -> Client {
        Client::to(&self.plain())
    }

    /// As alice, who has a password.
    pub fn scram_client(&self) -> Client {
        let ca = self.tls("ca.pem");
        Client::to(&self.scram())
            .with("security.protocol", "sasl_ssl")
            .with("sasl.mechanism", "SCRAM-SHA-512")
            .with("sasl.username", "alice")
            .with("sasl.password", "alice-secret")
            .with("ssl.ca.location", ca.to_str().unwrap())
    }

    /// As alice, who has a certificate.
    pub fn mutual_tls_client(&self) -> Client {
        let [ca, certificate, key] = ["ca.pem", "alice.pem", "alice.key"].map(|name| self.tls(name));
        Client::to(&self.mutual_tls())
            .with("security.protocol", "ssl")
            .with("ssl.ca.location", ca.to_str().unwrap())
            .with("ssl.certificate.location", certificate.to_str().unwrap())
            .with("ssl.key.location", key.to_str().unwrap())
    }
}

impl Client {
    pub fn to(brokers: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        Self(config)
    }

    pub fn with(mut self, property: &str, value: &str) -> Self {
        self.0.set(property, value);
        self
    }

    /// Makes a topic, with as many copies as the brokers make by default.
    pub async fn create(&self, topic: &str, partitions: i32, config: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
        new.config = config.to_vec();
        let made = self.admin().create_topics([&new], &promptly()).await.unwrap();
        assert_eq!(made, [Ok(topic.to_owned())]);
    }

    /// Deletes a topic, and waits until no broker knows it.
    pub async fn delete(&self, topic: &str) {
        let gone = self.admin().delete_topics(&[topic], &promptly()).await.unwrap();
        assert_eq!(gone, [Ok(topic.to_owned())]);
        let name = topic.to_owned();
        let gone =
            move |consumer: BaseConsumer| until(|| partitions(&consumer, &name).is_none().then_some(()));
        self.consume(gone).await;
    }

    /// Deletes the records of a partition that are before an offset.
    pub async fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let begin = self.admin().delete_records(&list, &promptly()).await.unwrap();
        assert_eq!(begin.elements()[0].offset(), Offset::Offset(offset));
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.0.create().unwrap()
    }

    /// Produces them in their order with the codec (`none`, `gzip`, `snappy`, `lz4`, `zstd`); where each is in the log.
    pub async fn produce(&self, topic: &str, codec: &str, records: Vec<Record>) -> Vec<Delivery> {
        let (topic, config) = (topic.to_owned(), self.clone().with("compression.type", codec).0);
        let all = move || {
            let deliveries = Deliveries(Arc::new(Mutex::new(vec![None; records.len()])));
            let producer = BaseProducer::from_config_and_context(&config, deliveries.clone()).unwrap();
            for (place, record) in records.iter().enumerate() {
                send(&producer, &topic, place, record);
            }
            let flushed = producer.flush(PATIENCE);
            let delivered: Option<Vec<Delivery>> = deliveries.0.lock().unwrap().iter().cloned().collect();
            delivered.unwrap_or_else(|| panic!("not all records were delivered: {flushed:?}"))
        };
        tokio::task::spawn_blocking(all).await.unwrap()
    }

    /// All that a topic holds, by partition and offset.
    pub async fn read(&self, topic: &str) -> Vec<Record> {
        let topic = topic.to_owned();
        self.consume(move |consumer| {
            let mut assigned = TopicPartitionList::new();
            let partitions = partitions(&consumer, &topic).expect("the topic is there");
            for partition in &partitions {
                assigned.add_partition_offset(&topic, *partition, Offset::Beginning).unwrap();
            }
            consumer.assign(&assigned).unwrap();
            let (mut records, mut ended) = (Vec::new(), BTreeSet::new());
            let begun = Instant::now();
            while ended != partitions {
                assert!(begun.elapsed() < PATIENCE, "{} of {topic} has no end", records.len());
                match consumer.poll(Duration::from_millis(100)) {
                    Some(Ok(message)) => records.push(Record::read(&message)),
                    Some(Err(KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
                    Some(Err(error)) => panic!("{topic}: {error}"),
                    None => {}
                }
            }
            records.sort_by_key(|record| (record.partition, record.offset));
            records
        })
        .await
    }

    /// What a group has committed of each partition of a topic, where it has.
    pub async fn committed(&self, group: &str, topic: &str) -> Vec<Option<i64>> {
        let topic = topic.to_owned();
        self.clone()
            .with("group.id", group)
            .consume(move |consumer| {
                let mut asked = TopicPartitionList::new();
                for partition in partitions(&consumer, &topic).expect("the topic is there") {
                    asked.add_partition(&topic, partition);
                }
                let told = consumer.committed_offsets(asked, PATIENCE).unwrap();
                let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
                told.elements().iter().map(|one| offset(one.offset())).collect()
            })
            .await
    }

    /// Has a group commit an offset of a partition, as if it had read what is before.
    pub async fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        let topic = topic.to_owned();
        self.clone()
            .with("group.id", group)
            .consume(move |consumer| {
                let mut offsets = TopicPartitionList::new();
                offsets.add_partition_offset(&topic, partition, Offset::Offset(offset)).unwrap();
                consumer.commit(&offsets, rdkafka::consumer::CommitMode::Sync).unwrap();
            })
            .await;
    }

    /// The state of a group, and how many members it has.
    pub async fn group(&self, group: &str) -> (String, usize) {
        let group = group.to_owned();
        self.consume(move |consumer| {
            let told = consumer.fetch_group_list(Some(&group), PATIENCE).unwrap();
            told.groups().first().map_or_else(
                || ("Dead".to_owned(), 0),
                |group| (group.state().to_owned(), group.members().len()),
            )
        })
        .await
    }

    /// Does something with a consumer, which blocks, beside the test.
    async fn consume<T: Send + 'static>(&self, what: impl FnOnce(BaseConsumer) -> T + Send + 'static) -> T {
        let mut config = self.0.clone();
        if config.get("group.id").is_none() {
            config.set("group.id", "looks-on");
        }
        config.set("enable.auto.commit", "false").set("enable.partition.eof", "true");
        tokio::task::spawn_blocking(move || what(config.create().unwrap())).await.unwrap()
    }
}

/// Asks until there is an answer; blocks.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "gave up waiting");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn promptly() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// The partitions of a topic, if it is there.
fn partitions(consumer: &BaseConsumer, topic: &str) -> Option<BTreeSet<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let told = metadata.topics().first()?;
    told.error().is_none().then(|| told.partitions().iter().map(|one| one.id()).collect())
}

/// Waits for room where the client has too many records already.
fn send(producer: &BaseProducer<Deliveries>, topic: &str, place: usize, record: &Record) {
    let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let mut next = BaseRecord::with_opaque_to(topic, place).headers(headers);
    (next.partition, next.timestamp) = (record.partition, record.at_ms);
    (next.key, next.payload) = (record.key.as_ref(), record.value.as_ref());
    while let Err((error, back)) = producer.send(next) {
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
        producer.poll(Duration::from_millis(10));
        next = back;
    }
}

#[derive(Clone)]
struct Deliveries(Arc<Mutex<Vec<Option<Delivery>>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, place: usize) {
        let delivery = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)),
        };
        self.0.lock().unwrap()[place] = Some(delivery);
    }
}
