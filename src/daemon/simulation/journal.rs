//! A naive journal: every write that came to be there, and their sum.

use crate::daemon::commit::Group;
use crate::engine::{Effects, Engine, Outcomes};
use crate::store::{Parts, Sequence};

/// What a group would write.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) sequence: Sequence,
    payload: Vec<u8>,
    image: Option<(bool, Parts, Vec<String>)>,
    /// Which configuration it was made under, as the simulation counts them.
    pub(super) epoch: usize,
    /// Whether somebody may know of it: who waited for it, or a later life.
    pub(super) released: bool,
    follows_damage: bool,
}

#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) parts: Parts,
    /// Since the last image.
    pub(super) groups: Vec<Written>,
    /// Of what is there.
    pub(super) epoch: usize,
    pub(super) last: Sequence,
    /// A group since the last image was damaged.
    pub(super) is_damaged: bool,
}

impl Written {
    pub(super) fn of(group: &Group, epoch: usize) -> Self {
        let image = group.image.as_ref().map(|image| (image.is_full, image.written(), image.gone.clone()));
        Self {
            sequence: group.sequence,
            payload: group.payload.clone(),
            image,
            epoch,
            released: false,
            follows_damage: false,
        }
    }

    pub(super) fn is_full_image(&self) -> bool {
        self.image.as_ref().is_some_and(|(is_full, ..)| *is_full)
    }

    pub(super) fn is_row(&self) -> bool {
        self.image.is_none() && !self.payload.is_empty()
    }
}

impl Journal {
    pub(super) fn add(&mut self, written: Written) {
        (self.epoch, self.last) = (written.epoch, written.sequence);
        match written.image {
            Some((is_full, parts, gone)) => {
                if is_full {
                    self.parts.clear();
                }
                self.parts.extend(parts);
                gone.iter().for_each(|name| drop(self.parts.remove(name)));
                self.groups.clear();
                self.is_damaged = false;
            }
            None => self.groups.push(written),
        }
    }

    pub(super) fn released(&mut self, sequence: Sequence) {
        let group = self.groups.iter_mut().find(|one| one.sequence == sequence);
        group.into_iter().for_each(|group| group.released = true);
    }

    pub(super) fn damage(&mut self, sequence: Sequence) {
        self.is_damaged = true;
        self.groups.retain(|one| one.sequence != sequence);
        let after = self.groups.iter_mut().find(|one| one.sequence > sequence);
        after.into_iter().for_each(|group| group.follows_damage = true);
    }

    /// The next life builds on all that is there.
    pub(super) fn taken_up(&mut self) {
        self.groups.iter_mut().for_each(|group| group.released = true);
    }

    /// The state that is there.
    pub(super) fn fold(&self) -> Engine {
        let mut report = Vec::new();
        let mut engine = Engine::restore(&self.parts, &mut report).expect("the parts are whole");
        assert_eq!(report, Vec::<String>::new());
        let mut outcomes = Outcomes::Known;
        for group in &self.groups {
            if group.follows_damage {
                outcomes = Outcomes::Doubtful;
            }
            let done = engine.replay(&group.payload[8..], outcomes, &mut Effects::default());
            done.expect("the records are whole");
        }
        engine
    }
}

/// Where two states differ, by part.
pub(super) fn differences(one: &Parts, other: &Parts) -> Vec<String> {
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    names.filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}
