//! What the conditions of one level say, in numbers that can be kept: both windows with what they hold and what they
//! would need.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::engine::burning::condition;
use crate::engine::level::{Cx, Level, Reading};
use crate::slo::{Check, Condition, duration_text};

/// One condition with both of its windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct ConditionAccount {
    pub condition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_name: Option<String>,
    /// `page`, `ticket` or `log`
    pub severity: String,
    /// `over` or `below`: how the burn compares with the factor. Empty for `no-data` and `early`, which have no windows.
    pub op: String,
    pub factor: Option<String>,
    /// The long window, then the short one if there is one.
    pub windows: Vec<WindowAccount>,
    /// Bad events that the long window must hold.
    pub min_bad: u64,
    /// Whether all of it holds.
    pub holds: bool,
    /// What keeps it from holding although its windows do: `too-few` bad events, `chance`, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_back_by: Option<String>,
    /// Seconds until it would hold, if what came in the short window went on; `null` where it would not.
    pub holds_in_s: Option<u64>,
}

/// One window: the numerator, the denominator, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct WindowAccount {
    pub window: String,
    pub good: u64,
    pub bad: u64,
    pub total: u64,
    /// Times the rate that the objective allows, scaled by coverage: this decides.
    pub burn: String,
    pub raw_burn: String,
    /// The share of the window that was watched.
    pub coverage: String,
    pub holds: bool,
}

impl ConditionAccount {
    pub(in crate::engine) fn of(cx: Cx<'_>, level: &Level, judge: usize, index: usize) -> Self {
        let condition = condition(&cx.plan.slo, judge, index);
        let (long, short) = level.condition(cx, judge, index);
        let windows = match condition.check {
            Check::Burn { .. } => {
                let short = condition.short_s.map(|seconds| window(condition, seconds, &short));
                std::iter::once(window(condition, condition.long_s, &long)).chain(short).collect()
            }
            Check::NoData | Check::Early(_) => Vec::new(),
        };
        let op = match condition.check {
            Check::Burn { op, .. } if op.is_upward() => "over",
            Check::Burn { .. } => "below",
            Check::NoData | Check::Early(_) => "",
        };
        let holds = level.holds(cx, judge, index, condition);
        let all_windows = !windows.is_empty() && windows.iter().all(|one: &WindowAccount| one.holds);
        let by = if long.count.bad < condition.min_bad { "too-few" } else { "chance" };
        let held_back_by = (all_windows && !holds).then_some(by);
        Self {
            condition: condition.name.clone(),
            condition_name: condition.document.clone(),
            severity: condition.severity.as_str().to_owned(),
            op: op.to_owned(),
            factor: condition.factor().map(|factor| factor.display()),
            windows,
            min_bad: condition.min_bad,
            holds,
            held_back_by: held_back_by.map(str::to_owned),
            holds_in_s: None,
        }
    }

    /// Of all conditions of a goal, or of the composite.
    pub(in crate::engine) fn all(cx: Cx<'_>, level: &Level, judge: usize) -> Vec<Self> {
        let conditions = cx.plan.slo.conditions().filter(|(place, _)| *place == judge).count();
        (0..conditions).map(|index| Self::of(cx, level, judge, index)).collect()
    }
}

fn window(condition: &Condition, seconds: u64, reading: &Reading) -> WindowAccount {
    let Check::Burn { op, factor } = condition.check else { unreachable!("only burns have windows") };
    WindowAccount {
        window: duration_text(seconds),
        good: reading.count.good,
        bad: reading.count.bad,
        total: reading.count.total(),
        burn: reading.burn.decimal(),
        raw_burn: reading.raw.decimal(),
        coverage: reading.coverage.decimal(),
        holds: op.holds(reading.burn, factor),
    }
}
