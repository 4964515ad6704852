//! `params`: where each value comes from, and the one rule that it is held against.

use super::super::node::{Key, Node};
use super::super::reader::{self, Fields};
use super::super::{Reading, suggest};
use super::texts::{self, Scope};
use super::{Known, labels, too_many};
use crate::runbook::{self, Param, RUN_ID, RUN_KEY, Rule, VALUE_BYTES_MAX};

const PARAM: &[&str] = &["from", "value", "enum", "min", "max", "pattern", "max_length"];
const PARAMS_MAX: usize = 32;
const NAME_MAX: usize = 63;
const LABEL_MAX: usize = 128;
const VALUES_MAX: usize = 100;
/// Values that mean more than themselves to programs; of several lengths, for patterns that ask for some.
const SUSPECT: &[&str] = &[
    "../x",
    "../../etc/passwd",
    "x/../../etc/passwd",
    "@x",
    "@/etc/passwd",
    "$(x)",
    "$(reboot)",
    "x$(reboot)x",
    "`reboot`",
];
const PATTERN_BYTES_MAX: usize = 1_024;

/// The sound ones, and all names for texts.
pub(super) fn read<'n>(
    ctx: &mut Reading<'_>,
    spec: Fields<'n>,
    known: &Known<'_>,
) -> (Vec<Param>, Scope<'n>) {
    let mut scope = Scope { names: Vec::new(), negative: Vec::new() };
    let mut params = Vec::new();
    let entries = spec.get("params").map_or_else(Vec::new, |node| texts::named(ctx, node, "params"));
    too_many(ctx, entries.get(PARAMS_MAX).map(|(key, _)| key.at), PARAMS_MAX, "parameters of a runbook");
    for (key, node) in entries.into_iter().take(PARAMS_MAX) {
        scope.names.push(&key.text);
        check_name(ctx, key);
        let Some(param) = param(ctx, key, node, known) else { continue };
        if matches!(param.rule, Rule::Whole { min, .. } if min < 0) {
            scope.negative.push(&key.text);
        }
        params.push(param);
    }
    (params, scope)
}

fn check_name(ctx: &mut Reading<'_>, key: &Key) {
    let name = &*key.text;
    if matches!(name, RUN_ID | RUN_KEY) {
        let message = format!("`{name}` is there already: the run's own");
        return ctx.report.error("E0703", key.at, message);
    }
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.len() > NAME_MAX
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(inside)
    {
        let message = format!(
            "`{name}` is no name of a parameter: a lower-case letter, then letters, digits and `_`, at most {NAME_MAX}"
        );
        ctx.report.error("E0703", key.at, message);
    }
}

fn param(ctx: &mut Reading<'_>, key: &Key, node: &Node, known: &Known<'_>) -> Option<Param> {
    let fields = Fields::new(&mut ctx.report, node, "a parameter", PARAM)?;
    let (rule, from) = (rule(ctx, fields), from(ctx, fields, known));
    let (rule, from) = (rule?, from?);
    if let runbook::From::Value(value) = &from
        && let Err(why) = rule.check(value)
    {
        let at = fields.get("value").map_or(fields.at, |node| node.at);
        ctx.report.error("E0703", at, format!("`value` {why}"));
    }
    Some(Param { name: key.text.clone(), from, rule })
}

fn from(ctx: &mut Reading<'_>, fields: Fields<'_>, known: &Known<'_>) -> Option<runbook::From> {
    let words = ["label.NAME", "service", "alert", "person"];
    if let (Some(_), Some(_)) = (fields.get("from"), fields.get("value")) {
        let message = "`from` and `value` exclude each other";
        ctx.report.error("E0703", fields.place_of("value"), message);
        return None;
    }
    if fields.get("value").is_some() {
        return fields.text(&mut ctx.report, "value").map(|text| runbook::From::Value(text.to_owned()));
    }
    let Some(node) = fields.get("from") else {
        let hint = format!("from: {}; or value: TEXT", words.join(", "));
        ctx.report.error_with("E0703", fields.at, "a parameter needs `from` or `value`", hint);
        return None;
    };
    let text = reader::text(&mut ctx.report, node, "from")?;
    match text {
        "service" => return Some(runbook::From::Service),
        "alert" => return Some(runbook::From::Alert),
        "person" => return Some(runbook::From::Person),
        _ => {}
    }
    let is_label = |label: &&str| {
        (1..=LABEL_MAX).contains(&label.len())
            && !label.contains(|c: char| c.is_control() || c.is_whitespace())
    };
    if let Some(label) = text.strip_prefix("label.").filter(is_label) {
        labels::warn_unknown(ctx, node, label, "this parameter never has a value", known);
        return Some(runbook::From::Label(label.to_owned()));
    }
    let message = format!("`{text}` is nothing that a value comes from");
    ctx.report.error_with("E0703", node.at, message, suggest::hint(text, &words));
    None
}

fn rule(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Rule> {
    let is_there = |key: &&str| fields.get(key).is_some();
    let range = ["min", "max"].into_iter().find(is_there);
    let given: Vec<&str> = [Some("enum").filter(is_there), range, Some("pattern").filter(is_there)]
        .into_iter()
        .flatten()
        .collect();
    if is_there(&"max_length") && !is_there(&"pattern") {
        let message = "`max_length` belongs to a `pattern`";
        ctx.report.error("E0703", fields.place_of("max_length"), message);
    }
    match given[..] {
        ["enum"] => one_of(ctx, fields),
        ["pattern"] => pattern(ctx, fields),
        [_] => whole(ctx, fields),
        [] => {
            let hint = "one of enum: [a, b]; min: 1 and max: 10; pattern: '[a-z0-9-]{1,40}'";
            ctx.report.error_with("E0703", fields.at, "a parameter needs a rule for its values", hint);
            None
        }
        [first, second, ..] => {
            let message = format!("`{first}` and `{second}` are two rules, and a parameter has one");
            ctx.report.error("E0703", fields.place_of(second), message);
            None
        }
    }
}

fn one_of(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Rule> {
    let nodes = fields.texts(&mut ctx.report, "enum");
    if fields.is_empty_list("enum") {
        ctx.report.error("E0703", fields.place_of("enum"), "`enum` has no value");
        return None;
    }
    too_many(ctx, nodes.get(VALUES_MAX).map(|(_, node)| node.at), VALUES_MAX, "values of an `enum`");
    let mut values: Vec<String> = Vec::new();
    for (value, node) in nodes.into_iter().take(VALUES_MAX) {
        let alone = Rule::OneOf(vec![value.to_owned()]);
        if values.iter().any(|one| one == value) {
            ctx.report.error("E0703", node.at, format!("`{value}` is among the values already"));
        } else if let Err(why) = alone.check(value) {
            ctx.report.error("E0703", node.at, format!("a value of `enum` {why}"));
        }
        values.push(value.to_owned());
    }
    Some(Rule::OneOf(values))
}

fn whole(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Rule> {
    let [min, max] = ["min", "max"].map(|key| {
        let other = if key == "min" { "max" } else { "min" };
        let Some(node) = fields.get(key) else {
            let message = format!("`{other}` needs `{key}` beside it");
            ctx.report.error("E0703", fields.place_of(other), message);
            return None;
        };
        let number = node.scalar().and_then(|scalar| scalar.text.parse::<i64>().ok());
        if number.is_none() {
            ctx.report.error("E0217", node.at, format!("`{key}` is a whole number"));
        }
        number
    });
    let (min, max) = (min?, max?);
    if min > max {
        ctx.report.error("E0703", fields.place_of("max"), "`max` is below `min`: no value would do");
    }
    Some(Rule::Whole { min, max })
}

fn pattern(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<Rule> {
    let most = u32::try_from(VALUE_BYTES_MAX).unwrap_or(u32::MAX);
    let bytes_max = fields.whole(&mut ctx.report, "max_length", 1, most).unwrap_or(most) as usize;
    let text = fields.text(&mut ctx.report, "pattern")?;
    let at = fields.get("pattern")?.at;
    if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
        let message = format!("a pattern has 1 to {PATTERN_BYTES_MAX} bytes");
        ctx.report.error("E0703", at, message);
        return None;
    }
    let rule = Rule::pattern(text, bytes_max).map_err(|why| ctx.report.error("E0703", at, why)).ok()?;
    if let Some(taken) = SUSPECT.iter().find(|value| rule.check(value).is_ok()) {
        let message =
            format!("this pattern takes `{taken}`, which what reads it may take for {}", meaning(taken));
        ctx.report.warn(
            "W0703",
            at,
            message,
            "prefer `enum`, or a tighter pattern such as '[a-z0-9-]{1,40}'",
        );
    }
    Some(rule)
}

fn meaning(value: &str) -> &'static str {
    match value.chars().next() {
        Some('@') => "a file of arguments",
        Some('$' | '`') => "a substitution",
        _ => "a path",
    }
}
