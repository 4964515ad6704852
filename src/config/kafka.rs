//! `kafka`: the cluster whose records are read and that is told of events, alerts and facts. Connects to nothing.

use std::path::{Path, PathBuf};

use super::Reading;
use super::kafka_access;
use super::kafka_names;
use super::kafka_publish;
use super::kafka_topics;
use super::node::Node;
use super::reader::{Fields, sound};
use super::{address, quantity};
use crate::decode::events::Mapping;
use crate::model::{Category, Signal};
use crate::respond::Secret;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// `HOST:PORT`, at least one.
    pub brokers: Vec<String>,
    pub group: String,
    /// `group.instance.id`; without one it is made from the state's identity.
    pub instance: Option<String>,
    pub session_timeout_s: u64,
    pub tls: Option<Tls>,
    pub sasl: Option<Sasl>,
    /// Empty where nothing is read.
    pub topics: Vec<Topic>,
    /// Where records go that can not be read. Without it they are counted and logged alone.
    pub dead_letter: Option<String>,
    pub publish: Publish,
}

/// Files of PEM text. Without `ca_file` the machine's authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tls {
    pub ca_file: Option<PathBuf>,
    /// Both or none.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sasl {
    pub mechanism: Mechanism,
    pub username: String,
    pub password: Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Mechanism {
    pub const ALL: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// As Kafka and librdkafka call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// What is read, how, and from where on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: TopicName,
    /// Logs for events that are no OTLP.
    pub signal: Signal,
    pub format: Format,
    pub start: Start,
    /// The configured tenant, where one is named.
    pub tenant: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicName {
    Name(String),
    /// `^(app-.*-logs)$`: it matches whole names, and means the same to librdkafka as to us.
    Pattern(String),
}

impl TopicName {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(text) | Self::Pattern(text) => text,
        }
    }
}

impl Kafka {
    /// Which of `topics` a topic of the cluster is read by: the one of its name, else the first pattern that matches.
    pub fn topic_of(&self, name: &str) -> Option<usize> {
        let named = |topic: &Topic| matches!(&topic.name, TopicName::Name(one) if one == name);
        let matches = |topic: &Topic| matches!(&topic.name, TopicName::Pattern(one) if kafka_names::is_match(one, name));
        self.topics.iter().position(named).or_else(|| self.topics.iter().position(matches))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    OtlpProto,
    OtlpJson,
    CloudEvents,
    Json(Box<Mapping>),
}

/// Where a partition is read from that the group has no offset of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Start {
    Earliest,
    #[default]
    Latest,
    /// Nanoseconds since 1970-01-01 UTC.
    At(u64),
    /// So many nanoseconds ago.
    Back(u64),
}

/// What is told to topics; nothing where none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    pub events: Option<PublishedEvents>,
    pub alerts: Option<String>,
    pub facts: Option<String>,
    pub format: PublishFormat,
    /// Of records that wait for the brokers.
    pub buffer_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEvents {
    pub topic: String,
    pub categories: Vec<Category>,
    /// Names of rules, `default:…` too: only events that one of them decided. Empty: whatever decided.
    pub rules: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PublishFormat {
    #[default]
    Json,
    Protobuf,
}

impl Publish {
    pub fn is_empty(&self) -> bool {
        self.events.is_none() && self.alerts.is_none() && self.facts.is_none()
    }
}

const FIELDS: &[&str] =
    &["brokers", "group", "instance", "session_timeout", "tls", "sasl", "topics", "dead_letter", "publish"];
const GROUP: &str = "evenkeel";
const SESSION_TIMEOUT_S: u64 = 30;
const SESSION_TIMEOUT_S_MIN: u64 = 6;
const SESSION_TIMEOUT_S_MAX: u64 = 1_800;

/// What the rest of the settings says.
#[derive(Clone, Copy)]
pub(super) struct Beside<'s> {
    pub folder: &'s Path,
    pub tenant: &'s str,
    /// Names of classification rules, of those with mistakes too.
    pub rules: &'s [&'s str],
}

pub(super) fn read(ctx: &mut Reading<'_>, node: Option<&Node>, beside: Beside<'_>) -> Option<Kafka> {
    let fields = Fields::new(&mut ctx.report, node?, "kafka", FIELDS)?;
    let brokers = brokers(ctx, fields);
    let group = word(ctx, fields, "group").unwrap_or_else(|| GROUP.to_owned());
    let instance = word(ctx, fields, "instance");
    let session_timeout_s = session_timeout_s(ctx, fields);
    let tls = fields.get("tls").map(|node| kafka_access::tls(ctx, node, beside.folder));
    let sasl = fields.get("sasl").map(|node| kafka_access::sasl(ctx, node, beside.folder));
    if let (Some(node), Some(sasl), None) = (fields.get("sasl"), &sasl, fields.get("tls")) {
        kafka_access::warn_unencrypted(ctx, node.at, sasl.as_ref(), &brokers);
    }
    let topics = kafka_topics::read(ctx, fields, beside.tenant);
    let mut told = kafka_publish::Told::default();
    let dead_letter = fields.get("dead_letter").and_then(|node| told.topic(ctx, node, "dead_letter"));
    let publish = kafka_publish::read(ctx, fields.get("publish"), beside.rules, &mut told);
    told.refuse_loops(ctx, &topics);
    if fields.list(&mut ctx.report, "topics").is_empty() && publish.is_empty() {
        let message = "`kafka` reads no topic and publishes to none";
        ctx.report.warn("W0207", fields.at, message, "name `topics`, or topics of `publish`");
    }
    let brokers = Some(brokers).filter(|brokers| !brokers.is_empty())?;
    let (tls, sasl) = (sound(tls)?, sound(sasl)?);
    Some(Kafka { brokers, group, instance, session_timeout_s, tls, sasl, topics, dead_letter, publish })
}

fn brokers(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Vec<String> {
    if fields.required(&mut ctx.report, "brokers").is_none() {
        return Vec::new();
    }
    if fields.is_empty_list("brokers") {
        ctx.report.error("E0214", fields.place_of("brokers"), "`brokers` names none");
    }
    let mut brokers = Vec::new();
    for (text, node) in fields.texts(&mut ctx.report, "brokers") {
        let why = match address::parse(text) {
            Ok(address::Address { port: 0, .. }) => "has port 0, which nobody listens on",
            Ok(_) => {
                brokers.push(text.to_owned());
                continue;
            }
            // What a listener could be told beyond that is of no use here.
            Err(why) => why.split([';', ':']).next().unwrap_or(why),
        };
        let hint = "write HOST:PORT, such as kafka-1.example:9092";
        ctx.report.error_with("E0208", node.at, format!("`brokers`: `{text}` {why}"), hint);
    }
    brokers
}

/// As Kafka takes names: its own limit is that of topics.
fn word(ctx: &mut Reading<'_>, fields: Fields<'_>, name: &str) -> Option<String> {
    let text = fields.text(&mut ctx.report, name)?;
    if let Err(why) = kafka_names::check(text) {
        ctx.report.error("E0211", fields.get(name)?.at, format!("`{name}`: `{text}` {why}"));
    }
    Some(text.to_owned())
}

fn session_timeout_s(ctx: &mut Reading<'_>, fields: Fields<'_>) -> u64 {
    let Some(text) = fields.text(&mut ctx.report, "session_timeout") else { return SESSION_TIMEOUT_S };
    let seconds = quantity::prometheus_ms(text).filter(|ms| ms % 1_000 == 0).map(|ms| ms / 1_000);
    match seconds.filter(|seconds| (SESSION_TIMEOUT_S_MIN..=SESSION_TIMEOUT_S_MAX).contains(seconds)) {
        Some(seconds) => seconds,
        None => {
            let message = "`session_timeout` is a duration of whole seconds from 6s to 30m";
            ctx.report.error("E0217", fields.place_of("session_timeout"), message);
            SESSION_TIMEOUT_S
        }
    }
}
