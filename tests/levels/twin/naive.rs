//! Every event is kept, every sum is made anew. As little cleverness as possible.

use std::collections::BTreeMap;

use super::super::world::{Call, START};
use super::{Condition, Shape, Window};

const BILLION: u128 = 1_000_000_000;
const FUTURE_S: u64 = 600;
/// Behind the clock by more is late, and silence of this length lets the clock follow ours.
const QUIET_S: u64 = 10;

#[derive(Default)]
struct Group {
    /// Good and bad by second; those of excluded times are not here.
    events: BTreeMap<u64, (u64, u64)>,
    clock: Option<u64>,
    moved: u64,
    first: Option<u64>,
    /// By goal and condition: firing, and since when it holds.
    truths: Vec<Vec<(bool, Option<u64>)>>,
}

pub(super) struct Naive {
    shape: Shape,
    groups: BTreeMap<String, Group>,
    requests: Vec<(u64, Vec<Call>)>,
    pub(super) told: Vec<String>,
}

/// Bad and all of a window, as shares that decide: `bad / all`.
struct Share {
    bad: u128,
    all: u128,
    bad_events: u64,
    good_events: u64,
}

impl Naive {
    pub(super) fn new(shape: Shape) -> Self {
        let mut naive = Self { shape, groups: BTreeMap::new(), requests: Vec::new(), told: Vec::new() };
        if !naive.shape.grouped {
            naive.groups.insert(String::new(), Group::default());
        }
        naive
    }

    /// Equal requests within a quarter of an hour count once.
    fn is_repeat(&mut self, now: u64, calls: &[Call]) -> bool {
        let key = |calls: &[Call]| {
            calls.iter().map(|one| (one.at, one.good, one.route, one.took_ms)).collect::<Vec<_>>()
        };
        let lately = self.requests.iter().filter(|(at, _)| at + 900 > now);
        let seen = lately.into_iter().any(|(_, other)| key(other) == key(calls));
        if !seen {
            self.requests.push((now, calls.to_vec()));
        }
        seen
    }

    pub(super) fn request(&mut self, now: u64, calls: &[Call]) {
        if self.is_repeat(now, calls) {
            return;
        }
        let mut by_time: BTreeMap<(u64, String), Vec<bool>> = BTreeMap::new();
        for call in calls.iter().filter(|call| call.at <= now + FUTURE_S) {
            let group = if self.shape.grouped { call.route.to_owned() } else { String::new() };
            by_time.entry((call.at, group)).or_default().push(call.good);
        }
        for ((at, name), verdicts) in by_time {
            let goals = self.shape.targets.len();
            let group = self.groups.entry(name.clone()).or_default();
            group.truths.resize(goals, vec![(false, None); self.shape.conditions.len()]);
            if group.clock.is_none_or(|clock| at > clock) {
                group.clock = Some(at);
                group.moved = now;
                forget_first(&self.shape, group);
            }
            let excluded = self.shape.excluded.is_some_and(|(from, to)| (from..to).contains(&at));
            if !excluded {
                let sum = group.events.entry(at).or_default();
                for good in verdicts {
                    *sum = (sum.0 + u64::from(good), sum.1 + u64::from(!good));
                }
                if is_held(&self.shape, group, at) {
                    group.first = Some(group.first.map_or(at, |first| first.min(at)));
                }
            }
            self.evaluate(&name, true);
        }
    }

    pub(super) fn tick(&mut self, now: u64) {
        for name in self.groups.keys().cloned().collect::<Vec<_>>() {
            let group = self.groups.get_mut(&name).unwrap();
            let quiet = group.moved + QUIET_S <= now && group.clock.is_some_and(|clock| now > clock);
            if group.first.is_some() && quiet {
                group.clock = Some(now);
                forget_first(&self.shape, group);
                self.evaluate(&name, false);
            }
        }
    }

    fn evaluate(&mut self, name: &str, may_fire: bool) {
        let shape = self.shape.clone();
        let may_fire = may_fire || shape.no_data == "bad";
        let Some(clock) = self.groups[name].clock else { return };
        for (goal, target) in shape.targets.iter().enumerate() {
            for (index, condition) in shape.conditions.iter().enumerate() {
                let group = &self.groups[name];
                let holds = holds(&shape, group, clock, *target, condition);
                let (firing, since) = group.truths[goal][index];
                let since = if holds { since.or(Some(clock)) } else { None };
                let long_enough = since.is_some_and(|since| clock.saturating_sub(since) >= condition.hold.1);
                let now = holds && long_enough && (firing || may_fire);
                if now != firing {
                    let word = if now { "fired" } else { "resolved" };
                    self.told.push(format!("{clock} {word} [{name}] {goal} c{index}"));
                }
                self.groups.get_mut(name).unwrap().truths[goal][index] = (now, since);
            }
        }
    }

    pub(super) fn budgets(&self) -> BTreeMap<(usize, String), (u64, u64, u64)> {
        let mut budgets = BTreeMap::new();
        for (goal, target) in self.shape.targets.iter().enumerate() {
            for (name, group) in &self.groups {
                let Some(clock) = group.clock else {
                    budgets.insert((goal, name.clone()), (0, 0, 0));
                    continue;
                };
                let share = budget(&self.shape, group, clock);
                // Millionths, half to even.
                let (over, under) =
                    (share.bad * BILLION * 1_000_000, share.all.max(1) * (BILLION - u128::from(*target)));
                let (whole, rest) = (over / under, over % under);
                let up = 2 * rest > under || (2 * rest == under && whole % 2 == 1);
                let spent = whole as u64 + u64::from(up);
                budgets.insert((goal, name.clone()), (share.good_events, share.bad_events, spent));
            }
        }
        budgets
    }
}

/// Whether a window holds its time, by buckets or by slices.
fn is_held(shape: &Shape, group: &Group, at: u64) -> bool {
    let clock = group.clock.unwrap();
    let windows = windows(shape);
    if shape.method != "Occurrences" {
        let longest = windows.iter().max().unwrap().div_ceil(shape.slice_s);
        return (START + at) / shape.slice_s + longest >= (START + clock) / shape.slice_s;
    }
    let by_events = windows.iter().any(|window| in_window(at, clock, *window));
    match shape.window {
        Window::Day(_, begins) => by_events || same_day(at, clock, begins),
        Window::Rolling(..) => by_events,
    }
}

/// Of all windows that sums are kept for.
fn windows(shape: &Shape) -> Vec<u64> {
    let mut windows = vec![3_600];
    windows.push(match shape.window {
        Window::Rolling(_, seconds) => seconds,
        Window::Day(..) => 2 * 86_400,
    });
    windows.extend(
        shape.conditions.iter().flat_map(|one| [Some(one.long.1), one.short.map(|short| short.1)]).flatten(),
    );
    windows
}

fn forget_first(shape: &Shape, group: &mut Group) {
    if shape.no_data != "ignore" {
        return;
    }
    // What holds an event holds every newer one.
    let held = group.events.keys().next_back().is_some_and(|newest| is_held(shape, group, *newest));
    if !held {
        group.first = None;
    }
}

fn width(window: u64) -> u64 {
    let tiers = [(1, 3_600), (10, 21_600), (60, 86_400), (300, 259_200), (900, u64::MAX)];
    let mut chosen = 1;
    let mut shortest = 0;
    for (width, longest) in tiers {
        if shortest < window && window.is_multiple_of(width) {
            chosen = width;
        }
        shortest = longest;
    }
    chosen
}

fn in_window(at: u64, clock: u64, window: u64) -> bool {
    let (at, clock, width) = (START + at, START + clock, width(window));
    at / width + window / width > clock / width
}

fn same_day(at: u64, clock: u64, begins: u64) -> bool {
    day(at, begins) == day(clock, begins)
}

fn day(at: u64, begins: u64) -> u64 {
    (START + at + 86_400 - begins) / 86_400
}

fn holds(shape: &Shape, group: &Group, clock: u64, target: u64, condition: &Condition) -> bool {
    let over = |window: u64| {
        let share = share(shape, group, clock, window);
        let left = share.bad * BILLION * BILLION;
        let right = share.all * u128::from(condition.factor) * (BILLION - u128::from(target));
        let beyond = if condition.strict { left > right } else { left >= right && share.all > 0 };
        (beyond, share.bad_events)
    };
    let (long, bad) = over(condition.long.1);
    long && bad >= shape.min_bad && condition.short.is_none_or(|(_, short)| over(short).0)
}

/// Seconds of the last `window` that lie after the first event and are not excluded.
fn covered(shape: &Shape, group: &Group, clock: u64, window: u64, begins: u64) -> u64 {
    let Some(first) = group.first else { return 0 };
    let seen = clock.saturating_sub(first.max(begins)).min(window);
    let excluded = shape.excluded.map_or(0, |(from, to)| {
        let (from, to) = (from.max(clock + 1 - seen), to.min(clock + 1));
        to.saturating_sub(from)
    });
    seen - excluded.min(seen)
}

fn share(shape: &Shape, group: &Group, clock: u64, window: u64) -> Share {
    if shape.method != "Occurrences" {
        let last = (START + clock) / shape.slice_s;
        let slices = window / shape.slice_s;
        return slices_of(shape, group, last.saturating_sub(slices)..last, slices, (clock, window));
    }
    let oldest = clock.saturating_sub(window + 2 * width(window));
    let inside = group.events.range(oldest..).filter(|(at, _)| in_window(**at, clock, window));
    let (good, bad) = inside.fold((0, 0), |sum, (_, one)| (sum.0 + one.0, sum.1 + one.1));
    scaled(good, bad, covered(shape, group, clock, window, 0), window)
}

fn scaled(good: u64, bad: u64, covered: u64, window: u64) -> Share {
    Share {
        bad: u128::from(bad) * u128::from(covered),
        all: u128::from(good + bad) * u128::from(window),
        bad_events: bad,
        good_events: good,
    }
}

fn budget(shape: &Shape, group: &Group, clock: u64) -> Share {
    let begins = match shape.window {
        Window::Rolling(_, seconds) => return share(shape, group, clock, seconds),
        Window::Day(_, begins) => begins,
    };
    let start = (START + clock) - (START + clock + 86_400 - begins) % 86_400;
    if shape.method != "Occurrences" {
        let range = start.div_ceil(shape.slice_s)..(START + clock) / shape.slice_s;
        return slices_of(shape, group, range, 86_400 / shape.slice_s, (clock, 86_400));
    }
    let inside = group.events.iter().filter(|(at, _)| same_day(**at, clock, begins));
    let (good, bad) = inside.fold((0, 0), |sum, (_, one)| (sum.0 + one.0, sum.1 + one.1));
    scaled(good, bad, covered(shape, group, clock, 86_400, start.saturating_sub(START)), 86_400)
}

fn slices_of(
    shape: &Shape,
    group: &Group,
    range: std::ops::Range<u64>,
    all: u64,
    (clock, window): (u64, u64),
) -> Share {
    let (mut badness, mut bad, mut known) = (0_u128, 0, 0);
    let mut empty = 0;
    for slice in range {
        let (from, to) = (slice * shape.slice_s, (slice + 1) * shape.slice_s);
        let inside = group.events.range(from.saturating_sub(START)..to.saturating_sub(START));
        let (good, wrong) = inside
            .fold((0_u128, 0_u128), |sum, (_, one)| (sum.0 + u128::from(one.0), sum.1 + u128::from(one.1)));
        let total = good + wrong;
        if total == 0 {
            let since = group.first.is_some_and(|first| slice >= (START + first) / shape.slice_s);
            empty += u64::from(since);
            continue;
        }
        let this = match shape.method {
            "Timeslices" => BILLION * u128::from(good * BILLION < total * u128::from(shape.slice_target)),
            _ => (wrong * BILLION + total / 2) / total,
        };
        known += 1;
        bad += u64::from(this > 0);
        badness += this;
    }
    if shape.no_data != "ignore" && group.first.is_some() {
        let seen = covered(shape, group, clock, window, 0);
        let seen = shape.excluded.map_or(0, |(from, to)| {
            let from = from.max((clock + 1).saturating_sub(window));
            let _ = seen;
            to.min(clock + 1).saturating_sub(from)
        });
        let empty = empty.saturating_sub(seen / shape.slice_s);
        known += empty;
        if shape.no_data == "bad" {
            bad += empty;
            badness += u128::from(empty) * BILLION;
        }
    }
    Share { bad: badness, all: u128::from(all) * BILLION, bad_events: bad, good_events: known - bad }
}
