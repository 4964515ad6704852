//! How a life of the daemon ends, what happens to its folder, and how the next one begins.

use super::damage::Damage;
use super::journal::differences;
use super::plans::{PLANS, has_passing, receivers};
use super::process::Born;
use super::steps::outcome;
use super::world::World;
use crate::daemon::ledger::Receivers;
use crate::engine::Plan;
use crate::model::SECOND_NS;
use crate::store::{Parts, Sequence};

/// A group that is damaged while nobody lives.
struct Damaged {
    /// Somebody may have heard of it.
    is_known: bool,
}

impl World {
    /// Everything that was decided is written, unless the volume fails.
    fn write_all(&mut self) {
        self.pass(SECOND_NS + SECOND_NS / 10);
        for _ in 0..4 {
            self.turn();
            while self.commit() {}
        }
    }

    /// The process ends at any moment: in the middle of a commit, of its answers, of its notifications.
    pub(super) fn crash(&mut self) {
        self.tally.crashes += 1;
        let mut whole = None;
        match self.chance.below(5) {
            0 => {}
            1 | 2 => {
                self.turn();
                while !self.process().holds_back() && self.commit() {}
            }
            3 => {
                self.turn();
                while self.commit() {}
            }
            _ => {
                self.write_all();
                let process = self.process();
                whole = process.is_kept().then(|| process.engine().image(true).written());
            }
        }
        if self.chance.below(2) == 0 {
            self.answers();
        }
        if self.chance.below(2) == 0 {
            self.deliver();
            self.do_steps();
        }
        self.note("it crashes");
        self.die();
        let damaged = self.damage();
        let whole = whole.filter(|_| damaged.is_none());
        let down_ns = self.chance.below(4 * SECOND_NS);
        self.now += down_ns;
        self.born(whole.as_ref(), damaged.as_ref());
    }

    fn die(&mut self) {
        self.clients.hang_up(self.now, &mut self.chance);
        if let Some(process) = self.process.take() {
            self.twin.tear(&process.unkept);
        }
    }

    /// As `Daemon::drain` does it.
    pub(super) fn stop_and_start(&mut self) {
        self.tally.stops += 1;
        self.note("it is told to stop");
        for _ in 0..6 {
            self.turn();
            while self.commit() {}
            self.answers();
        }
        self.process().ledger.hold_runs();
        let now = (self.instant(), self.now);
        let process = self.process.as_mut().expect("it lives");
        for (name, lane) in &mut process.lanes {
            lane.close();
            while lane.is_busy(now.0) {
                lane.start(now, self.moods[name], &mut self.chance, |one| self.twin.hear(name, one));
                for (one, outcome) in lane.answers(now, true) {
                    self.twin.settled(&one, &outcome);
                    process.ledger.settle(one.id, outcome);
                }
            }
        }
        for (key, end) in process.steps.drain(&mut self.chance) {
            self.twin.called.answer(&key, end);
            process.ledger.settle_step(key, outcome(end));
        }
        process.ledger.stop();
        assert!(!self.turn(), "it was told to stop");
        while self.commit() {}
        let process = self.process();
        let whole = process.is_kept().then(|| process.engine().image(true).written());
        self.die();
        self.now += SECOND_NS;
        self.born(whole.as_ref(), None);
    }

    pub(super) fn reload(&mut self) {
        if self.journal.epoch != self.epoch {
            return;
        }
        self.tally.reloads += 1;
        self.turn();
        let old = self.process().engine().plan();
        self.disk = (self.disk + 1 + self.chance.below(2) as usize) % PLANS.len();
        let new = &PLANS[self.disk];
        self.note(format!("plan {} is in effect", self.disk));
        let process = self.process.as_mut().expect("it lives");
        let counted = self.twin.counted(process.engine());
        let mut answer = process.ledger.try_configure(new.clone(), all_changed()).expect("there is room");
        self.configured(&old, counted);
        self.turn();
        answer.try_recv().expect("it is configured at once");
        *self.process().plan.write().expect("nobody panicked") = new.clone();
    }

    /// The plan on the disk takes effect where `old` was, and so much had been counted.
    fn configured(&mut self, old: &Plan, counted: std::collections::BTreeSet<usize>) {
        let before = self.twin.epochs[self.epoch].clone();
        let passing = has_passing(&PLANS[self.disk]).then_some(counted);
        self.twin.epochs.push(if has_passing(old) { passing.and(before) } else { passing });
        self.epoch = self.twin.epochs.len() - 1;
    }

    /// Perhaps a group: the last one where nobody heard of it, or any.
    fn damage(&mut self) -> Option<Damaged> {
        let rows: Vec<(Sequence, bool)> = self
            .journal
            .groups
            .iter()
            .filter(|one| one.is_row())
            .map(|one| (one.sequence, one.released))
            .collect();
        let (last, was_released) = *rows.last()?;
        let is_last = last == self.journal.last;
        let (sequence, kind) = if !was_released && is_last && self.chance.below(2) == 0 {
            let kinds = [Damage::Flipped, Damage::Cut, Damage::Gone];
            (last, kinds[self.chance.below(3) as usize])
        } else if self.faults.damage && self.chance.below(4) == 0 {
            let (sequence, _) = rows[self.chance.below(rows.len() as u64) as usize];
            (sequence, [Damage::Flipped, Damage::Cut][self.chance.below(2) as usize])
        } else {
            return None;
        };
        let is_known = rows.iter().any(|(one, released)| *one == sequence && *released);
        self.note(format!("group {} is {kind:?}, heard of: {is_known}", sequence.0));
        kind.happens(&self.scratch.0, sequence, &mut self.chance);
        self.journal.damage(sequence);
        self.tally.damaged[usize::from(is_known)] += 1;
        Some(Damaged { is_known })
    }

    pub(super) fn bear(&mut self) {
        self.born(None, None);
    }

    /// The next life. What is up must be the sum of what is there, and `whole` where that is known.
    fn born(&mut self, whole: Option<&Parts>, damaged: Option<&Damaged>) {
        let born =
            Born { folder: &self.scratch.0, now: self.now, volume: &self.volume, recorder: &self.recorder };
        let plan = &PLANS[self.disk];
        let (mut seen, _) = born.recover(plan);
        if !self.journal.is_damaged {
            assert_eq!(seen.otherwise, Vec::<String>::new());
        }
        if damaged.is_some() {
            assert!(!seen.report.is_empty(), "nobody said that a group is damaged");
        } else if !self.journal.is_damaged {
            assert_eq!(seen.report, Vec::<String>::new());
        }
        if damaged.is_some_and(|damaged| damaged.is_known) {
            self.twin.lose(&seen.engine);
        }
        let is = seen.engine.image(true).written();
        let differs = differences(&is, &self.journal.fold().image(true).written());
        assert!(differs.is_empty(), "not the sum of what is there: {differs:?}");
        let differs = whole.map_or(Vec::new(), |whole| differences(&is, whole));
        assert!(differs.is_empty(), "not the state that was: {differs:?}");
        drop(seen);
        let again = born.recover(plan);
        let (old, counted) = (again.0.engine.plan(), self.twin.counted(&again.0.engine));
        let process = born.live(again, plan);
        self.process = Some(process);
        self.journal.taken_up();
        self.epoch = self.journal.epoch;
        if old.version != plan.version {
            self.configured(&old, counted);
        }
        self.note("it lives");
        self.check();
    }
}

/// Whoever refused is asked again.
fn all_changed() -> Receivers {
    Receivers { known: receivers(), changed: receivers() }
}
