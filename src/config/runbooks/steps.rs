//! `steps`: what is called, in order, and how often each is tried.

use std::collections::BTreeMap;

use super::super::Reading;
use super::super::node::{Node, Place};
use super::super::reader::Fields;
use super::{Around, command, http, job, seconds, services, too_many};
use crate::runbook::{Action, Step};
use crate::runner::{StepSecrets, Vault};

const STEP: &[&str] = &[
    "name",
    "timeout",
    "retry",
    "idempotent",
    "command",
    "http",
    "cloudevent",
    "rundeck",
    "stackstorm",
    "ansible_rulebook",
    "github",
    "kubernetes_job",
];
/// The fields of `STEP` before its actions.
const BESIDE: usize = 4;
const STEPS_MAX: usize = 20;
const NAME_MAX: usize = 63;
const ATTEMPTS_MAX: u32 = 10;
const TIMEOUT_S: u64 = 60;
const PAUSE_S: u64 = 5;
const HOUR_S: u64 = 3_600;
const SECOND_MS: u64 = 1_000;

pub(super) fn read(
    ctx: &mut Reading<'_>,
    spec: Fields<'_>,
    around: Around<'_>,
    vault: &mut Vault,
) -> Vec<Step> {
    spec.required(&mut ctx.report, "steps");
    if spec.is_empty_list("steps") {
        ctx.report.error("E0705", spec.place_of("steps"), "a runbook without a step does nothing");
    }
    let nodes = spec.list(&mut ctx.report, "steps");
    too_many(ctx, nodes.get(STEPS_MAX).map(|node| node.at), STEPS_MAX, "steps of a runbook");
    let mut first = BTreeMap::new();
    let mut steps = Vec::new();
    for node in nodes.iter().take(STEPS_MAX) {
        let Some((step, secrets)) = step(ctx, node, around, &mut first) else { continue };
        if secrets != StepSecrets::default() {
            vault.insert((around.runbook.to_owned(), step.name.clone()), secrets);
        }
        steps.push(step);
    }
    steps
}

fn step<'n>(
    ctx: &mut Reading<'_>,
    node: &'n Node,
    around: Around<'_>,
    first: &mut BTreeMap<&'n str, Place>,
) -> Option<(Step, StepSecrets)> {
    let fields = Fields::new(&mut ctx.report, node, "a step", STEP)?;
    let name = name(ctx, fields, first);
    let timeout_s = seconds(ctx, fields, "timeout", [1, HOUR_S], "1s to 1h").unwrap_or(TIMEOUT_S);
    let timeout_ms = timeout_s * SECOND_MS;
    let action = action(ctx, fields, around, timeout_ms);
    let is_idempotent = fields.truth(&mut ctx.report, "idempotent");
    let is_idempotent = is_idempotent.unwrap_or(fields.get("kubernetes_job").is_some());
    let (attempts, pause_ms) = retry(ctx, fields.get("retry")).unwrap_or((1, 0));
    if fields.get("retry").is_some() && !is_idempotent {
        let message = "`retry` needs `idempotent: true`: a second attempt must do no more than one";
        let hint = "say it if that is so; else leave `retry` out";
        ctx.report.error_with("E0705", fields.place_of("retry"), message, hint);
    }
    let (action, secrets) = action?;
    let name = name?.to_owned();
    Some((Step { name, action, timeout_ms, attempts, pause_ms, is_idempotent }, secrets))
}

fn name<'n>(
    ctx: &mut Reading<'_>,
    fields: Fields<'n>,
    first: &mut BTreeMap<&'n str, Place>,
) -> Option<&'n str> {
    let name = fields.required_text(&mut ctx.report, "name")?;
    let at = fields.get("name")?.at;
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !(1..=NAME_MAX).contains(&name.len()) || !name.chars().all(inside) || name.starts_with(['-', '_']) {
        let message = format!(
            "`{name}` is no name of a step: lower-case letters, digits, `-` and `_`, at most {NAME_MAX}"
        );
        ctx.report.error("E0211", at, message);
    } else if let Some(before) = first.insert(name, at) {
        let message = format!("a step named `{name}` exists, on line {}", before.line);
        ctx.report.error("E0212", at, message);
    }
    Some(name)
}

fn action(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    around: Around<'_>,
    timeout_ms: u64,
) -> Option<(Action, StepSecrets)> {
    let actions = STEP.split_at(BESIDE).1;
    let given: Vec<&str> = actions.iter().copied().filter(|name| fields.get(name).is_some()).collect();
    let [name] = given[..] else {
        let hint = format!("one of {}", actions.join(", "));
        match given.get(1) {
            None => ctx.report.error_with("E0705", fields.at, "a step calls nothing", hint),
            Some(second) => {
                let message = format!("a step calls one thing: `{}` and `{second}` are two steps", given[0]);
                ctx.report.error("E0705", fields.place_of(second), message);
            }
        }
        return None;
    };
    let node = fields.get(name)?;
    let request = match name {
        "command" => {
            let (command, named) = command::read(ctx, node, around)?;
            return Some((Action::Command(command), StepSecrets { named, ..StepSecrets::default() }));
        }
        "http" => http::http(ctx, node, around),
        "cloudevent" => http::cloud_event(ctx, node, around),
        "rundeck" => services::rundeck(ctx, node, around),
        "stackstorm" => services::stackstorm(ctx, node, around),
        "ansible_rulebook" => services::ansible_rulebook(ctx, node, around),
        "github" => services::github(ctx, node, around),
        _ => job::read(ctx, node, around, timeout_ms),
    };
    request.map(|(http, secrets)| (Action::Http(http), secrets))
}

/// Attempts, and the pause between them.
fn retry(ctx: &mut Reading<'_>, node: Option<&Node>) -> Option<(u32, u64)> {
    let fields = Fields::new(&mut ctx.report, node?, "retry", &["attempts", "pause"])?;
    fields.required(&mut ctx.report, "attempts");
    let attempts = fields.whole(&mut ctx.report, "attempts", 2, ATTEMPTS_MAX);
    let pause_s = seconds(ctx, fields, "pause", [1, HOUR_S], "1s to 1h").unwrap_or(PAUSE_S);
    Some((attempts?, pause_s * SECOND_MS))
}
