//! What was expected held against what happened.

use super::expect::{Expect, Level, Moment, Telling, Wanted, When, defaults, labels};
use super::happen::Happening;
use super::report::{Line, Mark};
use super::stage::Seen;
use crate::engine::view::{Counts, GroupView, SloView};
use crate::model::{Category, EventTime, Labels};

/// What came of a test, as far as it was looked at.
pub(super) struct Course<'c> {
    pub(super) start: EventTime,
    pub(super) happenings: &'c [Happening],
    pub(super) seen: &'c [Seen],
}

/// The lines of the timeline in order; it is as expected where none is marked.
pub(super) fn judge(expects: &[Expect], strict: bool, course: &Course<'_>) -> Vec<Line> {
    let mut verdict = Verdict { course, lines: Vec::new(), fate: vec![Fate::Free; course.happenings.len()] };
    let mut told: Vec<(&Expect, &Telling)> = expects
        .iter()
        .filter_map(|expect| match &expect.wanted {
            Wanted::Told(telling) => Some((expect, telling)),
            _ => None,
        })
        .collect();
    // Who asks for more takes first, so that another's looser wish does not take what only this one can have.
    told.sort_by_key(|(_, telling)| std::cmp::Reverse(telling.narrowness()));
    for (expect, telling) in told {
        verdict.told(expect, telling);
    }
    for expect in expects {
        match &expect.wanted {
            Wanted::Told(_) => {}
            Wanted::Quiet => verdict.quiet(expect),
            Wanted::Never(telling) => verdict.never(expect, telling),
            Wanted::Level(level) => verdict.level(expect, level),
            Wanted::Rule { .. } | Wanted::Event { .. } => verdict.counted(expect),
        }
    }
    verdict.lines(strict)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Free,
    Expected,
    Unwanted,
}

struct Verdict<'c> {
    course: &'c Course<'c>,
    lines: Vec<Line>,
    /// By happening.
    fate: Vec<Fate>,
}

impl Verdict<'_> {
    fn missing(&mut self, expect: &Expect, text: String) {
        let (from_s, to_s) = self.bounds(expect.when).unwrap_or((0, None));
        let place = Some(expect.declared_at.clone());
        self.lines.push(Line { mark: Mark::Missing, from_s, to_s, text, place });
    }

    fn instead(&mut self, at_s: u64, text: String) {
        self.lines.push(Line { mark: Mark::Unexpected, from_s: at_s, to_s: None, text, place: None });
    }

    /// `None`, and a line, for a time before the beginning and for a stretch that is none.
    fn stretch(&mut self, expect: &Expect, text: &str) -> Option<(u64, u64)> {
        let Some((from, to)) = self.bounds(expect.when) else {
            let begun = Moment::Time(self.course.start);
            self.missing(expect, format!("{text}: before the beginning at {begun}"));
            return None;
        };
        let to = to.unwrap_or(u64::MAX);
        if from > to || from == to && matches!(expect.wanted, Wanted::Quiet) {
            self.missing(expect, format!("{text}: this stretch ends before anything can happen in it"));
            return None;
        }
        Some((from, to))
    }

    fn bounds(&self, when: When) -> Option<(u64, Option<u64>)> {
        let start = self.course.start;
        Some(match when {
            When::Always => (0, None),
            When::Between(from, to) => (from.offset(start)?, Some(to.offset(start)?)),
            When::At(at) => (at.offset(start)?, None),
        })
    }

    fn told(&mut self, expect: &Expect, telling: &Telling) {
        let Some((from, to)) = self.stretch(expect, &telling.to_string()) else { return };
        let mut left = telling.times;
        for (index, one) in self.course.happenings.iter().enumerate() {
            let fits = (from..=to).contains(&one.at_s) && one.is(telling);
            if left > 0 && fits && self.fate[index] == Fate::Free {
                self.fate[index] = Fate::Expected;
                left -= 1;
            }
        }
        if left > 0 {
            let came = telling.times - left;
            let only = if came > 0 { format!(", and only {came} came") } else { String::new() };
            self.missing(expect, format!("{telling}{only}"));
        }
    }

    fn quiet(&mut self, expect: &Expect) {
        let text = "no alert".to_owned();
        let Some((from, to)) = self.stretch(expect, &text) else { return };
        self.refuse(expect, text, &|one| (from..to).contains(&one.at_s) && one.is_alarming());
    }

    fn never(&mut self, expect: &Expect, telling: &Telling) {
        self.refuse(expect, format!("never {telling}"), &|one| one.is(telling));
    }

    fn refuse(&mut self, expect: &Expect, text: String, unwanted: &dyn Fn(&Happening) -> bool) {
        let mut any = false;
        for (index, _) in self.course.happenings.iter().enumerate().filter(|(_, one)| unwanted(one)) {
            self.fate[index] = Fate::Unwanted;
            any = true;
        }
        if any {
            self.missing(expect, text);
        }
    }

    fn seen_at(&mut self, expect: &Expect, text: &str) -> Option<&Seen> {
        let (at, _) = self.stretch(expect, text)?;
        let at_s = self.course.start.seconds() + at;
        self.course.seen.iter().find(|seen| seen.at_s == at_s)
    }

    fn level(&mut self, expect: &Expect, level: &Level) {
        let (course, text) = (self.course, level.to_string());
        let Some((at, _)) = self.stretch(expect, &text) else { return };
        let at_s = course.start.seconds() + at;
        let seen = course.seen.iter().find(|seen| seen.at_s == at_s);
        let Some(view) = seen.and_then(|seen| seen.slos.iter().find(|slo| slo.name == level.slo)) else {
            return;
        };
        let group = match group_of(view, level) {
            Ok(group) => group,
            Err(why) => {
                self.missing(expect, text.clone());
                return self.instead(at, format!("{text}: {why}"));
            }
        };
        if let Some(state) = level.state.as_ref().filter(|state| **state != group.state) {
            self.missing(expect, format!("{text} is {state}"));
            self.instead(at, format!("{text} is {}", group.state));
        }
        for (name, amount) in &level.amounts {
            let actual = match *name {
                "budget_remaining" => group.budget.remaining.clone(),
                "sli" => group.sli.clone().unwrap_or_else(|| "unknown, without an event".to_owned()),
                "good" => group.good.to_string(),
                "bad" => group.bad.to_string(),
                _ => group.total.to_string(),
            };
            if !amount.holds(&actual) {
                self.missing(expect, format!("{text} {name} {amount}"));
                self.instead(at, format!("{text} {name} {actual}"));
            }
        }
    }

    fn counted(&mut self, expect: &Expect) {
        let (what, amount) = match &expect.wanted {
            Wanted::Rule { name, hits } => (format!("hits of rule {name}"), hits),
            Wanted::Event { category, decided_by: Some(rule), count } => {
                (format!("events of category {category} decided by {rule}"), count)
            }
            Wanted::Event { category, decided_by: None, count } => {
                (format!("events of category {category}"), count)
            }
            _ => return,
        };
        let Some(seen) = self.seen_at(expect, &what) else { return };
        let (at_s, actual) = (seen.at_s, count_of(&seen.counts, &expect.wanted));
        if !amount.holds(&actual.to_string()) {
            self.missing(expect, format!("{what} {amount}"));
            self.instead(at_s - self.course.start.seconds(), format!("{what} {actual}"));
        }
    }

    fn lines(mut self, strict: bool) -> Vec<Line> {
        for (one, fate) in self.course.happenings.iter().zip(&self.fate) {
            let unexpected = *fate == Fate::Unwanted || strict && one.pages && *fate == Fate::Free;
            let mark = if unexpected { Mark::Unexpected } else { Mark::Met };
            let line = Line { mark, from_s: one.at_s, to_s: None, text: one.to_string(), place: None };
            self.lines.push(line);
        }
        self.lines.sort_by_key(|line| (line.from_s, line.mark));
        self.lines
    }
}

/// The error says why there is none.
fn group_of<'v>(view: &'v SloView, level: &Level) -> Result<&'v GroupView, String> {
    let named = |name: &String| view.objectives.iter().find(|one| one.name == *name);
    let objective = level.objective.as_ref().map_or(view.objectives.first(), named);
    let objective = objective.ok_or("there is no such objective")?;
    let found = objective.groups.iter().find(|one| one.group == level.group);
    found.ok_or_else(|| {
        let known: Vec<&Labels> = objective.groups.iter().map(|one| &one.group).collect();
        match known.is_empty() {
            true => "no event came of any group".to_owned(),
            false => {
                let shown: Vec<String> = known.iter().take(5).map(|group| labels(group)).collect();
                let more = known.len().saturating_sub(shown.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("no event came of this group, only of {}{more}", shown.join(", "))
            }
        }
    })
}

fn count_of(counts: &Counts, wanted: &Wanted) -> u64 {
    let hits = |name: &str| {
        let rules = counts.rules.filter.iter().chain(&counts.rules.classify);
        rules.filter(|rule| rule.name == name).map(|rule| rule.hits).sum()
    };
    match wanted {
        Wanted::Rule { name, .. } => hits(name),
        Wanted::Event { category, decided_by: Some(rule), .. } => {
            // A rule's own category was compared when the document was read.
            let is_other = defaults().any(|(name, decided)| name == rule && decided != *category);
            if is_other { 0 } else { hits(rule) }
        }
        Wanted::Event { category, .. } => match category {
            Category::Informational => counts.events.informational,
            Category::Warning => counts.events.warning,
            Category::Exception => counts.events.exception,
        },
        Wanted::Quiet | Wanted::Told(_) | Wanted::Never(_) | Wanted::Level(_) => 0,
    }
}
