//! Which windows a service level asks for. The same for all of its groups.

use crate::engine::plan::SloPlan;
use crate::sli::{Layout, WindowId};
use crate::slo::{Check, Condition, Slice, Window};

/// Of one condition, for one goal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) long: At,
    pub(super) short: Option<At>,
}

/// Where a window's sums are kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    Events(WindowId),
    /// A place in the list of the goal's slices.
    Slices(usize),
    /// The calendar's period.
    Period,
}

#[derive(Debug)]
pub(in crate::engine) struct Shape {
    pub(super) layout: Layout,
    pub(super) goals: Vec<GoalShape>,
    /// By judge (the goals, then the composite), condition, and goal that it is about.
    pub(super) pairs: Vec<Vec<Vec<(usize, Pair)>>>,
    /// The longest window.
    pub(in crate::engine) longest_s: u64,
}

/// The windows of one goal.
#[derive(Debug)]
pub(super) struct GoalShape {
    pub(super) budget: At,
    /// For forecasts: an hour, or what is near it in slices.
    pub(super) hour: At,
    /// Lengths in slices.
    pub(super) slices: Vec<u32>,
    slice: Option<Slice>,
}

impl Shape {
    pub(in crate::engine) fn new(plan: &SloPlan) -> Self {
        let slo = &plan.slo;
        let mut shape = Self {
            layout: Layout::default(),
            goals: Vec::new(),
            pairs: Vec::new(),
            longest_s: slo.window.longest_s(),
        };
        for goal in &slo.goals {
            let mut slices = Vec::new();
            let hour = shape.window(&mut slices, goal.slice, HOUR_S);
            let budget = match &slo.window {
                Window::Rolling { seconds, .. } => shape.window(&mut slices, goal.slice, *seconds),
                Window::Calendar(_) => {
                    // For reports: the hours of the period.
                    shape.layout.window(slo.window.longest_s());
                    At::Period
                }
            };
            shape.goals.push(GoalShape { budget, hour, slices, slice: goal.slice });
        }
        for (place, goal) in slo.goals.iter().enumerate() {
            let about = [(place, goal.slice)];
            let pairs = goal.conditions.iter().map(|one| shape.pairs_of(one, &about)).collect();
            shape.pairs.push(pairs);
        }
        if let Some(composite) = &slo.composite {
            let about: Vec<_> =
                slo.goals.iter().enumerate().map(|(place, goal)| (place, goal.slice)).collect();
            let pairs = composite.conditions.iter().map(|one| shape.pairs_of(one, &about)).collect();
            shape.pairs.push(pairs);
        }
        shape.layout.remember(MINUTE_S, MINUTES_S);
        shape
    }

    /// How far back buckets reach, in seconds before the clock; ascending.
    pub(in crate::engine) fn reaches(&self) -> Vec<u64> {
        let goals = self.goals.iter().filter_map(|goal| goal.slice);
        let slices = goals.map(|slice| self.longest_s.saturating_sub(slice.seconds));
        let mut reaches: Vec<u64> = self.layout.reaches().chain(slices).collect();
        reaches.sort_unstable();
        reaches.dedup();
        reaches
    }

    fn pairs_of(&mut self, condition: &Condition, about: &[(usize, Option<Slice>)]) -> Vec<(usize, Pair)> {
        let (long_s, short_s) = (condition.long_s, condition.short_s);
        if !matches!(condition.check, Check::Burn { .. }) {
            return Vec::new();
        }
        self.longest_s = self.longest_s.max(long_s);
        let mut pairs = Vec::new();
        for (goal, slice) in about {
            let mut slices = std::mem::take(&mut self.goals[*goal].slices);
            let long = self.window(&mut slices, *slice, long_s);
            let short = short_s.map(|short| self.window(&mut slices, *slice, short));
            self.goals[*goal].slices = slices;
            pairs.push((*goal, Pair { long, short }));
        }
        pairs
    }

    fn window(&mut self, slices: &mut Vec<u32>, slice: Option<Slice>, seconds: u64) -> At {
        let Some(slice) = slice else { return At::Events(self.layout.window(seconds)) };
        let length = u32::try_from(seconds.div_ceil(slice.seconds)).unwrap_or(u32::MAX);
        let known = slices.iter().position(|one| *one == length);
        At::Slices(known.unwrap_or_else(|| {
            slices.push(length);
            slices.len() - 1
        }))
    }
}

const HOUR_S: u64 = 3_600;
const MINUTE_S: u64 = 60;
/// For so long each minute can be explained.
const MINUTES_S: u64 = 48 * HOUR_S;
