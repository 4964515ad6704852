//! What should be, as simply as it can be said: which requests there were, what each held, who was told of what.

use std::collections::{BTreeMap, BTreeSet};

use super::clients::service;
use super::plans::{LEVELS, PASSING, RECEIVERS};
use super::steps::Called;
use crate::engine::{Engine, Fact, Notification, NotificationId, Outcome, Transition, What};

/// One span.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) at_ns: u64,
    pub(super) good: bool,
    pub(super) route: &'static str,
    pub(super) host: Option<String>,
    pub(super) part: Option<String>,
}

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) items: Vec<Item>,
    pub(super) acknowledged: bool,
    /// With a group that was damaged after it had been acknowledged.
    pub(super) lost: bool,
}

/// One transition of one episode for one receiver.
type Told = (String, String, u32);

#[derive(Default)]
pub(super) struct Twin {
    pub(super) requests: Vec<Asked>,
    /// By epoch, what had been counted when the level that comes and goes came; `None` where it is not there.
    pub(super) epochs: Vec<Option<BTreeSet<usize>>>,
    heard: BTreeMap<Told, Notification>,
    last_heard: BTreeMap<(String, String), u32>,
    ids: BTreeMap<NotificationId, Told>,
    /// Hosts whose page a receiver did not take, as it was settled.
    failed: BTreeSet<(String, String)>,
    /// Changes of episodes that were published, by key and sequence.
    changes: BTreeSet<(String, u32)>,
    /// Keys of which a part of the history is gone.
    torn: BTreeSet<String>,
    pub(super) deliveries: u64,
    pub(super) called: Called,
}

impl Twin {
    /// What the engine has counted, by request.
    pub(super) fn counted(&self, engine: &Engine) -> BTreeSet<usize> {
        let counts = engine.counts();
        let by_name: BTreeMap<&str, u64> =
            counts.services.iter().map(|one| (one.name.as_str(), one.spans)).collect();
        let mut counted = BTreeSet::new();
        for (id, asked) in self.requests.iter().enumerate() {
            let spans = by_name.get(service(id).as_str()).copied().unwrap_or(0);
            let once = asked.items.len() as u64;
            assert!(spans == 0 || spans == once, "request {id} of {once} spans counts {spans}");
            assert!(
                spans == once || !asked.acknowledged || asked.lost,
                "request {id} was acknowledged and is not counted"
            );
            if spans > 0 {
                counted.insert(id);
            }
        }
        let accepted: u64 = counts.items.values().map(|items| items.accepted).sum();
        let expected: usize = counted.iter().map(|id| self.requests[*id].items.len()).sum();
        assert_eq!(accepted, expected as u64, "spans accepted in all");
        counted
    }

    /// Every count, against a sum over what was asked.
    pub(super) fn check(&self, engine: &Engine, epoch: usize) {
        let counted = self.counted(engine);
        let counts = engine.counts();
        let names: Vec<&str> = counts.slos.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names.contains(&LEVELS[PASSING].0), self.epochs[epoch].is_some(), "{names:?}");
        for slo in &counts.slos {
            let place = LEVELS.iter().position(|(name, _)| *name == slo.name).expect("a level of ours");
            let before = self.epochs[epoch].as_ref().filter(|_| place == PASSING);
            let requests = counted.iter().filter(|id| !before.is_some_and(|before| before.contains(id)));
            let items = requests.flat_map(|id| &self.requests[*id].items);
            let of_route = items.filter(|item| LEVELS[place].1.is_none_or(|route| route == item.route));
            let (good, bad): (Vec<&Item>, Vec<&Item>) = of_route.partition(|item| item.good);
            assert_eq!((slo.good, slo.bad), (good.len() as u64, bad.len() as u64), "counts of {}", slo.name);
        }
    }

    /// Acknowledged requests went with a damaged group.
    pub(super) fn lose(&mut self, engine: &Engine) {
        let counts = engine.counts();
        let names: BTreeSet<&str> = counts.services.iter().map(|one| one.name.as_str()).collect();
        for (id, asked) in self.requests.iter_mut().enumerate() {
            asked.lost |= asked.acknowledged && !names.contains(service(id).as_str());
        }
        self.torn.extend(self.heard.keys().map(|(_, key, _)| key.clone()));
        self.torn.extend(self.changes.iter().map(|(key, _)| key.clone()));
        self.ids.clear();
        self.called.lose();
    }

    /// What was told without being kept is no part of the history that goes on.
    pub(super) fn tear(&mut self, unkept: &[(NotificationId, String)]) {
        for (id, key) in unkept {
            self.torn.insert(key.clone());
            self.ids.remove(id);
        }
    }

    pub(super) fn hear(&mut self, receiver: &str, one: &Notification) {
        assert_eq!(receiver, one.receiver);
        self.deliveries += 1;
        let told = (receiver.to_owned(), one.dedup_key.clone(), one.sequence);
        self.last_heard.insert((told.0.clone(), told.1.clone()), one.sequence);
        let before = self.heard.insert(told.clone(), one.clone());
        if self.torn.contains(&one.dedup_key) {
            return;
        }
        assert!(
            before.is_none_or(|before| Notification { id: one.id, ..before } == *one),
            "the same key and sequence, and another text: {told:?}"
        );
        let same = self.ids.entry(one.id).or_insert_with(|| told.clone());
        assert_eq!(*same, told, "two notifications have one number");
        let neighbour = |sequence| {
            let told = (told.0.clone(), told.1.clone(), sequence);
            self.heard.get(&told).map(|one| one.transition)
        };
        let pairs = [
            (neighbour(one.sequence.saturating_sub(1)), Some(one.transition)),
            (Some(one.transition), neighbour(one.sequence + 1)),
        ];
        for pair in pairs {
            let (Some(before), Some(after)) = pair else { continue };
            let ends = before == Transition::Resolve;
            assert_eq!(ends, after == Transition::Trigger, "{before:?} and {after:?} of {told:?}");
        }
        assert!(one.sequence > 1 || one.transition == Transition::Trigger, "{told:?} begins otherwise");
    }

    pub(super) fn settled(&mut self, one: &Notification, outcome: &Outcome) {
        if let (Outcome::Failed { .. }, Some(host)) = (outcome, one.alert.labels.get("host_name")) {
            self.failed.insert((one.receiver.clone(), host.clone()));
        }
    }

    pub(super) fn published(&mut self, fact: &Fact) {
        self.called.published(fact);
        let (What::EpisodeOpened(change) | What::EpisodeEscalated(change) | What::EpisodeClosed(change)) =
            &fact.what
        else {
            return;
        };
        let change = (change.dedup_key.clone(), change.episode.sequence);
        let torn = self.torn.contains(&change.0);
        assert!(self.changes.insert(change.clone()) || torn, "{change:?} was decided twice");
    }

    /// When nothing is under way any more: everybody knows how it stands, and every host has its page.
    pub(super) fn check_told(&self, engine: &Engine) {
        for alert in engine.alerts() {
            for (receiver, state) in &alert.receivers {
                let of_receiver = alert.decisions.iter().filter(|one| one.receivers.contains(receiver));
                let last = of_receiver.map(|one| one.sequence).next_back();
                let heard = self.last_heard.get(&(receiver.clone(), alert.dedup_key.clone())).copied();
                assert_ne!(state, "pending", "{receiver} of {}", alert.dedup_key);
                let is_sure = state == "delivered" && !self.torn.contains(&alert.dedup_key);
                assert!(
                    !is_sure || heard == last,
                    "{receiver} heard {heard:?} of {last:?}: {}",
                    alert.dedup_key
                );
            }
        }
        self.called.check(engine);
        let hosts = self.requests.iter().filter(|asked| !asked.lost).flat_map(|asked| &asked.items);
        for host in hosts.filter_map(|item| item.host.as_ref()) {
            for receiver in RECEIVERS {
                self.check_page(receiver, host);
            }
            self.called.check_run(engine, host);
        }
    }

    fn check_page(&self, receiver: &str, host: &str) {
        let of_host = self.heard.iter().filter(|((to, ..), one)| {
            to == receiver && one.alert.labels.get("host_name").is_some_and(|name| name == host)
        });
        let keys: BTreeSet<&str> = of_host.map(|((_, key, _), _)| key.as_str()).collect();
        assert!(keys.len() <= 1, "{receiver} knows {host} by {keys:?}");
        let failed = self.failed.contains(&(receiver.to_owned(), host.to_owned()));
        assert!(keys.len() == 1 || failed, "{receiver} was not paged for {host}");
    }
}
