//! Documents of kind Test: what happens on a timeline, and what is expected. A mistake in one leaves the others as they are.
//! Its traffic is read in `trial_events`, its expectations in `trial_expects`, and held against each other in `trial_checks`.

use super::node::{Node, Place, Value};
use super::reader::{self, Fields};
use super::set::{Document, Kind, Set};
use super::{Reading, quantity, trial_events, trial_expects};
use crate::engine::Plan;
use crate::model::{EventTime, SECOND_NS};
use crate::trial::{Expect, Moment, Recording, TIME_S_MAX, TIMELINE_S_MAX, Trial};

const DOCUMENT: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
const SPEC: &[&str] = &["start", "strict", "traffic", "counts", "replay", "expect"];
const METADATA: &[&str] = &["name", "displayName", "labels", "annotations"];
/// Monday, 5 January 2026, midnight UTC.
const START_S: u64 = 1_767_571_200;
const NAME_MAX: usize = 200;

/// A document that can not be run.
#[derive(Clone, Debug)]
pub struct Unsound {
    pub name: String,
    /// `FILE:LINE:COLUMN`
    pub declared_at: String,
    /// What is wrong with it.
    pub why: Vec<String>,
}

/// What a test may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub plan: &'k Plan,
    pub receivers: &'k [String],
    /// Everything that there is has been read: what is not known is a mistake.
    pub complete: bool,
}

/// By name.
pub(super) fn read_all(ctx: &mut Reading<'_>, set: &Set, known: Known<'_>) -> (Vec<Trial>, Vec<Unsound>) {
    let (mut trials, mut unsound) = (Vec::new(), Vec::new());
    for document in set.of(Kind::Test) {
        let before = ctx.report.mark();
        let trial = read(ctx, document, known);
        let why = ctx.report.errors_since(before);
        match trial.filter(|_| why.is_empty()) {
            Some(trial) => trials.push(trial),
            None => {
                let declared_at = ctx.report.locate(document.at);
                unsound.push(Unsound { name: document.name.clone(), declared_at, why });
            }
        }
    }
    (trials, unsound)
}

fn read(ctx: &mut Reading<'_>, document: &Document, known: Known<'_>) -> Option<Trial> {
    let fields = Fields::new(&mut ctx.report, &document.node, "a Test", DOCUMENT)?;
    let name = name(ctx, fields);
    let spec = fields.required(&mut ctx.report, "spec")?;
    let spec = Fields::new(&mut ctx.report, spec, "a Test's spec", SPEC)?;
    let strict = spec.truth(&mut ctx.report, "strict").unwrap_or(true);
    let paths = spec.texts(&mut ctx.report, "replay").into_iter();
    let recording = |(path, node): (&str, &Node)| Recording {
        file: document.folder.join(path),
        declared_at: ctx.report.locate(node.at),
    };
    let replay: Vec<Recording> = paths.map(recording).collect();
    let start = start(ctx, spec, !replay.is_empty());
    let [traffic, counts] = ["traffic", "counts"].map(|name| spec.list(&mut ctx.report, name));
    let flows = trial_events::traffic(ctx, traffic);
    let feeds = trial_events::counts(ctx, counts, known);
    if ["traffic", "counts", "replay"].iter().all(|key| spec.get(key).is_none()) {
        let hint = "as in traffic: [{for: 1h, service: checkout, rate: 100/s, bad: 0.1%}]";
        ctx.report.error_with(
            "E0601",
            spec.at,
            "nothing happens in this test: it needs `traffic`, `counts` or `replay`",
            hint,
        );
    }
    let happens = flows.zip(feeds);
    let trial = happens.map(|(flows, feeds)| Trial {
        name: name.unwrap_or_default(),
        declared_at: ctx.report.locate(document.at),
        start,
        replay,
        flows,
        feeds,
        expects: Vec::new(),
        strict,
    });
    let made_up = trial.as_ref().filter(|trial| trial.replay.is_empty());
    let timeline = trial_expects::Timeline { start, length_s: made_up.map(Trial::length_s) };
    let expects = expects(ctx, spec, known, &timeline);
    trial.map(|trial| Trial { expects, ..trial })
}

fn expects(
    ctx: &mut Reading<'_>,
    spec: Fields<'_>,
    known: Known<'_>,
    timeline: &trial_expects::Timeline,
) -> Vec<Expect> {
    let Some(node) = spec.required(&mut ctx.report, "expect") else { return Vec::new() };
    let nodes = reader::list(&mut ctx.report, node, "expect");
    if nodes.is_empty() && matches!(node.value, Value::Sequence(_)) {
        ctx.report.error("E0601", node.at, "a test that expects nothing tells nothing");
    }
    trial_expects::read(ctx, nodes, known, timeline)
}

/// A sentence, if one likes.
fn name(ctx: &mut Reading<'_>, document: Fields<'_>) -> Option<String> {
    let node = document.required(&mut ctx.report, "metadata")?;
    let fields = Fields::new(&mut ctx.report, node, "metadata", METADATA)?;
    let name = fields.required_text(&mut ctx.report, "name")?;
    if name.trim().is_empty() || name.chars().count() > NAME_MAX {
        let at = fields.get("name").map_or(fields.at, |node| node.at);
        ctx.report.error("E0211", at, format!("a test's name has 1 to {NAME_MAX} characters"));
    }
    Some(name.to_owned())
}

fn start(ctx: &mut Reading<'_>, spec: Fields<'_>, is_recorded: bool) -> EventTime {
    let begin = EventTime(START_S * SECOND_NS);
    let Some((text, node)) = spec.text(&mut ctx.report, "start").zip(spec.get("start")) else { return begin };
    if is_recorded {
        let message = "a recording begins when it was recorded: `start` and `replay` do not go together";
        ctx.report.error("E0606", spec.place_of("start"), message);
    }
    match time(text) {
        Some(time) => within_range(ctx, node, time).unwrap_or(begin),
        None => {
            not_readable(ctx, node, "start", text, "write 2026-01-05T00:00:00Z");
            begin
        }
    }
}

/// A whole second from which the longest timeline can go on.
fn within_range(ctx: &mut Reading<'_>, node: &Node, time: EventTime) -> Option<EventTime> {
    if time.seconds() > TIME_S_MAX {
        let max = Moment::Time(EventTime(TIME_S_MAX * SECOND_NS));
        ctx.report.error("E0608", node.at, format!("a test knows no time after {max}"));
        return None;
    }
    Some(EventTime(time.seconds() * SECOND_NS))
}

/// RFC 3339, from 1970 on.
fn time(text: &str) -> Option<EventTime> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok().map(EventTime)
}

pub(super) fn not_readable(ctx: &mut Reading<'_>, node: &Node, name: &str, text: &str, hint: &str) {
    let shown = node.scalar().map_or(text, |scalar| scalar.shown());
    ctx.report.error_with("E0607", node.at, format!("`{name}`: `{shown}` can not be read"), hint);
}

/// Whole seconds, as `90s` or `2h16m`.
pub(super) fn seconds(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<u64> {
    let text = reader::text(&mut ctx.report, node, name)?;
    let ms = quantity::prometheus_ms(text).filter(|ms| ms % 1_000 == 0);
    let seconds = ms.map(|ms| ms / 1_000);
    if seconds.is_none() {
        not_readable(ctx, node, name, text, "write whole seconds, as 30s, 90m, 2h16m or 28d");
    }
    let too_long = seconds.is_some_and(|seconds| seconds > TIMELINE_S_MAX);
    if too_long {
        let message = format!("a test's timeline has at most {} days", TIMELINE_S_MAX / 86_400);
        ctx.report.error("E0608", node.at, message);
    }
    seconds.filter(|_| !too_long)
}

/// A time after the beginning, or one of RFC 3339.
pub(super) fn moment(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<(Moment, Place)> {
    let text = reader::text(&mut ctx.report, node, name)?;
    let moment = match time(text) {
        Some(time) => Moment::Time(within_range(ctx, node, time)?),
        None => Moment::Offset(seconds(ctx, node, name)?),
    };
    Some((moment, node.at))
}
