//! Settings of librdkafka.

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;

use crate::config::Kafka as Settings;

/// Records that were fetched and wait to be read, in KiB; the largest record comes on top.
const FETCHED_KIB_MAX: &str = "8192";
const FETCH_BYTES_MAX: &str = "4194304";
/// The largest record that is asked for; brokers allow 1 MiB by default. One that is larger comes all the same.
const RECORD_BYTES_MAX: &str = "1048576";
/// How often lag and connections are looked at, in milliseconds.
const LOOK_MS: &str = "2000";

pub(super) fn common(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", settings.brokers.join(","))
        .set("client.id", "evenkeel")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "5000")
        // So that a topic that a pattern fits, or that comes back, is seen soon.
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Warning);
    if let Some(tls) = &settings.tls {
        let files = [
            ("ssl.ca.location", &tls.ca_file),
            ("ssl.certificate.location", &tls.cert_file),
            ("ssl.key.location", &tls.key_file),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                config.set(name, file.to_string_lossy());
            }
        }
    }
    if let Some(sasl) = &settings.sasl {
        config.set("sasl.mechanism", sasl.mechanism.as_str());
        config.set("sasl.username", &sasl.username);
        config.set("sasl.password", sasl.password.reveal());
    }
    let protocol = match (&settings.tls, &settings.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    config
}

/// A member of the group.
pub(super) fn consumer(settings: &Settings, instance: Option<&str>) -> ClientConfig {
    let session_ms = settings.session_timeout_s.saturating_mul(1_000);
    let mut config = reader(settings);
    config
        .set("group.id", &settings.group)
        .set("session.timeout.ms", session_ms.to_string())
        .set("heartbeat.interval.ms", (session_ms / 10).clamp(500, 3_000).to_string())
        // Kafka's own, which a pattern may fit.
        .set("topic.blacklist", "^__.*")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("statistics.interval.ms", LOOK_MS);
    if let Some(instance) = settings.instance.as_deref().or(instance) {
        config.set("group.instance.id", instance);
    }
    config
}

pub(super) fn subscribe<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    settings: &Settings,
) -> KafkaResult<()> {
    let names: Vec<&str> = settings.topics.iter().map(|topic| topic.name.as_str()).collect();
    consumer.subscribe(&names)
}

/// Who reads without the group's offsets: where to begin is always said.
pub(super) fn reader(settings: &Settings) -> ClientConfig {
    let mut config = common(settings);
    config
        .set("group.id", &settings.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "false")
        .set("isolation.level", "read_committed")
        .set("check.crcs", "true")
        .set("queued.max.messages.kbytes", FETCHED_KIB_MAX)
        .set("fetch.max.bytes", FETCH_BYTES_MAX)
        .set("fetch.message.max.bytes", RECORD_BYTES_MAX)
        .set("fetch.queue.backoff.ms", "10")
        .set("fetch.error.backoff.ms", "200");
    config
}

/// `wait_ms`: after which a record that no broker took is given up.
pub(super) fn producer(settings: &Settings, wait_ms: u64, buffer_kib: u64) -> ClientConfig {
    let mut config = common(settings);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "zstd")
        .set("linger.ms", "5")
        .set("message.timeout.ms", wait_ms.to_string())
        .set("queue.buffering.max.kbytes", buffer_kib.to_string())
        .set("message.max.bytes", "10000000");
    config
}
