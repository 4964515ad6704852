//! `alert` of a classification rule: when its events open an alert, and when that closes.

use super::node::Node;
use super::reader::{self, Fields};
use super::{Reading, expression, metadata, quantity, set};
use crate::classify::Key;
use crate::engine::{Flapping, Form, Watch};
use crate::model::{Category, Priority};

const KNOWN: &[&str] = &[
    "key",
    "quiet",
    "priority",
    "count",
    "within",
    "once_within",
    "until",
    "flapping",
    "absent",
    ANNOTATIONS,
];
/// Told to people; what is held goes on where only they differ.
pub(super) const ANNOTATIONS: &str = "annotations";
const KEY_PARTS_MAX: usize = 8;
/// Seconds that a count or a flapping may look back on, events that a count may ask for.
const COUNT_MAX: u64 = 10_000;
const SECOND_MS: u64 = 1_000;
const WEEK_MS: u64 = 604_800_000;
const QUIET_NS: u64 = 600_000_000_000;
const MS_NS: u64 = 1_000_000;

/// The rule that the alert belongs to.
pub(super) struct Rule<'a> {
    pub place: u16,
    pub name: &'a str,
    pub category: Category,
    pub declared_at: String,
}

pub(super) fn read(ctx: &mut Reading<'_>, node: &Node, rule: &Rule<'_>) -> Option<Watch> {
    let fields = Fields::new(&mut ctx.report, node, "`alert`", KNOWN)?;
    let priority = priority(ctx, fields).unwrap_or(match rule.category {
        Category::Exception => Priority::P3,
        Category::Warning => Priority::P4,
        Category::Informational => Priority::P5,
    });
    let key = key(ctx, fields);
    let annotations = metadata::annotations_of(ctx, fields.get(ANNOTATIONS));
    ctx.annotated.set_rule(rule.name, annotations);
    let once_within_ns = time(ctx, fields, "once_within").unwrap_or(0);
    let form = if fields.get("absent").is_some() { absent(ctx, fields)? } else { seen(ctx, fields)? };
    let (name, declared_at) = (rule.name.to_owned(), rule.declared_at.clone());
    Some(Watch {
        rule: rule.place,
        name,
        category: rule.category,
        priority,
        key,
        form,
        once_within_ns,
        identity: set::identity([Some(&node.without(&[ANNOTATIONS]))]),
        declared_at,
    })
}

fn priority(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Priority> {
    let words: Vec<(&str, Priority)> = Priority::ALL.iter().map(|one| (one.as_str(), *one)).collect();
    reader::word(&mut ctx.report, fields.get("priority")?, "priority", &words)
}

fn key(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Vec<Key> {
    let names = fields.texts(&mut ctx.report, "key");
    if let Some((_, node)) = names.get(KEY_PARTS_MAX) {
        ctx.report.error("E0215", node.at, format!("a key has at most {KEY_PARTS_MAX} attributes"));
    }
    let mut key: Vec<Key> = Vec::new();
    for (name, node) in names.into_iter().take(KEY_PARTS_MAX) {
        if name.trim().is_empty() || name.len() > 128 {
            ctx.report.error("E0211", node.at, "an attribute's name has 1 to 128 characters");
        } else if key.iter().any(|one| one.name == name) {
            ctx.report.error("E0216", node.at, format!("`{name}` is in the key already"));
        } else {
            key.extend(ctx.key(node.at, name));
        }
    }
    key
}

fn absent(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Form> {
    for other in ["quiet", "count", "within", "once_within", "until", "flapping"] {
        if fields.get(other).is_some() {
            let message = format!("`{other}` and `absent` do not go together");
            ctx.report.error_with(
                "E0216",
                fields.place_of(other),
                message,
                "an absence ends with the next event",
            );
        }
    }
    time(ctx, fields, "absent").map(|after_ns| Form::Absent { after_ns })
}

fn seen(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Form> {
    let until = fields.get("until").and_then(|node| expression::predicate(ctx, node, "until", None));
    let flapping = fields.get("flapping").and_then(|node| flapping(ctx, node));
    if flapping.is_some() && fields.get("until").is_none() {
        let at = fields.place_of("flapping");
        let hint = "flapping is to change between the rule's events and those of `until`";
        ctx.report.error_with("E0216", at, "`flapping` needs `until`", hint);
    }
    let quiet_ns = match fields.get("quiet") {
        Some(_) => time(ctx, fields, "quiet")?,
        None => QUIET_NS,
    };
    let count = count(ctx, fields, "count").unwrap_or(1);
    let within_ns = match (fields.get("within"), count) {
        (Some(_), _) => time(ctx, fields, "within")?,
        (None, 1) => 0,
        (None, _) => {
            let at = fields.place_of("count");
            ctx.report.error_with("E0216", at, "`count` needs `within`", "as in count: 3, within: 5m");
            return None;
        }
    };
    if count == 1 && fields.get("within").is_some() {
        let at = fields.place_of("within");
        ctx.report.error_with("E0216", at, "`within` needs a `count` above 1", "as in count: 3, within: 5m");
    }
    Some(Form::Seen { count, within_ns, quiet_ns, until, flapping })
}

fn flapping(ctx: &mut Reading<'_>, node: &Node) -> Option<Flapping> {
    let fields = Fields::new(&mut ctx.report, node, "`flapping`", &["changes", "within"])?;
    let needed = ["changes", "within"].map(|name| fields.required(&mut ctx.report, name).is_some());
    if needed != [true, true] {
        return None;
    }
    let changes = count(ctx, fields, "changes")?;
    if changes < 3 {
        let at = fields.place_of("changes");
        ctx.report.error_with("E0216", at, "`changes` is at least 3", "once there and back is no flapping");
        return None;
    }
    Some(Flapping { changes, within_ns: time(ctx, fields, "within")? })
}

fn count(ctx: &mut Reading<'_>, fields: Fields<'_>, name: &str) -> Option<u64> {
    let text = fields.text(&mut ctx.report, name)?;
    let number = text.parse().ok().filter(|number| (1..=COUNT_MAX).contains(number));
    if number.is_none() {
        let at = fields.get(name).map_or(fields.at, |node| node.at);
        ctx.report.error("E0217", at, format!("`{name}` is a whole number from 1 to {COUNT_MAX}"));
    }
    number
}

/// From one second to a week, in nanoseconds.
fn time(ctx: &mut Reading<'_>, fields: Fields<'_>, name: &str) -> Option<u64> {
    let text = fields.text(&mut ctx.report, name)?;
    let ms = quantity::prometheus_ms(text).filter(|ms| (SECOND_MS..=WEEK_MS).contains(ms));
    if ms.is_none() {
        let at = fields.get(name).map_or(fields.at, |node| node.at);
        let message = format!("`{name}` is a time from 1s to 1w");
        ctx.report.error_with("E0217", at, message, "write 30s, 5m, 1h30m or 4h");
    }
    ms.map(|ms| ms * MS_NS)
}
