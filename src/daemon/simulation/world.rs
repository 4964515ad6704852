//! The world of one seed: what there is, and what happens in a step of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::clients::Clients;
use super::damage::Scratch;
use super::journal::Journal;
use super::plans::{PLANS, RECEIVERS, has_passing};
use super::process::Process;
use super::receivers::{Mood, id_of};
use super::steps::outcome;
use super::trace::Trace;
use super::twin::{Asked, Item, Twin};
use super::volumes::{Handle, State};
use crate::config;
use crate::engine::{Engine, FORMAT};
use crate::model::{Now, SECOND_NS};
use crate::send::Chance;
use crate::store::{Database, Sequence};

const MS: u64 = 1_000_000;
const START: u64 = 1_700_000_000 * SECOND_NS;
/// How long things go wrong: requests are known for a quarter of an hour, so everything is over before.
const TROUBLED_NS: u64 = 300 * SECOND_NS;
/// In steps of about half a second each.
const QUIET_STEPS: u64 = 300;
const HEALED_STEPS: u64 = 1_200;
/// Seeds the fingerprints of requests.
const KEY: u64 = 7;

/// What goes wrong in a story, in shares of a thousand steps.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) crashes: u64,
    pub(super) stops: u64,
    pub(super) reloads: u64,
    pub(super) moods: u64,
    pub(super) volumes: u64,
    /// Whether groups are damaged that were acknowledged.
    pub(super) damage: bool,
}

/// How much happened.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) crashes: u64,
    pub(super) stops: u64,
    pub(super) reloads: u64,
    pub(super) unkept: u64,
    /// Damaged groups that nobody had heard of, and others.
    pub(super) damaged: [u64; 2],
    pub(super) deliveries: u64,
    /// Steps of runbooks.
    pub(super) calls: u64,
    /// Facts that recordings gave again, and segments that were in them.
    pub(super) recorded: [u64; 2],
}

pub(super) struct World {
    pub(super) trace: Trace,
    pub(super) chance: Chance,
    pub(super) now: u64,
    base: Instant,
    pub(super) scratch: Scratch,
    pub(super) faults: Faults,
    pub(super) volume: Handle,
    /// Which plan the files of the configuration say.
    pub(super) disk: usize,
    /// Which one of the twin's the engine is in.
    pub(super) epoch: usize,
    pub(super) journal: Journal,
    pub(super) process: Option<Process>,
    pub(super) clients: Clients,
    pub(super) twin: Twin,
    pub(super) moods: BTreeMap<&'static str, Mood>,
    looked_at: u64,
    steps: u64,
    pub(super) tally: Tally,
    /// What the flight recorder may keep.
    pub(super) recorder: config::Recorder,
    /// Every fact that was let out, as it is printed.
    pub(super) facts: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut often = |share: u64| if chance.below(4) == 0 { 0 } else { share };
        let (crashes, stops, reloads) = (often(14), often(3), often(8));
        let (moods, volumes, damage) = (often(20), often(6), often(1) == 0);
        let scratch = Scratch::new();
        let mut first = Engine::new(PLANS[0].clone(), Now(START));
        let parts = first.image(true).written();
        let mut database = Database::open(&scratch.0, FORMAT).expect("a folder of our own").database;
        database.breaks_off().expect("the database takes its settings");
        database.begin(KEY, Sequence(0), &parts).expect("there is room");
        let mut twin = Twin::default();
        twin.epochs.push(has_passing(&PLANS[0]).then(Default::default));
        Self {
            trace: Trace::new(seed),
            chance,
            now: START,
            base: Instant::now(),
            scratch,
            faults: Faults { crashes, stops, reloads, moods, volumes, damage },
            volume: Handle::new(),
            disk: 0,
            epoch: 0,
            journal: Journal { parts, ..Journal::default() },
            process: None,
            clients: Clients::default(),
            twin,
            moods: RECEIVERS.into_iter().map(|name| (name, Mood::Well)).collect(),
            looked_at: START,
            steps: 0,
            tally: Tally::default(),
            recorder: super::recorded::settings(seed),
            facts: Vec::new(),
        }
    }

    /// The whole story.
    pub(super) fn run(mut self) -> Tally {
        self.live();
        self.tally
    }

    /// To be told from the beginning.
    pub(super) fn in_full(mut self) -> Self {
        self.trace.keep_all();
        self
    }

    /// What happened in it.
    pub(super) fn story(mut self) -> Vec<String> {
        self.live();
        self.trace.take()
    }

    pub(super) fn live(&mut self) {
        self.note(format!("{:?}", self.faults));
        self.bear();
        while self.now < START + TROUBLED_NS {
            self.step();
        }
        self.heal();
        self.check_recordings();
        self.tally.requests = self.twin.requests.len() as u64;
        self.tally.deliveries = self.twin.deliveries;
        self.tally.calls = self.twin.called.calls;
    }

    pub(super) fn note(&mut self, event: impl std::fmt::Display) {
        self.trace.add(self.now - START, event);
    }

    pub(super) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it lives")
    }

    pub(super) fn instant(&self) -> Instant {
        self.base + Duration::from_nanos(self.now - START)
    }

    /// Time goes by.
    pub(super) fn pass(&mut self, ns: u64) {
        self.now += ns;
        let now = Now(self.now);
        self.process().clock.not_before(now);
    }

    fn step(&mut self) {
        let ns = 1 + self.chance.below(1_400 * MS);
        self.pass(ns);
        if self.clients.has_room() && self.chance.below(2) == 0 {
            self.ask();
        }
        self.exchange();
        if self.chance.below(10) < 7 {
            self.turn();
        }
        for _ in 0..self.chance.below(4) {
            self.commit();
        }
        self.exchange();
        self.deliver();
        self.do_steps();
        self.look();
        self.misfortune();
    }

    /// A request that has never been sent.
    fn ask(&mut self) {
        let id = self.twin.requests.len();
        let chance = &mut self.chance;
        // Troubled and quiet minutes take turns.
        let bad = if (self.now / SECOND_NS / 50).is_multiple_of(2) { 60 } else { 2 };
        let late_ns = if chance.below(20) == 0 { 120 * SECOND_NS } else { 3 * SECOND_NS };
        let items = (0..=chance.below(5)).map(|place| Item {
            at_ns: self.now - chance.below(late_ns),
            good: chance.below(100) >= bad,
            route: ["/a", "/b", "/c"][chance.below(3) as usize],
            host: (place == 0 && chance.below(12) == 0).then(|| format!("host-{id}")),
            part: (place == 1 && chance.below(6) == 0).then(|| format!("part-{}", chance.below(3))),
        });
        let items: Vec<Item> = items.collect();
        self.clients.add(id, &items);
        self.twin.requests.push(Asked { items, acknowledged: false, lost: false });
    }

    /// Requests go out, answers come in.
    pub(super) fn exchange(&mut self) {
        let Some(process) = &self.process else { return };
        self.clients.send(&process.workers, self.now, &mut self.chance);
        self.answers();
    }

    pub(super) fn answers(&mut self) {
        for id in self.clients.hear(self.now, &mut self.chance) {
            self.twin.requests[id].acknowledged = true;
            self.note(format!("request {id} is acknowledged"));
        }
    }

    /// `false`: the loop has ended.
    pub(super) fn turn(&mut self) -> bool {
        let epoch = self.epoch;
        self.process().turn(epoch)
    }

    /// Half of a commit; `false`: there was none to do.
    pub(super) fn commit(&mut self) -> bool {
        let now = self.instant();
        let process = self.process.as_mut().expect("it lives");
        let is_well = process.is_kept() && self.volume.get() == State::Well;
        let done = process.commit(now, &self.volume, &mut self.journal);
        assert!(
            !is_well || process.is_kept(),
            "a sound volume fails: {:?}",
            process.ledger.health().trouble()
        );
        for fact in process.facts() {
            self.twin.published(&fact);
            self.facts.push(super::recorded::line(&fact));
        }
        let any = done.is_some();
        if let Some(done) = done {
            self.looked_at = self.now;
            self.tally.unkept += u64::from(done.contains("kept: false"));
            if !done.ends_with("lets out 0 answers, 0 notifications, 0 steps") {
                self.note(done);
            }
        }
        any
    }

    pub(super) fn deliver(&mut self) {
        let now = (self.instant(), self.now);
        let process = self.process.as_mut().expect("it lives");
        for (name, lane) in &mut process.lanes {
            lane.start(now, self.moods[name], &mut self.chance, |one| {
                let (transition, sequence, key) = (one.transition, one.sequence, &one.dedup_key[..6]);
                self.trace.add(self.now - START, format!("{name} hears {transition:?} {sequence} of {key}"));
                self.twin.hear(name, one);
            });
            for settled in lane.answers(now, false) {
                self.twin.settled(&settled.0, &settled.1);
                let (id, outcome) = id_of(&settled);
                process.ledger.settle(id, outcome);
            }
        }
    }

    pub(super) fn do_steps(&mut self) {
        let process = self.process.as_mut().expect("it lives");
        let called = &mut self.twin.called;
        let mut ended = process.steps.begin(self.now, &mut self.chance, &mut |step| {
            self.trace.add(self.now - START, format!("{} is called", step.key));
            called.call(step);
        });
        ended.extend(process.steps.ended(self.now));
        for (key, end) in ended {
            self.trace.add(self.now - START, format!("{key} is {}", end.as_str()));
            called.answer(&key, end);
            process.ledger.settle_step(key, outcome(end));
        }
    }

    fn look(&mut self) {
        self.steps += 1;
        let now = self.instant();
        if self.now - self.looked_at > SECOND_NS {
            self.looked_at = self.now;
            self.process().look_again(now);
        }
        if self.steps.is_multiple_of(25) {
            self.check();
        }
    }

    pub(super) fn check(&mut self) {
        let process = self.process.as_mut().expect("it lives");
        let sizes = process.sizes();
        assert!(sizes.iter().all(|size| *size < 1_000), "something grows: {sizes:?}");
        self.twin.check(process.engine(), self.epoch);
    }

    fn misfortune(&mut self) {
        let Faults { crashes, stops, reloads, moods, volumes, .. } = self.faults;
        let mut drawn = self.chance.below(1_000);
        let mut is = |share: u64| {
            let is = drawn < share;
            drawn = if is { u64::MAX } else { drawn - share.min(drawn) };
            is
        };
        if is(crashes) {
            self.crash();
        } else if is(stops) {
            self.stop_and_start();
        } else if is(reloads) {
            self.reload();
        } else if is(moods) {
            let name = RECEIVERS[self.chance.below(2) as usize];
            let mood = Mood::ALL[self.chance.below(5) as usize];
            self.note(format!("{name} is {mood:?}"));
            self.moods.insert(name, mood);
        } else if is(volumes) {
            let room = self.chance.below(4) as u32;
            let state = [State::Broken, State::Full { room }, State::Lies][self.chance.below(3) as usize];
            self.note(format!("the volume is {state:?}"));
            self.volume.set(state);
        }
        if self.volume.get() != State::Well && self.chance.below(12) == 0 {
            self.note("the volume is well");
            self.volume.set(State::Well);
        }
        if self.chance.below(60) == 0 {
            self.moods.values_mut().for_each(|mood| *mood = Mood::Well);
        }
    }

    /// Nothing goes wrong any more: everything is to come to its end.
    fn heal(&mut self) {
        self.note("nothing goes wrong from here on");
        self.volume.set(State::Well);
        self.moods.values_mut().for_each(|mood| *mood = Mood::Well);
        for step in 0.. {
            self.pass(500 * MS);
            self.exchange();
            self.turn();
            while self.commit() {}
            self.exchange();
            self.deliver();
            self.do_steps();
            self.look();
            let is_over = self.clients.open() == 0 && self.process().is_at_rest();
            if is_over && step > QUIET_STEPS {
                break;
            }
            assert!(
                step < HEALED_STEPS,
                "{} requests are open, {:?}",
                self.clients.open(),
                self.process().sizes()
            );
        }
        assert!(self.twin.requests.iter().all(|asked| asked.acknowledged), "a request has no answer");
        let process = self.process.as_mut().expect("it lives");
        self.twin.check_told(process.engine());
        self.stop_and_start();
    }
}

impl Tally {
    pub(super) fn add(&mut self, one: Self) {
        self.requests += one.requests;
        self.crashes += one.crashes;
        self.stops += one.stops;
        self.reloads += one.reloads;
        self.unkept += one.unkept;
        self.damaged[0] += one.damaged[0];
        self.damaged[1] += one.damaged[1];
        self.deliveries += one.deliveries;
        self.calls += one.calls;
        self.recorded[0] += one.recorded[0];
        self.recorded[1] += one.recorded[1];
    }

    pub(super) fn is_enough(&self, seeds: u64) -> bool {
        let [requests, deliveries, calls] = [self.requests / 100, self.deliveries / 20, self.calls / 10];
        let each = [requests, self.crashes, self.stops, self.reloads, self.unkept, deliveries, calls];
        each.iter().all(|one| *one > seeds) && self.damaged.iter().all(|one| *one > seeds / 10)
    }
}
