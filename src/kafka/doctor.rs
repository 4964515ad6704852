//! Whether Kafka is as it has to be, before the daemon needs it: brokers, topics, rights and settings, and the command that
//! mends what is not. Nothing is changed, no group is joined and no record is written.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::{FromClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::client;
use crate::config::Kafka as Settings;
use crate::config::kafka::TopicName;

/// For one question.
const ASK: Duration = Duration::from_secs(5);
/// What one copy less must not lose.
const COPIES: usize = 3;
/// An input that is kept for less leaves little time to be away.
const KEPT_MS_MIN: i64 = 3_600_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub check: String,
    pub verdict: Verdict,
    pub detail: String,
    /// The command that mends it, or what to do; empty where there is nothing to do.
    pub hint: String,
}

impl Finding {
    fn new(verdict: Verdict, check: impl Into<String>, detail: impl Into<String>, hint: String) -> Self {
        Self { check: check.into(), verdict, detail: detail.into(), hint }
    }

    fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, check, detail, String::new())
    }
}

/// Says nothing by itself.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

/// Takes seconds where nobody answers.
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let asked = settings.clone();
    let looked = tokio::task::spawn_blocking(move || look(&asked)).await;
    let (mut findings, cluster) = looked.unwrap_or_default();
    if let Some(cluster) = cluster {
        findings.extend(settings_of(settings, &cluster).await);
    }
    findings
}

/// What was seen of the cluster.
struct Cluster {
    broker: i32,
    /// Topics of ours that are there.
    read: Vec<String>,
    written: Vec<String>,
}

fn look(settings: &Settings) -> (Vec<Finding>, Option<Cluster>) {
    let consumer: BaseConsumer<Quiet> = match client::reader(settings).create_with_context(Quiet) {
        Ok(consumer) => consumer,
        Err(error) => {
            let hint = "see `tls` and `sasl` of `kafka`: a file may be missing, or no key".to_owned();
            return (vec![Finding::new(Verdict::Fail, "kafka client", error.to_string(), hint)], None);
        }
    };
    let metadata = match consumer.fetch_metadata(None, ASK) {
        Ok(metadata) => metadata,
        Err(error) => return (vec![unreachable(settings, &consumer, &error)], None),
    };
    let brokers = metadata.brokers().len();
    let mut findings = vec![Finding::ok("kafka brokers", format!("{brokers} in the cluster"))];
    let mut cluster = Cluster {
        broker: metadata.brokers().first().map_or(0, rdkafka::metadata::MetadataBroker::id),
        read: Vec::new(),
        written: Vec::new(),
    };
    let inputs = inputs(settings, &metadata, &mut findings);
    for name in inputs {
        let found = topic(settings, &consumer, &name, brokers, true);
        if found.verdict != Verdict::Fail {
            cluster.read.push(name);
        }
        findings.push(found);
    }
    for name in outputs(settings) {
        let found = topic(settings, &consumer, &name, brokers, false);
        if found.verdict != Verdict::Fail {
            cluster.written.push(name);
        }
        findings.push(found);
    }
    if let Some(name) = cluster.read.first() {
        findings.push(group(settings, &consumer, name));
    }
    (findings, Some(cluster))
}

fn unreachable(settings: &Settings, consumer: &BaseConsumer<Quiet>, error: &KafkaError) -> Finding {
    // What is wrong with a connection is told as an error of the client.
    let said = consumer.poll(Duration::from_secs(1)).and_then(Result::err);
    let why = said.map_or_else(|| error.to_string(), |said| format!("{error}; {said}"));
    let hint = match (&settings.sasl, &settings.tls) {
        (None, None) => "is a broker there, and does its listener speak without TLS and password?",
        (Some(_), _) => "is a broker there, and are mechanism, username and password those of its listener?",
        (None, Some(_)) => "is a broker there, and does it know the authority of our certificate?",
    };
    let detail = format!("{}: {why}", settings.brokers.join(","));
    Finding::new(Verdict::Fail, "kafka brokers", detail, hint.to_owned())
}

/// Topics that are read, those of patterns that are there.
fn inputs(settings: &Settings, metadata: &Metadata, findings: &mut Vec<Finding>) -> Vec<String> {
    let mut names = Vec::new();
    for (place, topic) in settings.topics.iter().enumerate() {
        match &topic.name {
            TopicName::Name(name) => names.push(name.clone()),
            TopicName::Pattern(pattern) => {
                let there = metadata.topics().iter().map(MetadataTopic::name);
                let fit: Vec<&str> = there.filter(|name| settings.topic_of(name) == Some(place)).collect();
                findings.push(match fit.len() {
                    0 => Finding::new(
                        Verdict::Warn,
                        format!("kafka topics {pattern}"),
                        "no topic fits now",
                        "it is read as soon as there is one".to_owned(),
                    ),
                    1 => Finding::ok(format!("kafka topics {pattern}"), "1 fits"),
                    count => Finding::ok(format!("kafka topics {pattern}"), format!("{count} fit")),
                });
                names.extend(fit.into_iter().map(str::to_owned));
            }
        }
    }
    names
}

fn outputs(settings: &Settings) -> Vec<String> {
    let publish = &settings.publish;
    let events = publish.events.as_ref().map(|events| events.topic.clone());
    let all = [settings.dead_letter.clone(), events, publish.alerts.clone(), publish.facts.clone()];
    let mut all: Vec<String> = all.into_iter().flatten().collect();
    all.sort();
    all.dedup();
    all
}

fn topic(
    settings: &Settings,
    consumer: &BaseConsumer<Quiet>,
    name: &str,
    brokers: usize,
    is_read: bool,
) -> Finding {
    let check = format!("kafka topic {name}");
    let fail = |why: String, hint: String| Finding::new(Verdict::Fail, check.clone(), why, hint);
    let metadata = match consumer.fetch_metadata(Some(name), ASK) {
        Ok(metadata) => metadata,
        Err(error) => return fail(error.to_string(), String::new()),
    };
    let Some(topic) = metadata.topics().first() else {
        return fail("it is not there".to_owned(), create(settings, name, brokers));
    };
    match topic.error() {
        None => {}
        Some(
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
        ) => return fail("it is not there".to_owned(), create(settings, name, brokers)),
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) => {
            return fail("it is not for us to see".to_owned(), allow(settings, name, is_read));
        }
        Some(error) => return fail(RDKafkaErrorCode::from(error).to_string(), String::new()),
    }
    if is_read && let Err(error) = consumer.fetch_watermarks(name, 0, ASK) {
        return fail(format!("it can not be read: {error}"), allow(settings, name, true));
    }
    let copies = topic.partitions().iter().map(|one| one.replicas().len()).min().unwrap_or(0);
    let leaderless = topic.partitions().iter().filter(|one| one.leader() < 0).count();
    let detail = sizes(topic.partitions().len(), copies);
    if leaderless > 0 {
        let hint = "start the brokers that hold them".to_owned();
        return fail(format!("{detail}, {leaderless} of them without a leader"), hint);
    }
    match copies < COPIES.min(brokers) {
        true => Finding::new(
            Verdict::Warn,
            check,
            detail,
            format!(
                "the loss of a broker may lose records: kafka-reassign-partitions.sh gives it {COPIES} copies"
            ),
        ),
        false => Finding::ok(check, detail),
    }
}

fn group(settings: &Settings, consumer: &BaseConsumer<Quiet>, topic: &str) -> Finding {
    let check = format!("kafka group {}", settings.group);
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    match consumer.committed_offsets(list, ASK) {
        Ok(_) => Finding::ok(check, "we may read by it"),
        Err(error) => {
            let hint = format!("{} --operation Read --group {}", acls(settings), settings.group);
            Finding::new(Verdict::Fail, check, error.to_string(), hint)
        }
    }
}

/// What brokers and topics are set to.
async fn settings_of(settings: &Settings, cluster: &Cluster) -> Vec<Finding> {
    let Ok(admin) = AdminClient::<DefaultClientContext>::from_config(&client::common(settings)) else {
        return Vec::new();
    };
    let mut wanted = vec![ResourceSpecifier::Broker(cluster.broker)];
    wanted.extend(cluster.read.iter().chain(&cluster.written).map(|name| ResourceSpecifier::Topic(name)));
    let options = AdminOptions::new().request_timeout(Some(ASK));
    let answers = match admin.describe_configs(&wanted, &options).await {
        Ok(answers) => answers,
        Err(error) => {
            let hint = format!("{} --operation DescribeConfigs --cluster", acls(settings));
            return vec![Finding::new(Verdict::Warn, "kafka settings", error.to_string(), hint)];
        }
    };
    let mut findings = Vec::new();
    for (asked, answer) in wanted.iter().zip(answers) {
        match (asked, answer) {
            (ResourceSpecifier::Broker(_), Ok(resource)) => findings.push(session(settings, &resource)),
            (ResourceSpecifier::Topic(name), Ok(resource)) => {
                findings.extend(durability(settings, name, &resource));
                if cluster.read.iter().any(|one| one == name) {
                    findings.extend(retention(settings, name, &resource));
                }
            }
            (_, Err(code)) => {
                let hint = format!("{} --operation DescribeConfigs --topic '*'", acls(settings));
                findings.push(Finding::new(Verdict::Warn, "kafka settings", code.to_string(), hint));
                break;
            }
            _ => {}
        }
    }
    findings
}

fn sizes(partitions: usize, copies: usize) -> String {
    let partitions = match partitions {
        1 => "1 partition".to_owned(),
        count => format!("{count} partitions"),
    };
    let copies = match copies {
        1 => "1 copy".to_owned(),
        count => format!("{count} copies"),
    };
    format!("{partitions}, {copies}")
}

fn number(resource: &ConfigResource, name: &str) -> Option<i64> {
    resource.get(name)?.value.as_deref()?.parse().ok()
}

fn session(settings: &Settings, broker: &ConfigResource) -> Finding {
    let ours = i64::try_from(settings.session_timeout_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let low = number(broker, "group.min.session.timeout.ms").unwrap_or(0);
    let high = number(broker, "group.max.session.timeout.ms").unwrap_or(i64::MAX);
    let check = "kafka session_timeout";
    if (low..=high).contains(&ours) {
        return Finding::ok(check, format!("{} s; the brokers allow it", settings.session_timeout_s));
    }
    let detail = format!("{ours} ms; the brokers allow {low} to {high} ms");
    Finding::new(Verdict::Fail, check, detail, "set `kafka.session_timeout` within these bounds".to_owned())
}

fn durability(settings: &Settings, name: &str, topic: &ConfigResource) -> Option<Finding> {
    let unclean = topic.get("unclean.leader.election.enable")?.value.as_deref() == Some("true");
    unclean.then(|| {
        Finding::new(
            Verdict::Warn,
            format!("kafka topic {name}"),
            "a broker that lacks records may lead it (unclean.leader.election.enable=true)",
            alter(settings, name, "unclean.leader.election.enable=false"),
        )
    })
}

fn retention(settings: &Settings, name: &str, topic: &ConfigResource) -> Option<Finding> {
    let kept_ms = number(topic, "retention.ms").filter(|kept| (0..KEPT_MS_MIN).contains(kept))?;
    Some(Finding::new(
        Verdict::Warn,
        format!("kafka topic {name}"),
        format!("records are kept for {} min: what is older while we are away is lost", kept_ms / 60_000),
        alter(settings, name, "retention.ms=86400000"),
    ))
}

fn at(settings: &Settings) -> String {
    format!("--bootstrap-server {}", settings.brokers.join(","))
}

fn create(settings: &Settings, name: &str, brokers: usize) -> String {
    let copies = COPIES.min(brokers.max(1));
    let synced = copies.saturating_sub(1).max(1);
    format!(
        "kafka-topics.sh {} --create --topic {name} --partitions 12 --replication-factor {copies} --config min.insync.replicas={synced}",
        at(settings)
    )
}

fn alter(settings: &Settings, name: &str, what: &str) -> String {
    format!("kafka-configs.sh {} --alter --topic {name} --add-config {what}", at(settings))
}

fn acls(settings: &Settings) -> String {
    let user = settings.sasl.as_ref().map_or("OURS", |sasl| &sasl.username);
    format!("kafka-acls.sh {} --add --allow-principal User:{user}", at(settings))
}

fn allow(settings: &Settings, name: &str, is_read: bool) -> String {
    let operation = if is_read { "Read" } else { "Write" };
    format!("{} --operation {operation} --topic {name}", acls(settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!(sizes(1, 1), "1 partition, 1 copy");
        assert_eq!(sizes(12, 3), "12 partitions, 3 copies");
    }
}
