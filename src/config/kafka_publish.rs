//! `kafka.publish`: which topics are told of what. Sends nothing; sees to it that we do not read what we write.

use super::kafka::{Publish, PublishFormat, PublishedEvents, Topic, TopicName};
use super::kafka_names;
use super::node::{Node, Place};
use super::reader::{self, Fields};
use super::{Reading, quantity, suggest};
use crate::classify::Decider;
use crate::model::Category;

const CATEGORIES: [Category; 2] = [Category::Warning, Category::Exception];
const MIB: u64 = 1024 * 1024;
const BUFFER_BYTES: u64 = 32 * MIB;
const BUFFER_BYTES_MIN: u64 = MIB;
const BUFFER_BYTES_MAX: u64 = 1024 * MIB;

/// The topics that are written to.
#[derive(Default)]
pub(super) struct Told(Vec<(String, Place)>);

impl Told {
    pub fn topic(&mut self, ctx: &mut Reading<'_>, node: &Node, key: &str) -> Option<String> {
        let text = reader::text(&mut ctx.report, node, key)?;
        if let Err(why) = kafka_names::check(text) {
            ctx.report.error("E0221", node.at, format!("`{key}`: `{text}` {why}"));
            return None;
        }
        self.0.push((text.to_owned(), node.at));
        Some(text.to_owned())
    }

    /// What is written to and read as well would come back for ever.
    pub fn refuse_loops(self, ctx: &mut Reading<'_>, read: &[Topic]) {
        for (topic, at) in self.0 {
            let by = read.iter().find_map(|one| match &one.name {
                TopicName::Name(name) => (*name == topic).then_some("by its name"),
                TopicName::Pattern(pattern) => {
                    kafka_names::is_match(pattern, &topic).then_some("by a pattern")
                }
            });
            if let Some(by) = by {
                let message = format!("`{topic}` is read too, {by}: what is written there would come back");
                ctx.report.error("E0221", at, message);
            }
        }
    }
}

pub(super) fn read(ctx: &mut Reading<'_>, node: Option<&Node>, rules: &[&str], told: &mut Told) -> Publish {
    let mut publish = Publish {
        events: None,
        alerts: None,
        facts: None,
        format: PublishFormat::default(),
        buffer_bytes: BUFFER_BYTES,
    };
    let known = ["events", "alerts", "facts", "format", "buffer_bytes"];
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "publish", &known));
    let Some(fields) = fields else { return publish };
    publish.events = fields.get("events").and_then(|node| events(ctx, node, rules, told));
    publish.alerts = fields.get("alerts").and_then(|node| topic(ctx, node, told));
    publish.facts = fields.get("facts").and_then(|node| topic(ctx, node, told));
    if let Some(node) = fields.get("format") {
        let words = [("json", PublishFormat::Json), ("protobuf", PublishFormat::Protobuf)];
        publish.format = reader::word(&mut ctx.report, node, "format", &words).unwrap_or_default();
    }
    if let Some(text) = fields.text(&mut ctx.report, "buffer_bytes") {
        let inside = |bytes: &u64| (BUFFER_BYTES_MIN..=BUFFER_BYTES_MAX).contains(bytes);
        match quantity::bytes(text).filter(inside) {
            Some(bytes) => publish.buffer_bytes = bytes,
            None => ctx.report.error(
                "E0217",
                fields.place_of("buffer_bytes"),
                "`buffer_bytes` is a size from 1MiB to 1GiB, as 32MiB is",
            ),
        }
    }
    publish
}

fn topic(ctx: &mut Reading<'_>, node: &Node, told: &mut Told) -> Option<String> {
    let fields = Fields::new(&mut ctx.report, node, "what is published", &["topic"])?;
    let node = fields.required(&mut ctx.report, "topic")?;
    told.topic(ctx, node, "topic")
}

fn events(ctx: &mut Reading<'_>, node: &Node, rules: &[&str], told: &mut Told) -> Option<PublishedEvents> {
    let known = ["topic", "categories", "rules"];
    let fields = Fields::new(&mut ctx.report, node, "`publish.events`", &known)?;
    let topic = fields.required(&mut ctx.report, "topic").and_then(|node| told.topic(ctx, node, "topic"));
    let words: Vec<(&str, Category)> = Category::ALL.iter().map(|one| (one.as_str(), *one)).collect();
    let mut categories: Vec<Category> = Vec::new();
    for (_, node) in fields.texts(&mut ctx.report, "categories") {
        let category = reader::word(&mut ctx.report, node, "categories", &words);
        categories.extend(category.filter(|one| !categories.contains(one)));
    }
    if fields.get("categories").is_none() {
        categories.extend(CATEGORIES);
    } else if fields.is_empty_list("categories") {
        ctx.report.error("E0214", fields.place_of("categories"), "`categories` names none");
    }
    let defaults = Decider::DEFAULTS.iter().filter_map(|one| one.default_name());
    let known: Vec<&str> = rules.iter().copied().chain(defaults).collect();
    let mut named = Vec::new();
    for (name, node) in fields.texts(&mut ctx.report, "rules") {
        match known.contains(&name) {
            true => named.push(name.to_owned()),
            false => {
                let message = format!("no rule of `classify` is named `{name}`");
                ctx.report.error_with("E0306", node.at, message, suggest::hint(name, &known));
            }
        }
    }
    Some(PublishedEvents { topic: topic?, categories, rules: named })
}
