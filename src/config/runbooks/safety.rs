//! What keeps a runbook from doing harm: `limits`, `quiet_times`, `destructive` and `approval`.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::super::node::Node;
use super::super::reader::{self, Fields};
use super::super::{Reading, suggest, window};
use super::{DAY_S, MINUTE_S, seconds, too_many};
use crate::runbook::{Approval, Blast, Breaker, Limits};
use crate::slo::{Every, Exclusion, Recurrence, When};

const LIMITS: &[&str] = &["cooldown", "concurrency", "blast_radius", "breaker"];
const QUIET: &[&str] = &["days", "from", "to", "time_zone", "reason"];
const QUIET_MAX: usize = 100;
const NAMES_MAX: usize = 100;
const REASON_BYTES_MAX: usize = 256;
const COUNT_MAX: u32 = 100;
const TARGETS_MAX: u32 = 1_000;
const WEEK_S: u64 = 7 * DAY_S;
const EXPIRES_S: u64 = 900;
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

pub(super) fn limits(ctx: &mut Reading<'_>, node: Option<&Node>) -> Limits {
    let mut limits = Limits::default();
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "a runbook's limits", LIMITS));
    let Some(fields) = fields else { return limits };
    if let Some(cooldown_s) = seconds(ctx, fields, "cooldown", [0, WEEK_S], "0s to 1w") {
        limits.cooldown_s = cooldown_s;
    }
    if let Some(concurrency) = fields.whole(&mut ctx.report, "concurrency", 1, COUNT_MAX) {
        limits.concurrency = concurrency;
    }
    limits.blast = fields.get("blast_radius").and_then(|node| blast(ctx, node));
    if let Some(breaker) = fields.get("breaker").and_then(|node| breaker(ctx, node, limits.breaker)) {
        limits.breaker = breaker;
    }
    limits
}

fn blast(ctx: &mut Reading<'_>, node: &Node) -> Option<Blast> {
    let fields = Fields::new(&mut ctx.report, node, "blast_radius", &["targets", "within"])?;
    for name in ["targets", "within"] {
        fields.required(&mut ctx.report, name);
    }
    let targets = fields.whole(&mut ctx.report, "targets", 1, TARGETS_MAX);
    let within_s = seconds(ctx, fields, "within", [MINUTE_S, WEEK_S], "1m to 1w");
    Some(Blast { targets: targets?, within_s: within_s? })
}

fn breaker(ctx: &mut Reading<'_>, node: &Node, default: Breaker) -> Option<Breaker> {
    let fields = Fields::new(&mut ctx.report, node, "breaker", &["failures", "pause"])?;
    let failures = fields.whole(&mut ctx.report, "failures", 1, COUNT_MAX);
    let pause_s = seconds(ctx, fields, "pause", [MINUTE_S, WEEK_S], "1m to 1w");
    Some(Breaker {
        failures: failures.unwrap_or(default.failures),
        pause_s: pause_s.unwrap_or(default.pause_s),
    })
}

/// A field that holds something back, with nothing behind it: what was meant can not be known.
const EMPTY: &[(&str, &str)] = &[
    ("limits", "write `limits: {}`, or leave it out, for the defaults"),
    ("quiet_times", "write a list of times, or leave it out where there are none"),
    ("destructive", "write true or false"),
    (
        "approval",
        "write `approval: {}` where every operator may approve, or `approval: {by: [NAME], expires: 15m}`",
    ),
];
const EMPTY_LIMITS: &[(&str, &str)] = &[
    ("cooldown", "write 10m, or 0s for none"),
    ("concurrency", "write a number, or leave it out for 1"),
    ("blast_radius", "write {targets: 3, within: 1h}, or leave it out where there is none"),
    ("breaker", "write {failures: 3, pause: 1h}, or leave it out for that"),
];

/// What is left empty would count as absent, and hold nothing back.
pub(super) fn refuse_empty(ctx: &mut Reading<'_>, spec: Fields<'_>) {
    empty(ctx, spec, EMPTY);
    let limits = spec.get("limits").and_then(|node| node.entries().map(|_| Fields::open(node, "limits")));
    if let Some(limits) = limits {
        empty(ctx, limits, EMPTY_LIMITS);
    }
}

pub(super) fn empty(ctx: &mut Reading<'_>, fields: Fields<'_>, names: &[(&str, &str)]) {
    for (name, hint) in names {
        if let Some(key) = fields.key(name).filter(|_| fields.get(name).is_none()) {
            let message = format!("`{name}` is empty: what it is to say is not known");
            ctx.report.error_with("E0707", key.at, message, *hint);
        }
    }
}

/// Who has to agree, and whether the runbook is destructive.
pub(super) fn approval(
    ctx: &mut Reading<'_>,
    spec: Fields<'_>,
    operators: &[&str],
) -> (Option<Approval>, bool) {
    let is_destructive = spec.truth(&mut ctx.report, "destructive").unwrap_or(false);
    let default = Approval { by: Vec::new(), expires_s: EXPIRES_S };
    let Some(node) = spec.get("approval") else { return (is_destructive.then_some(default), is_destructive) };
    let Some(fields) = Fields::new(&mut ctx.report, node, "approval", &["by", "expires"]) else {
        return (Some(default), is_destructive);
    };
    empty(ctx, fields, &[("by", "name operators, or leave it out where each of them may approve")]);
    let expires_s = seconds(ctx, fields, "expires", [1, WEEK_S], "1s to 1w").unwrap_or(EXPIRES_S);
    let names = fields.texts(&mut ctx.report, "by");
    if fields.is_empty_list("by") {
        let message = "`by` names nobody, so nobody could approve";
        ctx.report.error_with("E0707", fields.place_of("by"), message, "without `by` every operator can");
    }
    too_many(ctx, names.get(NAMES_MAX).map(|(_, node)| node.at), NAMES_MAX, "names of who approves");
    let mut by: Vec<String> = Vec::new();
    for (name, node) in names.into_iter().take(NAMES_MAX) {
        if by.iter().any(|one| one == name) {
            ctx.report.error("E0707", node.at, format!("`{name}` stands there twice"));
        } else if !operators.contains(&name) && !ctx.incomplete {
            let hint = match operators.is_empty() {
                true => "add it to `auth.tokens` of the `Config` document".to_owned(),
                false => suggest::hint(name, operators),
            };
            let message = format!("no token of role `operator` is named `{name}`");
            ctx.report.error_with("E0707", node.at, message, hint);
        }
        by.push(name.to_owned());
    }
    (Some(Approval { by, expires_s }), is_destructive)
}

pub(super) fn quiet_times(ctx: &mut Reading<'_>, spec: Fields<'_>) -> Vec<Exclusion> {
    let nodes = spec.list(&mut ctx.report, "quiet_times");
    too_many(ctx, nodes.get(QUIET_MAX).map(|node| node.at), QUIET_MAX, "quiet times of a runbook");
    nodes.iter().take(QUIET_MAX).filter_map(|node| quiet_time(ctx, node)).collect()
}

fn quiet_time(ctx: &mut Reading<'_>, node: &Node) -> Option<Exclusion> {
    let fields = Fields::new(&mut ctx.report, node, "a quiet time", QUIET)?;
    let mut days: Vec<(&str, Weekday)> = Vec::new();
    for (text, node) in fields.texts(&mut ctx.report, "days") {
        let Some(day) = reader::word(&mut ctx.report, node, "days", &DAYS) else { continue };
        match days.iter().any(|(_, one)| *one == day) {
            true => ctx.report.error("E0707", node.at, format!("`{text}` stands there twice")),
            false => days.push((text, day)),
        }
    }
    if fields.is_empty_list("days") {
        let message = "`days` names none";
        ctx.report.error_with("E0707", fields.place_of("days"), message, "without `days` it is every day");
    }
    let [from, to] = ["from", "to"].map(|key| {
        let node = fields.required(&mut ctx.report, key)?;
        minute(ctx, node, key)
    });
    let zone = fields.get("time_zone").map(|node| window::time_zone(ctx, node, "time_zone"));
    let zone = zone.unwrap_or(Some(TimeZone::UTC));
    let reason = fields.text(&mut ctx.report, "reason");
    if reason.is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
        let message = format!("a reason has at most {REASON_BYTES_MAX} bytes");
        ctx.report.error("E0215", fields.place_of("reason"), message);
    }
    let (from, to, zone) = (from?, to?, zone?);
    if from == to {
        let message =
            "a quiet time from one minute to the same one is the whole day, and nothing would ever start";
        let hint = "write from: '00:00', to: '24:00' for whole days, with `days`; else another end";
        ctx.report.error_with("E0707", fields.place_of("to"), message, hint);
    }
    let length = (to + DAY_S / MINUTE_S - from - 1) % (DAY_S / MINUTE_S) + 1;
    let clock = |minute: u64| format!("{:02}:{:02}", minute / 60, minute % 60);
    let text = || {
        let names: Vec<&str> = days.iter().map(|(name, _)| *name).collect();
        let names = if names.is_empty() { "every day".to_owned() } else { names.join(", ") };
        let zone = zone.iana_name().unwrap_or("UTC");
        format!("{names} from {} to {} ({zone})", clock(from), clock(to))
    };
    let hour_minute = |part: u64| i8::try_from(part).unwrap_or(0);
    let time = Time::constant(hour_minute(from / 60), hour_minute(from % 60), 0, 0);
    let when = When::Again(Recurrence {
        first: Date::constant(1970, 1, 1).to_datetime(time),
        length_s: length * MINUTE_S,
        every: if days.is_empty() { Every::Day } else { Every::Week },
        interval: 1,
        by_day: days.iter().map(|(_, day)| (0, *day)).collect(),
        by_month_day: Vec::new(),
        until_s: None,
        zone: zone.clone(),
    });
    Some(Exclusion { reason: reason.map_or_else(text, str::to_owned), when })
}

/// `HH:MM` of a wall clock in minutes; `24:00` is an end alone.
fn minute(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<u64> {
    let text = reader::text(&mut ctx.report, node, name)?;
    let number = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u64>().ok().filter(|_| digits)
    };
    let read = text.split_once(':').and_then(|(hours, minutes)| Some((number(hours)?, number(minutes)?)));
    let read = match read {
        Some((24, 0)) if name == "to" => Some(24 * 60),
        Some((hours @ 0..=23, minutes @ 0..=59)) => Some(hours * 60 + minutes),
        _ => None,
    };
    if read.is_none() {
        let hint = "write it as the clock on the wall shows it: '22:00'";
        ctx.report.error_with("E0217", node.at, format!("`{text}` is no time of a day"), hint);
    }
    read
}
