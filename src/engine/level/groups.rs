//! The levels of one service level objective: one, or one for each group of the attributes that it is grouped by.

use std::collections::BTreeMap;

use super::{Cx, Level, Shape};
use crate::engine::plan::SloPlan;
use crate::model::{Labels, Now, SECOND_NS};

/// What the values of a group are called that has no room of its own.
pub(in crate::engine) const OVERFLOW: &str = "overflow";
const SWEEP_NS: u64 = 60 * SECOND_NS;

#[derive(Debug)]
pub(in crate::engine) struct Groups {
    pub(in crate::engine) shape: Shape,
    pub(in crate::engine) levels: Vec<Level>,
    /// By the values of the attributes.
    places: BTreeMap<Vec<String>, usize>,
    swept: Now,
    pub(in crate::engine) told_of_overflow: bool,
}

impl Groups {
    pub(in crate::engine) fn new(plan: &SloPlan) -> Self {
        let mut groups = Self {
            shape: Shape::new(plan),
            levels: Vec::new(),
            places: BTreeMap::new(),
            swept: Now::default(),
            told_of_overflow: false,
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
        let names =
            plan.group_by.iter().flat_map(|group_by| group_by.keys.iter().map(|key| key.name.clone()));
        let group: Labels = names.zip(values.iter().cloned()).collect();
        let level = Level::new(Cx { plan, shape: &self.shape }, group);
        self.places.insert(values.to_vec(), self.levels.len());
        self.levels.push(level);
        self.levels.len() - 1
    }

    /// Puts a level in that was held before.
    pub(in crate::engine) fn adopt(&mut self, values: Vec<String>, level: Level) {
        match self.places.get(&values) {
            Some(place) => self.levels[*place] = level,
            None => {
                self.places.insert(values, self.levels.len());
                self.levels.push(level);
            }
        }
    }

    /// Groups of which no window holds an event, and no alert was told, give way.
    fn sweep(&mut self, plan: &SloPlan, now: Now) {
        if now < self.swept.plus_ns(SWEEP_NS) {
            return;
        }
        self.swept = now;
        let shape = &self.shape;
        let mut kept = vec![true; self.levels.len()];
        for (level, kept) in self.levels.iter_mut().zip(&mut kept) {
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
        let mut index = 0;
        self.levels.retain(|_| {
            index += 1;
            kept[index - 1]
        });
        self.places = places.into_iter().map(|(values, place)| (values, moved[place])).collect();
    }

    /// Every level with the values of its group, in order of these.
    pub(in crate::engine) fn in_order(&self) -> impl Iterator<Item = (&Vec<String>, &Level)> {
        self.places.iter().map(|(values, place)| (values, &self.levels[*place]))
    }

    pub(in crate::engine) fn into_levels(mut self) -> (Shape, Vec<(Vec<String>, Level)>) {
        let mut levels: Vec<Option<Level>> = self.levels.drain(..).map(Some).collect();
        let places = std::mem::take(&mut self.places);
        let each = places.into_iter().filter_map(|(values, place)| Some((values, levels[place].take()?)));
        let each = each.collect();
        (self.shape, each)
    }

    pub(in crate::engine) fn bytes(&self) -> usize {
        self.levels.iter().map(Level::bytes).sum()
    }
}
