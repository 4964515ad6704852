//! `--against`: the pages and tickets of two replays of the same files, one against the other.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Stage;
use crate::cli::Exit;
use crate::cli::args::Output;
use crate::cli::show::shown;
use crate::engine::Plan;

/// Two episodes of one group are the same trouble where they begin so near to each other.
const NEAR_S: i64 = 3_600;

/// One episode, as its facts tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Episode {
    /// `slo shop`, `rule disk-full`
    subject: (String, String),
    group: String,
    /// The group as it is in the facts.
    labels: Value,
    opened: Timestamp,
    /// When its severity became what it was at last.
    told: Timestamp,
    closed: Option<Timestamp>,
    condition: String,
    severity: String,
    receivers: Vec<String>,
}

/// By subject and group, in the order in which they opened.
#[derive(Debug, Default, PartialEq, Eq)]
struct Episodes(BTreeMap<((String, String), String), Vec<Episode>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    at: Timestamp,
    what: &'static str,
    /// Of `earlier` and `later`.
    by_s: Option<i64>,
    changes: Vec<String>,
    episode: Episode,
}

/// What a replay is held against.
pub(super) enum Old<'o> {
    /// Another configuration, or what an earlier replay printed.
    Named(&'o Path),
    /// What the daemon told that made the recordings.
    AsRecorded,
}

pub(super) fn compare(stage: &Stage<'_>, plan: Option<Arc<Plan>>, old: Old<'_>) -> Exit {
    let mut before = Episodes::default();
    let bar = match old {
        Old::Named(path) if is_of_facts(path) => match Episodes::read(path) {
            Ok(read) => {
                before = read;
                stage.bar(1)
            }
            Err(why) => {
                eprintln!("error: {}: {why}", path.display());
                return Exit::Usage;
            }
        },
        Old::Named(_) | Old::AsRecorded => {
            let bar = stage.bar(2);
            let plan = match old {
                Old::AsRecorded => Ok(None),
                Old::Named(path) => stage.plan(&[path.to_owned()]),
            };
            let plan = match plan {
                Ok(plan) => plan,
                Err(exit) => return exit,
            };
            let done = stage.run(plan, &mut |fact| before.take(&json!(fact)));
            if done.told(stage.global) != Exit::Done {
                return Exit::No;
            }
            bar
        }
    };
    let mut after = Episodes::default();
    let done = stage.run(plan, &mut |fact| after.take(&json!(fact)));
    drop(bar);
    let exit = done.told(stage.global);
    let (differences, same) = differences(&before, &after);
    print(stage.global.output, &differences, same);
    if differences.is_empty() { exit } else { Exit::No }
}

/// What an earlier replay printed, instead of a configuration.
fn is_of_facts(old: &Path) -> bool {
    old.extension().is_some_and(|ending| ending == "jsonl")
}

impl Episodes {
    fn read(path: &Path) -> Result<Self, String> {
        let mut episodes = Self::default();
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|error| error.to_string())?;
            let fact: Value = serde_json::from_str(&line).map_err(|error| {
                format!("line {} is no fact that `replay -o jsonl` prints: {error}", number + 1)
            })?;
            let _goes_on = episodes.take(&fact);
        }
        Ok(episodes)
    }

    fn take(&mut self, fact: &Value) -> ControlFlow<()> {
        let text = |key: &str| fact[key].as_str().unwrap_or_default().to_owned();
        let subject = ["slo", "rule"].into_iter().find(|kind| fact[*kind].is_string());
        let (Some(kind), Ok(at)) = (subject, text("at").parse::<Timestamp>()) else {
            return ControlFlow::Continue(());
        };
        let subject = (kind.to_owned(), text(kind));
        let group = group_text(&fact["group"]);
        let of_group = self.0.entry((subject.clone(), group.clone())).or_default();
        let receivers = fact["receivers"].as_array().into_iter().flatten();
        let receivers = receivers.filter_map(|one| one.as_str().map(str::to_owned)).collect();
        match (fact["fact"].as_str(), of_group.last_mut()) {
            (Some("episode.opened"), _) => of_group.push(Episode {
                subject,
                group,
                labels: fact["group"].clone(),
                opened: at,
                told: at,
                closed: None,
                condition: text("condition"),
                severity: text("severity"),
                receivers,
            }),
            (Some("episode.escalated"), Some(last)) => {
                (last.told, last.severity, last.condition) = (at, text("severity"), text("condition"));
                last.receivers.extend(receivers);
                last.receivers.sort();
                last.receivers.dedup();
            }
            (Some("episode.closed"), Some(last)) => last.closed = Some(at),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn group_text(group: &Value) -> String {
    let parts = group.as_object().into_iter().flatten();
    let parts: Vec<String> =
        parts.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    if parts.is_empty() { String::new() } else { format!("{{{}}}", parts.join(", ")) }
}

/// What differs, in order of time, and how many do not.
fn differences(before: &Episodes, after: &Episodes) -> (Vec<Difference>, usize) {
    let (mut found, mut same) = (Vec::new(), 0);
    let none = Vec::new();
    let keys: std::collections::BTreeSet<_> = before.0.keys().chain(after.0.keys()).collect();
    for key in keys {
        let of = |episodes: &'_ Episodes| episodes.0.get(key).unwrap_or(&none).clone();
        let (mut old, mut new) = (of(before).into_iter().peekable(), of(after).into_iter().peekable());
        loop {
            match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(one), Some(other)) if seconds(one.opened, other.opened).abs() <= NEAR_S => {
                    let differs = changed(one, other);
                    same += usize::from(differs.is_empty());
                    found.extend(differs);
                    old.next();
                    new.next();
                }
                (Some(one), other) if other.is_none_or(|other| one.opened < other.opened) => {
                    found.extend(old.next().map(|one| one.is("removed")));
                }
                _ => found.extend(new.next().map(|one| one.is("added"))),
            }
        }
    }
    found.sort_by(|a, b| {
        (a.at, &a.episode.subject, &a.episode.group).cmp(&(b.at, &b.episode.subject, &b.episode.group))
    });
    (found, same)
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

/// How the new one differs from the old one.
fn changed(old: &Episode, new: &Episode) -> Vec<Difference> {
    let mut differences = Vec::new();
    let by_s = seconds(old.told, new.told);
    if by_s != 0 {
        let what = if by_s < 0 { "earlier" } else { "later" };
        differences.push(Difference { by_s: Some(by_s.abs()), ..new.clone().is(what) });
    }
    let mut changes = Vec::new();
    for (name, old, new) in [
        ("severity", old.severity.clone(), new.severity.clone()),
        ("receivers", names(&old.receivers), names(&new.receivers)),
    ] {
        if old != new {
            changes.push(format!("{name} {old} -> {new}"));
        }
    }
    match (old.closed, new.closed) {
        (Some(old), Some(new)) if old != new => {
            let by = seconds(old, new);
            changes.push(format!("ends {} {}", span(by.abs()), if by < 0 { "earlier" } else { "later" }));
        }
        (Some(_), None) => changes.push("does not end any more".to_owned()),
        (None, Some(_)) => changes.push("ends now".to_owned()),
        _ => {}
    }
    if !changes.is_empty() {
        differences.push(Difference { changes, ..new.clone().is("changed") });
    }
    differences
}

impl Episode {
    fn is(self, what: &'static str) -> Difference {
        Difference { at: self.told, what, by_s: None, changes: Vec::new(), episode: self }
    }
}

fn names(receivers: &[String]) -> String {
    if receivers.is_empty() { "nobody".to_owned() } else { receivers.join(", ") }
}

/// `45s`, `4m10s`, `2h5m`
fn span(seconds: i64) -> String {
    let units = [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = units.into_iter().filter(|(count, _)| *count > 0).take(2);
    let text: String = parts.map(|(count, unit)| format!("{count}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn print(output: Output, differences: &[Difference], same: usize) {
    let all: Vec<Value> = differences.iter().map(Difference::json).collect();
    match output {
        Output::Human => {
            differences.iter().for_each(|one| println!("{}", shown(&one.line())));
            let of = |what| differences.iter().filter(|one| one.what == what).count();
            let counts = ["added", "removed", "earlier", "later", "changed"]
                .map(|what| format!("{} {what}", of(what)));
            println!("{}; {same} the same", counts.join(", "));
        }
        Output::Json => println!("{}", json!({ "differences": all, "same": same })),
        Output::Jsonl => all.iter().for_each(|one| println!("{one}")),
    }
}

impl Difference {
    fn line(&self) -> String {
        let Episode { subject, group, condition, severity, receivers, .. } = &self.episode;
        let what = match self.by_s {
            Some(by_s) => format!("{} by {}", self.what, span(by_s)),
            None => self.what.to_owned(),
        };
        let group = if group.is_empty() { String::new() } else { format!(" {group}") };
        let mut line = format!(
            "{what:<16}  {}  {severity:<6}  {} {}{group}  {condition}  to {}",
            self.at,
            subject.0,
            subject.1,
            names(receivers)
        );
        if !self.changes.is_empty() {
            line.push_str(&format!("  ({})", self.changes.join("; ")));
        }
        line
    }

    fn json(&self) -> Value {
        let Episode { subject, labels, condition, severity, receivers, opened, closed, .. } = &self.episode;
        let closed = closed.map(|at| at.to_string());
        let mut value = json!({
            "difference": self.what, "at": self.at.to_string(), "group": labels, "condition": condition,
            "severity": severity, "receivers": receivers, "opened_at": opened.to_string(), "closed_at": closed,
        });
        value[subject.0.as_str()] = json!(subject.1);
        if let Some(by_s) = self.by_s {
            value["by_s"] = json!(by_s);
        }
        if !self.changes.is_empty() {
            value["changes"] = json!(self.changes);
        }
        value
    }
}

#[cfg(test)]
mod tests;
