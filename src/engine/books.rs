//! The totals that must balance, exact since the state began.
//!
//! offered = accepted + duplicate + refused + rejected;
//! received = filtered + informational + warning + exception + future.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

use super::batch::{Batch, ServiceDelta};
use super::level::LATE_NS;
use super::plan::Plan;
use crate::classify::Decider;
use crate::model::{SECOND_NS, Signal};

/// Services that have totals of their own; those beyond share the one called `overflow`.
const SERVICES_MAX: usize = 10_000;
const OVERFLOW: &str = "overflow";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Items {
    pub(super) accepted: u64,
    pub(super) duplicate: u64,
    pub(super) refused: u64,
    pub(super) rejected: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Service {
    /// By `Signal as usize`.
    pub(super) items: [u64; 3],
    /// By `Category as usize`.
    pub(super) categories: [u64; 3],
}

#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Books {
    /// By `Signal as usize`.
    pub(super) items: [Items; 3],
    pub(super) categories: [u64; 3],
    pub(super) future: u64,
    pub(super) late: u64,
    pub(super) expired: u64,
    /// Hits of each filter rule.
    pub(super) filtered: Vec<u64>,
    /// Hits of filter rules that are gone.
    pub(super) filtered_before: u64,
    /// Hits of each classification rule, and of each default by its name.
    pub(super) decided: BTreeMap<Decider, u64>,
    /// By place, as in [`Batch::mismatches`].
    pub(super) mismatches: Vec<u64>,
    pub(super) services: BTreeMap<String, Service>,
    /// The newest event time of all.
    newest_s: u64,
    /// No window reaches further back than this; `None` without SLOs.
    longest_window_s: Option<u64>,
}

impl Books {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            items: [Items::default(); 3],
            categories: [0; 3],
            future: 0,
            late: 0,
            expired: 0,
            filtered: vec![0; plan.rules.filter.len()],
            filtered_before: 0,
            decided: BTreeMap::new(),
            mismatches: vec![0; plan.rules.len() + plan.slos.len()],
            services: BTreeMap::new(),
            newest_s: 0,
            longest_window_s: plan.slos.iter().map(|one| one.slo.window.longest_s()).max(),
        }
    }

    /// Counts are kept by name; hits of a rule that is gone stay in the sum.
    pub(super) fn reconfigure(
        &mut self,
        old: &Plan,
        new: &Plan,
        renamed: &dyn Fn(Decider) -> Option<Decider>,
    ) {
        let before = Self::new(new);
        let filtered = std::mem::replace(&mut self.filtered, before.filtered);
        let mismatches = std::mem::replace(&mut self.mismatches, before.mismatches);
        let (names_before, names) = (names(old), names(new));
        for (name, count) in names_before.iter().zip(mismatches) {
            if let Some(place) = names.iter().position(|one| one == name) {
                self.mismatches[place] = count;
            }
        }
        for (name, hits) in names_before.iter().zip(filtered) {
            match names.iter().position(|one| one == name) {
                Some(place) => self.filtered[place] = hits,
                None => self.filtered_before += hits,
            }
        }
        let decided = std::mem::take(&mut self.decided);
        self.decided = decided.into_iter().filter_map(|(decider, n)| Some((renamed(decider)?, n))).collect();
        self.longest_window_s = before.longest_window_s;
    }

    pub(super) fn refuse(&mut self, signal: Signal, items: u64) {
        self.items[signal as usize].refused += items;
    }

    pub(super) fn repeat(&mut self, signal: Signal, items: u64) {
        self.items[signal as usize].duplicate += items;
    }

    pub(super) fn enter(&mut self, batch: &Batch) {
        let items = &mut self.items[batch.signal as usize];
        items.accepted += batch.accepted();
        items.rejected += batch.rejected;
        items.duplicate += batch.repeated;
        self.future += batch.future;
        for (place, count) in &batch.mismatches {
            self.mismatches[*place] += count;
        }
        for (rule, hits) in &batch.filtered {
            self.filtered[usize::from(*rule)] += hits;
        }
        for (decider, category, count) in &batch.decided {
            self.categories[*category as usize] += count;
            *self.decided.entry(*decider).or_default() += count;
        }
        for delta in &batch.services {
            self.enter_service(batch.signal, delta);
        }
        for (second, count) in &batch.seconds {
            self.enter_second(*second, *count);
        }
    }

    fn enter_service(&mut self, signal: Signal, delta: &ServiceDelta) {
        let known = self.services.contains_key(&delta.service) || self.services.len() < SERVICES_MAX;
        let name = if known { &delta.service } else { OVERFLOW };
        let service = match self.services.get_mut(name) {
            Some(service) => service,
            None => self.services.entry(name.to_owned()).or_default(),
        };
        service.items[signal as usize] += delta.items;
        for (sum, more) in service.categories.iter_mut().zip(delta.categories) {
            *sum += more;
        }
    }

    /// Late: behind the newest event by more than the tolerance. Expired: before every window.
    fn enter_second(&mut self, second: u64, count: u64) {
        let behind_s = self.newest_s.saturating_sub(second);
        self.late += if behind_s > LATE_NS / SECOND_NS { count } else { 0 };
        self.expired +=
            if self.longest_window_s.is_some_and(|longest| behind_s >= longest) { count } else { 0 };
        self.newest_s = self.newest_s.max(second);
    }
}

/// What compares, in the order of [`Batch::mismatches`]: its list and its name.
fn names(plan: &Plan) -> Vec<(u8, &str)> {
    let filter = plan.rules.filter.iter().map(|rule| (0, &*rule.name));
    let classify = plan.rules.classify.iter().map(|rule| (1, &*rule.name));
    filter.chain(classify).chain(plan.slos.iter().map(|one| (2, &*one.slo.name))).collect()
}
