//! What happened, to be told when something is wrong.

use std::collections::VecDeque;

/// Events that are told.
const SHOWN: usize = 40;

pub(super) struct Trace {
    seed: u64,
    events: VecDeque<String>,
    kept: usize,
}

impl Trace {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, events: VecDeque::new(), kept: SHOWN }
    }

    pub(super) fn keep_all(&mut self) {
        self.kept = usize::MAX;
    }

    pub(super) fn add(&mut self, now: u64, event: impl std::fmt::Display) {
        if self.events.len() >= self.kept {
            self.events.pop_front();
        }
        self.events.push_back(format!("{:>8.3} {event}", now as f64 / 1e9));
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events).into()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let events: Vec<&str> = self.events.iter().map(String::as_str).collect();
            eprintln!("{}\ntell it again with EVENKEEL_SIMULATOR_SEED={}", events.join("\n"), self.seed);
        }
    }
}
