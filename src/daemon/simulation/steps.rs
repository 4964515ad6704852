//! Steps of runbooks as the ledger sees them, and a naive twin that knows which were called and what came of each.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Engine, Fact, What};
use crate::runbook::{Call, End, Outcome, StepCall, StepKey};
use crate::send::Chance;

const MS: u64 = 1_000_000;
const NEEDS_A_PERSON: &str = "evenkeel-run-needs-a-person";

/// What a process has in hand: as long as it lives.
#[derive(Default)]
pub(super) struct Steps {
    handed: Vec<StepCall>,
    running: Vec<Running>,
}

struct Running {
    key: StepKey,
    end: End,
    at: u64,
}

impl Steps {
    pub(super) fn hand_in(&mut self, step: StepCall) {
        self.handed.push(step);
    }

    pub(super) fn len(&self) -> usize {
        self.handed.len() + self.running.len()
    }

    /// Begins some of what was handed in; what is not even begun has ended.
    pub(super) fn begin(
        &mut self,
        now_ns: u64,
        chance: &mut Chance,
        called: &mut impl FnMut(&StepCall),
    ) -> Vec<(StepKey, End)> {
        let mut not_begun = Vec::new();
        for step in std::mem::take(&mut self.handed) {
            let end = match chance.below(18) {
                0..6 => {
                    self.handed.push(step);
                    continue;
                }
                6 => {
                    not_begun.push((step.key, End::NotBegun));
                    continue;
                }
                7 => End::Unknown,
                8 => End::TimedOut,
                9 => End::Failed,
                _ => End::Succeeded,
            };
            called(&step);
            self.running.push(Running { key: step.key, end, at: now_ns + chance.below(3_000) * MS });
        }
        not_begun
    }

    pub(super) fn ended(&mut self, now_ns: u64) -> Vec<(StepKey, End)> {
        self.running.extract_if(.., |one| one.at <= now_ns).map(|one| (one.key, one.end)).collect()
    }

    /// At a stop: nothing begins, and what does not end is cut off.
    pub(super) fn drain(&mut self, chance: &mut Chance) -> Vec<(StepKey, End)> {
        let not_begun = self.handed.drain(..).map(|step| (step.key, End::NotBegun));
        let mut ended: Vec<_> = not_begun.collect();
        let cut_off = |one: Running| (one.key, if chance.below(2) == 0 { one.end } else { End::Unknown });
        ended.extend(self.running.drain(..).map(cut_off));
        ended
    }
}

pub(super) fn outcome(end: End) -> Outcome {
    Outcome::new(end, format!("it is {}", end.as_str()))
}

/// Every call that was ever made, and what was answered to it.
#[derive(Default)]
pub(super) struct Called {
    answers: BTreeMap<StepKey, Vec<End>>,
    seen: BTreeSet<String>,
    /// Runs of which a part of the history is gone.
    torn: BTreeSet<String>,
    pub(super) calls: u64,
}

impl Called {
    pub(super) fn published(&mut self, fact: &Fact) {
        if let What::Run(fact) = &fact.what {
            self.seen.insert(fact.run.clone());
        }
    }

    pub(super) fn lose(&mut self) {
        self.torn.extend(self.seen.iter().cloned());
        self.torn.extend(self.answers.keys().map(|key| key.run.clone()));
    }

    /// A command is called once and no more; anything else again only after it has ended badly, or by the same key.
    pub(super) fn call(&mut self, step: &StepCall) {
        self.calls += 1;
        let key = &step.key;
        let before = |step, attempt| self.answers.get(&StepKey { run: key.run.clone(), step, attempt });
        if !self.torn.contains(&key.run) {
            let again = before(key.step, key.attempt);
            let is_command = matches!(step.call, Call::Command(_));
            assert!(again.is_none() || !is_command, "{key} is called again after {again:?}");
            let is_good = |ends: &Vec<End>| ends.contains(&End::Succeeded);
            let has_failed = |ends: &Vec<End>| ends.iter().any(|end| *end != End::Succeeded);
            if key.attempt > 1 {
                assert!(!is_command, "{key}: a command is not tried again");
                assert!(
                    before(key.step, key.attempt - 1).is_some_and(has_failed),
                    "{key}: what was before has not failed"
                );
            } else if key.step > 0 {
                let earlier = (1..=3).filter_map(|attempt| before(key.step - 1, attempt));
                assert!(earlier.into_iter().any(is_good), "{key}: what comes before it was not done");
            }
        }
        self.answers.entry(key.clone()).or_default();
    }

    pub(super) fn answer(&mut self, key: &StepKey, end: End) {
        if let Some(answers) = self.answers.get_mut(key) {
            answers.push(end);
        }
    }

    /// When nothing is under way: no call is forgotten or told otherwise, and of what nobody knows somebody was told.
    pub(super) fn check(&self, engine: &Engine) {
        for (key, answers) in &self.answers {
            if self.torn.contains(&key.run) {
                continue;
            }
            let run =
                engine.run_view(&key.run).unwrap_or_else(|| panic!("{key} was called and is forgotten"));
            let step = run.steps.iter().find(|step| step.key == key.to_string());
            let step = step.unwrap_or_else(|| panic!("{key} was called and is not in {run:?}"));
            let is_answer = answers.iter().any(|end| end.as_str() == step.outcome);
            assert!(is_answer || step.outcome == "unknown", "{key}: {answers:?} is told as {step:?}");
        }
        let alerts = engine.alerts();
        for run in engine.run_views() {
            let is_over = !matches!(run.state, "waits_for_approval" | "waiting" | "running");
            assert!(is_over, "{} never ended: {}", run.id, run.text);
            let is_told = alerts.iter().any(|alert| {
                alert.rule.as_deref() == Some(NEEDS_A_PERSON) && alert.group.get("run") == Some(&run.id)
            });
            assert!(!run.needs_a_person || is_told, "nobody was told of {}: {}", run.id, run.text);
        }
    }

    /// A host that is in trouble has one run.
    pub(super) fn check_run(&self, engine: &Engine, host: &str) {
        let of_host = |run: &crate::engine::RunView| run.runbook == "restart" && run.target == host;
        let runs: Vec<_> = engine.run_views().into_iter().filter(of_host).collect();
        let is_torn = runs.iter().any(|run| self.torn.contains(&run.id));
        assert!(runs.len() == 1 || is_torn, "{host} has {} runs", runs.len());
    }
}
