//! The levels of one service level objective: one, or one for each group of the attributes that it is grouped by.

use std::collections::BTreeMap;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::{Cx, Level, Shape};
use crate::engine::plan::SloPlan;
use crate::model::{Labels, Now, SECOND_NS};

/// What the values of a group are called that has no room of its own.
pub(in crate::engine) const OVERFLOW: &str = "overflow";
const SWEEP_NS: u64 = 60 * SECOND_NS;

#[derive(Debug)]
pub(in crate::engine) struct Groups {
    pub(in crate::engine) shape: Shape,
    /// Shared with an image of the state while that is written down.
    pub(in crate::engine) levels: Vec<Arc<Level>>,
    /// By the values of the attributes.
    places: BTreeMap<Vec<String>, usize>,
    swept: Now,
    pub(in crate::engine) told_of_overflow: bool,
    /// Levels so far: what the next one is known by where it is written down.
    begun: u64,
    /// Numbers of those that were written down and are no more.
    gone: Vec<u64>,
}

/// Which levels there are, without what they hold.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct GroupsNote {
    places: BTreeMap<Vec<String>, usize>,
    swept: Now,
    told_of_overflow: bool,
    begun: u64,
    /// The numbers of the levels, in order.
    serials: Vec<u64>,
}

impl Groups {
    pub(in crate::engine) fn new(plan: &SloPlan) -> Self {
        let mut groups = Self {
            shape: Shape::new(plan),
            levels: Vec::new(),
            places: BTreeMap::new(),
            swept: Now::default(),
            told_of_overflow: false,
            begun: 0,
            gone: Vec::new(),
        };
        if plan.group_by.is_none() {
            groups.insert(plan, &[]);
        }
        groups
    }

    /// The place of a group's level, a new one if there is room.
    pub(in crate::engine) fn place(&mut self, plan: &SloPlan, values: &[String], now: Now) -> usize {
        if let Some(place) = self.places.get(values) {
            return *place;
        }
        let most = plan.group_by.as_ref().map_or(1, |group_by| group_by.max);
        if self.levels.len() >= most {
            self.sweep(plan, now);
        }
        if self.levels.len() < most {
            return self.insert(plan, values);
        }
        let overflow = vec![OVERFLOW.to_owned(); values.len()];
        match self.places.get(&overflow) {
            Some(place) => *place,
            None => self.insert(plan, &overflow),
        }
    }

    pub(in crate::engine) fn is_overflow(&self, place: usize) -> bool {
        let group = &self.levels[place].group;
        !group.is_empty() && group.values().all(|value| value == OVERFLOW)
    }

    /// Events that share the overflow group.
    pub(in crate::engine) fn overflow(&self, plan: &SloPlan) -> u64 {
        let cx = Cx { plan, shape: &self.shape };
        let shared = (0..self.levels.len()).filter(|place| self.is_overflow(*place));
        let tracks = 0..plan.indicators.len();
        shared
            .map(|place| {
                tracks.clone().map(|track| self.levels[place].counted(cx, track).total()).sum::<u64>()
            })
            .sum()
    }

    fn insert(&mut self, plan: &SloPlan, values: &[String]) -> usize {
        let level = Level::new(Cx { plan, shape: &self.shape }, labels(plan, values));
        self.places.insert(values.to_vec(), self.levels.len());
        self.push(level);
        self.levels.len() - 1
    }

    fn push(&mut self, mut level: Level) {
        level.serial = self.begun;
        self.begun += 1;
        self.levels.push(Arc::new(level));
    }

    /// To be changed, so that the next image has it.
    pub(in crate::engine) fn level_mut(&mut self, place: usize) -> (&Shape, &mut Level) {
        let level = Arc::make_mut(&mut self.levels[place]);
        level.changed = true;
        (&self.shape, level)
    }

    /// Puts a level in that was held before.
    pub(in crate::engine) fn adopt(&mut self, values: Vec<String>, level: Level) {
        match self.places.get(&values) {
            Some(place) => {
                let serial = self.levels[*place].serial;
                self.levels[*place] = Arc::new(Level { serial, ..level });
            }
            None => {
                self.places.insert(values, self.levels.len());
                self.push(level);
            }
        }
    }

    /// Groups of which no window holds an event, and no alert was told, give way.
    fn sweep(&mut self, plan: &SloPlan, now: Now) {
        if now < self.swept.plus_ns(SWEEP_NS) {
            return;
        }
        self.swept = now;
        let mut kept = vec![true; self.levels.len()];
        for (place, kept) in kept.iter_mut().enumerate() {
            let (shape, level) = self.level_mut(place);
            let cx = Cx { plan, shape };
            level.follow(cx, now);
            *kept = !level.is_idle(cx);
        }
        let mut places = std::mem::take(&mut self.places);
        places.retain(|_, place| kept[*place]);
        let mut moved = Vec::new();
        let mut next = 0;
        for kept in &kept {
            moved.push(next);
            next += usize::from(*kept);
        }
        let gone = self.levels.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(level, _)| level.serial);
        self.gone.extend(gone);
        let mut index = 0;
        self.levels.retain(|_| {
            index += 1;
            kept[index - 1]
        });
        self.places = places.into_iter().map(|(values, place)| (values, moved[place])).collect();
    }

    /// Every level with the values of its group, in order of these.
    pub(in crate::engine) fn in_order(&self) -> impl Iterator<Item = (&Vec<String>, &Level)> {
        self.places.iter().map(|(values, place)| (values, &*self.levels[*place]))
    }

    pub(in crate::engine) fn into_levels(mut self) -> (Shape, Vec<(Vec<String>, Level)>) {
        let mut levels: Vec<Option<Level>> =
            self.levels.drain(..).map(|level| Some(Arc::unwrap_or_clone(level))).collect();
        let places = std::mem::take(&mut self.places);
        let each = places.into_iter().filter_map(|(values, place)| Some((values, levels[place].take()?)));
        let each = each.collect();
        (self.shape, each)
    }

    pub(in crate::engine) fn note(&self) -> GroupsNote {
        GroupsNote {
            places: self.places.clone(),
            swept: self.swept,
            told_of_overflow: self.told_of_overflow,
            begun: self.begun,
            serials: self.levels.iter().map(|level| level.serial).collect(),
        }
    }

    /// What has changed since this was last asked, or everything.
    pub(in crate::engine) fn changed(&mut self, all: bool) -> Vec<(u64, Arc<Level>)> {
        let mut changed = Vec::new();
        for level in &mut self.levels {
            if all || level.changed {
                Arc::make_mut(level).changed = false;
                changed.push((level.serial, Arc::clone(level)));
            }
        }
        changed
    }

    pub(in crate::engine) fn all(&self) -> impl Iterator<Item = (u64, Arc<Level>)> + '_ {
        self.levels.iter().map(|level| (level.serial, Arc::clone(level)))
    }

    pub(in crate::engine) fn take_gone(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.gone)
    }

    /// Levels as they were noted; one that `find` does not have begins anew.
    pub(in crate::engine) fn restore(
        plan: &SloPlan,
        note: GroupsNote,
        find: &mut dyn FnMut(u64) -> Option<Level>,
    ) -> Self {
        let shape = Shape::new(plan);
        let GroupsNote { places, swept, told_of_overflow, begun, serials } = note;
        let mut levels = Vec::new();
        for (place, serial) in serials.into_iter().enumerate() {
            let level = find(serial).unwrap_or_else(|| {
                let values = places.iter().find(|(_, of)| **of == place).map(|(values, _)| values.as_slice());
                let group = labels(plan, values.unwrap_or_default());
                Level { serial, ..Level::new(Cx { plan, shape: &shape }, group) }
            });
            levels.push(Arc::new(level));
        }
        Self { shape, levels, places, swept, told_of_overflow, begun, gone: Vec::new() }
    }

    pub(in crate::engine) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| level.bytes()).sum()
    }
}

fn labels(plan: &SloPlan, values: &[String]) -> Labels {
    let keys = plan.group_by.iter().flat_map(|group_by| &group_by.keys);
    keys.map(|key| key.name.clone()).zip(values.iter().cloned()).collect()
}
