//! Everything that a checked configuration decides, compiled. Immutable; a reload makes a new one.

use super::baselines::SERIES_MAX;
use super::points::Role;
use super::watch::Watch;
use crate::alert::route::Route;
use crate::classify::{Measure, Predicate, Rules};
use crate::model::{Item, ItemKind, Wanted};
use crate::slo::Slo;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dedup {
    /// A byte-equal request within 15 minutes is answered again and not counted again.
    Requests,
    Off,
}

#[derive(Clone, Debug)]
pub struct Plan {
    /// Hash of the configuration that this plan was compiled from.
    pub version: u64,
    pub tenant: String,
    pub dedup: Dedup,
    pub wanted: Wanted,
    pub rules: Rules,
    pub slos: Vec<SloPlan>,
    /// The classification rules that may open alerts, in their order.
    pub watches: Vec<Watch>,
    /// Series of metrics whose last points are kept.
    pub series_max: usize,
    /// `None`: nobody is told.
    pub route: Option<Route>,
}

#[derive(Clone, Debug)]
pub struct SloPlan {
    pub slo: Slo,
    pub indicator: Indicator,
    /// The same for equal text of the document.
    pub identity: u64,
    /// The same for equal text of the indicator, wherever it stands.
    pub indicator_identity: u64,
    /// `FILE:LINE:COLUMN` of the document.
    pub declared_at: String,
}

/// Which items count, and when they count as good. What `total` or `of` does not select is not counted.
#[derive(Clone, Debug)]
pub enum Indicator {
    GoodOfTotal {
        good: Selector,
        total: Selector,
    },
    BadOfTotal {
        bad: Selector,
        total: Selector,
    },
    /// An item that both select is bad.
    GoodAndBad {
        good: Selector,
        bad: Selector,
    },
    /// Good where `measure op limit`. An item without the measure is not counted.
    Threshold {
        of: Selector,
        measure: Measure,
        op: Operator,
        limit: f64,
    },
}

#[derive(Clone, Debug)]
pub struct Selector {
    pub kind: ItemKind,
    pub predicate: Predicate,
}

/// OpenSLO's `op` of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Lte,
    Gte,
    Lt,
    Gt,
}

impl Plan {
    /// Listens and classifies by the defaults; no SLO, no receiver.
    pub fn empty() -> Self {
        Self {
            version: 0,
            tenant: "default".to_owned(),
            dedup: Dedup::Requests,
            wanted: Wanted::default(),
            rules: Rules::default(),
            slos: Vec::new(),
            watches: Vec::new(),
            series_max: SERIES_MAX,
            route: None,
        }
    }
}

impl Plan {
    /// Whether some service level counts points of metrics.
    pub fn reads_points(&self) -> bool {
        self.slos.iter().any(|one| one.indicator.kinds().contains(&ItemKind::Metric))
    }
}

impl Indicator {
    fn kinds(&self) -> [ItemKind; 2] {
        match self {
            Self::GoodOfTotal { good, total } => [good.kind, total.kind],
            Self::BadOfTotal { bad, total } => [bad.kind, total.kind],
            Self::GoodAndBad { good, bad } => [good.kind, bad.kind],
            Self::Threshold { of, .. } => [of.kind, of.kind],
        }
    }

    /// As what a point of a counter counts for a ratio. Each selector takes counters of its own.
    pub(super) fn roles(&self, item: &Item<'_>, mismatches: &mut u64, each: &mut dyn FnMut(Role)) {
        let [first, second] = match self {
            Self::GoodOfTotal { good, total } => [(total, Role::Total), (good, Role::Good)],
            Self::BadOfTotal { bad, total } => [(total, Role::Total), (bad, Role::Bad)],
            Self::GoodAndBad { good, bad } => {
                return match bad.selects(item, mismatches) {
                    true => each(Role::Bad),
                    false if good.selects(item, mismatches) => each(Role::Good),
                    false => {}
                };
            }
            Self::Threshold { .. } => return,
        };
        for (selector, role) in [first, second] {
            if selector.selects(item, mismatches) {
                each(role);
            }
        }
    }

    /// Whether its counts can be those of buckets, and so uncertain.
    pub(super) fn may_read_buckets(&self) -> bool {
        matches!(self, Self::Threshold { of, measure, .. } if of.kind == ItemKind::Metric && measure.is_value())
    }

    /// Whether the item is good, bad, or not counted at all.
    pub fn judge(&self, item: &Item<'_>, mismatches: &mut u64) -> Option<bool> {
        match self {
            Self::GoodOfTotal { good, total } => {
                total.selects(item, mismatches).then(|| good.selects(item, mismatches))
            }
            Self::BadOfTotal { bad, total } => {
                total.selects(item, mismatches).then(|| !bad.selects(item, mismatches))
            }
            Self::GoodAndBad { good, bad } => match bad.selects(item, mismatches) {
                true => Some(false),
                false => good.selects(item, mismatches).then_some(true),
            },
            Self::Threshold { of, measure, op, limit } => {
                let measured = of.selects(item, mismatches).then(|| measure.of(item)).flatten()?;
                Some(op.holds(measured, *limit))
            }
        }
    }
}

impl Selector {
    pub(super) fn selects(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
        self.kind == item.kind && self.predicate.matches(item, mismatches)
    }
}

impl Operator {
    /// Both sides are doubles as the sender and the document gave them; false for NaN.
    pub(super) fn holds(self, measured: f64, limit: f64) -> bool {
        match self {
            Self::Lte => measured <= limit,
            Self::Gte => measured >= limit,
            Self::Lt => measured < limit,
            Self::Gt => measured > limit,
        }
    }
}
