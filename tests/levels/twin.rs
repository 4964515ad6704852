//! The engine against a naive twin that keeps every event and sums anew, over seeded stories of disorder, lateness,
//! duplicates, futures, silence, groups, exclusions and calendars. `EVENKEEL_TWIN_SEED=17` tells one story again,
//! `EVENKEEL_TWIN_SEEDS=5000` tells more of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::world::{Call, START, World};
use evenkeel::engine::What;

mod naive;

use naive::Naive;

/// SplitMix64, by Steele, Lea and Flood.
pub(super) struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// What a story's SLO is like.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) method: &'static str,
    pub(super) window: Window,
    /// In billionths.
    pub(super) targets: Vec<u64>,
    pub(super) slice_s: u64,
    pub(super) slice_target: u64,
    pub(super) no_data: &'static str,
    pub(super) grouped: bool,
    pub(super) conditions: Vec<Condition>,
    pub(super) min_bad: u64,
    /// Seconds after the beginning.
    pub(super) excluded: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Window {
    Rolling(&'static str, u64),
    /// A day that begins so many seconds after midnight UTC.
    Day(&'static str, u64),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    /// In billionths.
    pub(super) factor: u64,
    pub(super) strict: bool,
    pub(super) long: (&'static str, u64),
    pub(super) short: Option<(&'static str, u64)>,
    pub(super) hold: (&'static str, u64),
}

const TARGETS: [(&str, u64); 3] = [("0.9", 900_000_000), ("0.99", 990_000_000), ("0.999", 999_000_000)];
const LONG: [(&str, u64); 5] = [("10m", 600), ("1h", 3_600), ("2h", 7_200), ("6h", 21_600), ("25h", 90_000)];
const SHORT: [(&str, u64); 4] = [("5m", 300), ("10m", 600), ("1h", 3_600), ("7m", 420)];

impl Shape {
    fn new(chance: &mut Chance) -> Self {
        let method = chance.of(&["Occurrences", "Occurrences", "Timeslices", "RatioTimeslices"]);
        let goals = 1 + chance.below(2);
        let conditions = 1 + chance.below(3);
        let start = chance.below(20_000);
        Self {
            method,
            window: chance.of(&[
                Window::Rolling("1h", 3_600),
                Window::Rolling("6h", 21_600),
                Window::Rolling("1d", 86_400),
                Window::Rolling("28d", 2_419_200),
                Window::Day("UTC", 0),
                Window::Day("Europe/Berlin", 82_800),
            ]),
            targets: (0..goals).map(|_| chance.of(&TARGETS).1).collect(),
            slice_s: chance.of(&[60, 300]),
            slice_target: chance.of(&[500_000_000, 950_000_000, 1_000_000_000]),
            no_data: if method == "Occurrences" { "ignore" } else { chance.of(&["ignore", "good", "bad"]) },
            grouped: chance.below(3) == 0,
            conditions: (0..conditions).map(|_| Condition::new(chance, method)).collect(),
            min_bad: chance.of(&[1, 2, 5]),
            excluded: (chance.below(3) == 0).then(|| (start, start + 60 + chance.below(5_000))),
        }
    }

    fn documents(&self) -> String {
        let mut annotations =
            format!("evenkeel.dev/min-bad: '{}', evenkeel.dev/no-data: {}", self.min_bad, self.no_data);
        if self.grouped {
            annotations.push_str(", evenkeel.dev/group-by: http.route");
        }
        if let Some((from, to)) = self.excluded {
            let at = |second: u64| evenkeel::model::rfc3339((START + second) * 1_000_000_000);
            let _ = write!(
                annotations,
                ", evenkeel.dev/exclusions: '[{{start: {}, end: {}, reason: work}}]'",
                at(from),
                at(to)
            );
        }
        let window = match self.window {
            Window::Rolling(text, _) => format!("{{duration: {text}, isRolling: true}}"),
            Window::Day(zone, _) => {
                format!("{{duration: 1d, calendar: {{startTime: 2020-01-01, timeZone: {zone}}}}}")
            }
        };
        let slice = match self.method {
            "Occurrences" => String::new(),
            "Timeslices" => format!(
                ", timeSliceWindow: {}m, timeSliceTarget: {}",
                self.slice_s / 60,
                decimal(self.slice_target)
            ),
            _ => format!(", timeSliceWindow: {}m", self.slice_s / 60),
        };
        let objectives = self.targets.iter().map(|target| format!("{{target: {}{slice}}}", decimal(*target)));
        let conditions = self.conditions.iter().enumerate().map(|(index, one)| {
            let short = one.short.map_or(String::new(), |(text, _)| {
                format!(", annotations: {{evenkeel.dev/short-window: {text}}}")
            });
            format!(
                "{{metadata: {{name: c{index}{short}}}, spec: {{severity: page, condition: {{op: {}, threshold: {}, lookbackWindow: {}, alertAfter: {}}}}}}}",
                if one.strict { "gt" } else { "gte" },
                decimal(one.factor),
                one.long.0,
                one.hold.0
            )
        });
        format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: shop, annotations: {{{annotations}}}}}\nspec:\n  service: shop\n  indicator: {{metadata: {{name: a}}, spec: {{{}}}}}\n  timeWindow: [{window}]\n  budgetingMethod: {}\n  objectives: [{}]\n  alertPolicies: [{{metadata: {{name: p}}, spec: {{conditions: [{}]}}}}]\n",
            super::world::AVAILABILITY,
            self.method,
            objectives.collect::<Vec<_>>().join(", "),
            conditions.collect::<Vec<_>>().join(", "),
        )
    }
}

impl Condition {
    fn new(chance: &mut Chance, method: &str) -> Self {
        let long = chance.of(&LONG);
        let shorter: Vec<_> = SHORT.into_iter().filter(|one| one.1 < long.1).collect();
        // Windows of whole slices, so that nothing is rounded up.
        let whole = |one: &(&str, u64)| method == "Occurrences" || one.1.is_multiple_of(300);
        let shorter: Vec<_> = shorter.into_iter().filter(whole).collect();
        let short = (chance.below(2) == 0).then(|| chance.of(&shorter));
        Self {
            factor: chance.of(&[500_000_000, 1_000_000_000, 3_000_000_000, 14_400_000_000]),
            strict: chance.below(2) == 0,
            long,
            short,
            hold: chance.of(&[("0m", 0), ("0m", 0), ("2m", 120), ("10m", 600)]),
        }
    }
}

fn decimal(billionths: u64) -> String {
    format!("{}.{:09}", billionths / 1_000_000_000, billionths % 1_000_000_000)
}

/// Tells one story to both; the facts about conditions, as lines.
fn story(seed: u64) -> (Vec<String>, Vec<String>, String) {
    let mut chance = Chance(seed);
    let shape = Shape::new(&mut chance);
    let mut world = World::new(&shape.documents());
    world.restarts = super::restarts::Restarts::new(&mut world.engine, seed);
    let mut naive = Naive::new(shape.clone());
    let mut told = Vec::new();
    let mut sent: Vec<Vec<Call>> = Vec::new();
    let mut bad_per_mille = 20;
    let requests = 60 + chance.below(120);
    for _ in 0..requests {
        if chance.below(12) == 0 {
            bad_per_mille = chance.of(&[0, 5, 20, 200, 600, 1_000]);
        }
        let gap = match chance.below(20) {
            0 => chance.below(9_000),
            1..=3 => chance.below(400),
            _ => chance.below(50),
        };
        for _ in 0..gap {
            world.now += 1;
            // Every second for a while, then now and then: a silent hour is no different from a silent minute.
            let each = if gap < 50 { 1 } else { 1 + gap / 20 };
            if world.now.is_multiple_of(each) {
                world.step(evenkeel::engine::Input::Tick);
                naive.tick(world.now);
            }
        }
        let repeats = chance.below(15) == 0 && !sent.is_empty();
        let calls = match repeats {
            true => sent[chance.below(sent.len() as u64) as usize].clone(),
            false => (0..1 + chance.below(12)).map(|_| call(&mut chance, world.now, bad_per_mille)).collect(),
        };
        world.send(&calls);
        naive.request(world.now, &calls);
        sent.push(calls);
        collect(&mut world, &mut told);
        if told.len() != naive.told.len() {
            break;
        }
    }
    collect(&mut world, &mut told);
    // What happens in one second to several groups has no order.
    let second = |line: &String| line.split(' ').next().and_then(|at| at.parse::<i64>().ok());
    told.sort_by_cached_key(|line| (second(line), line.clone()));
    naive.told.sort_by_cached_key(|line| (second(line), line.clone()));
    let left = format!("{:?}", budgets(&world));
    let right = format!("{:?}", naive.budgets());
    told.push(left);
    naive.told.push(right);
    (told, naive.told, format!("{shape:?}"))
}

fn call(chance: &mut Chance, now: u64, bad_per_mille: u64) -> Call {
    let back = match chance.below(30) {
        0 => chance.below(100_000),
        1..=3 => chance.below(600),
        _ => chance.below(4),
    };
    let at = match chance.below(200) {
        0 => now + 601 + chance.below(1_000),
        _ => now.saturating_sub(back),
    };
    let good = chance.below(1_000) >= bad_per_mille;
    Call { at, good, route: chance.of(&["/a", "/b", "/c"]), took_ms: 1 + chance.below(1_000_000) % 7_919 }
}

fn collect(world: &mut World, told: &mut Vec<String>) {
    for fact in world.effects.facts.drain(..) {
        let (word, change) = match &fact.what {
            What::AlertFired(change) => ("fired", change),
            What::AlertResolved(change) => ("resolved", change),
            _ => continue,
        };
        let group = fact.group.values().next().cloned().unwrap_or_default();
        let at = fact.at.seconds() as i64 - START as i64;
        told.push(format!("{at} {word} [{group}] {} c{}", change.judge, change.index));
    }
    world.effects.requests.clear();
}

/// Good, bad and millionths of the budget spent, by objective and group.
fn budgets(world: &World) -> BTreeMap<(usize, String), (u64, u64, u64)> {
    let mut budgets = BTreeMap::new();
    for (judge, objective) in world.view().objectives.iter().enumerate() {
        for group in &objective.groups {
            let name = group.group.values().next().cloned().unwrap_or_default();
            let spent = (group.budget.spent.parse::<f64>().unwrap() * 1e6).round() as u64;
            budgets.insert((judge, name), (group.good, group.bad, spent));
        }
    }
    budgets
}

#[test]
fn the_engine_decides_as_its_naive_twin() {
    let one = std::env::var("EVENKEEL_TWIN_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seeds = std::env::var("EVENKEEL_TWIN_SEEDS").map_or(200, |seeds| seeds.parse().expect("a number"));
    let mut decisions = 0;
    for seed in one.map_or(0..seeds, |one: u64| one..one + 1) {
        let (told, expected, shape) = story(seed);
        decisions += told.len() - 1;
        let differs = told.iter().zip(&expected).position(|(a, b)| a != b);
        let differs =
            differs.or((told.len() != expected.len()).then_some(told.len().min(expected.len()) - 1));
        if let Some(at) = differs {
            let near = |all: &[String]| all[at.saturating_sub(2)..(at + 3).min(all.len())].join("\n  ");
            panic!(
                "tell it again with EVENKEEL_TWIN_SEED={seed}\n{shape}\nengine:\n  {}\ntwin:\n  {}",
                near(&told),
                near(&expected)
            );
        }
    }
    assert!(
        one.is_some() || decisions > seeds as usize,
        "{decisions} decisions are too few to mean something"
    );
}
