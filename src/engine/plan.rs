//! Everything that a checked configuration decides, compiled. Immutable; a reload makes a new one.

use std::sync::OnceLock;

use borsh::{BorshDeserialize, BorshSerialize};

use super::baselines::SERIES_MAX;
use super::level::RAW_UNITS;
use super::points::Role;
use super::watch::Watch;
use crate::alert::route::Route;
use crate::classify::{Asked, Index, Key, Measure, Predicate, Rules};
use crate::model::{Item, ItemKind, Wanted, saved};
use crate::slo::Slo;

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Dedup {
    /// A byte-equal request within 15 minutes is answered again and not counted again.
    Requests,
    Off,
    /// A span within 15 minutes of its first copy too, whatever request it comes in.
    Items,
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Plan {
    /// Hash of the configuration that this plan was compiled from.
    pub version: u64,
    pub tenant: String,
    pub dedup: Dedup,
    #[borsh(skip)]
    pub wanted: Wanted,
    pub rules: Rules,
    pub slos: Vec<SloPlan>,
    /// The classification rules that may open alerts, in their order.
    pub watches: Vec<Watch>,
    /// Series of metrics whose last points are kept.
    pub series_max: usize,
    /// `None`: nobody is told.
    pub route: Option<Route>,
    #[borsh(skip)]
    pub choice: Choice,
}

/// How the workers find what concerns an item: made when it is first asked for. A copy makes its own, for what it is made
/// of may be changed there.
#[derive(Debug, Default)]
pub struct Choice(OnceLock<Indexes>);

impl Clone for Choice {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Debug)]
pub(super) struct Indexes {
    pub(super) filter: Index,
    pub(super) classify: Index,
    pub(super) slos: Index,
    /// How many indicators the service levels before each one have.
    pub(super) tracks_before: Vec<usize>,
    /// Places of watches that an event may end.
    pub(super) ending: Vec<u16>,
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct SloPlan {
    pub slo: Slo,
    /// What its goals count, each thing once.
    pub indicators: Vec<Indicator>,
    pub group_by: Option<GroupBy>,
    /// The same for equal text of the document.
    pub identity: u64,
    /// The same for equal text of the indicator, wherever it stands.
    pub indicator_identity: u64,
    /// `FILE:LINE:COLUMN` of the document.
    pub declared_at: String,
}

/// One level for each combination of values.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct GroupBy {
    pub keys: Vec<Key>,
    /// Groups beyond so many share one.
    pub max: usize,
}

/// Which items count, and when they count as good. What `total` or `of` does not select is not counted.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
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
        #[borsh(serialize_with = "saved::write_double", deserialize_with = "saved::read_double")]
        limit: f64,
    },
    /// The measure is itself the good share (or the bad one): one event in millionths.
    Raw {
        of: Selector,
        measure: Measure,
        success: bool,
    },
    /// A moment of the clock is good where `age op limit`: seconds since the newest item that is selected.
    Freshness {
        of: Selector,
        op: Operator,
        #[borsh(serialize_with = "saved::write_double", deserialize_with = "saved::read_double")]
        limit: f64,
    },
    /// Read by somebody else: nothing counts.
    Foreign,
}

/// Good and bad units of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub good: u64,
    pub bad: u64,
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Selector {
    pub kind: ItemKind,
    pub predicate: Predicate,
}

/// OpenSLO's `op` of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
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
            choice: Choice::default(),
        }
    }
}

impl Plan {
    /// Whether some service level counts points of metrics.
    pub fn reads_points(&self) -> bool {
        let indicators = self.slos.iter().flat_map(|slo| &slo.indicators);
        indicators.flat_map(Indicator::kinds).any(|kind| kind == ItemKind::Metric)
    }

    pub(super) fn indexes(&self) -> &Indexes {
        self.choice.0.get_or_init(|| {
            let tracks = self.slos.iter().scan(0, |before, slo| {
                let of_slo = *before;
                *before += slo.indicators.len();
                Some(of_slo)
            });
            let ending = (0..).zip(&self.watches).filter(|(_, watch)| watch.until().is_some());
            Indexes {
                filter: Index::of(|_| {
                    self.rules.filter.iter().map(|rule| vec![(None, &rule.drop)]).collect()
                }),
                classify: Index::of(|_| {
                    self.rules.classify.iter().map(|rule| vec![(None, &rule.when)]).collect()
                }),
                slos: Index::of(|kind| self.slos.iter().map(|slo| slo.asked(kind)).collect()),
                tracks_before: tracks.collect(),
                ending: ending.map(|(place, _)| place).collect(),
            }
        })
    }

    /// Indicators of all service levels.
    pub(super) fn tracks(&self) -> usize {
        self.slos.iter().map(|slo| slo.indicators.len()).sum()
    }
}

impl SloPlan {
    fn asked(&self, kind: ItemKind) -> Vec<Asked<'_>> {
        self.indicators.iter().flat_map(|one| one.asked(kind)).collect()
    }
}

impl Indicator {
    fn kinds(&self) -> Vec<ItemKind> {
        match self {
            Self::GoodOfTotal { good, total } => vec![good.kind, total.kind],
            Self::BadOfTotal { bad, total } => vec![bad.kind, total.kind],
            Self::GoodAndBad { good, bad } => vec![good.kind, bad.kind],
            Self::Threshold { of, .. } | Self::Raw { of, .. } | Self::Freshness { of, .. } => vec![of.kind],
            Self::Foreign => Vec::new(),
        }
    }

    /// What is asked first of an item. Of a point of a metric both selectors are.
    fn asked(&self, kind: ItemKind) -> Vec<Asked<'_>> {
        let selectors = match self {
            Self::GoodOfTotal { good, total } if kind == ItemKind::Metric => vec![total, good],
            Self::BadOfTotal { bad, total } if kind == ItemKind::Metric => vec![total, bad],
            Self::GoodOfTotal { total, .. } | Self::BadOfTotal { total, .. } => vec![total],
            Self::GoodAndBad { good, bad } => vec![bad, good],
            Self::Threshold { of, .. } | Self::Raw { of, .. } | Self::Freshness { of, .. } => vec![of],
            Self::Foreign => Vec::new(),
        };
        selectors.into_iter().map(|one| (Some(one.kind), &one.predicate)).collect()
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
            Self::Threshold { .. } | Self::Raw { .. } | Self::Freshness { .. } | Self::Foreign => return,
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

    /// What the item counts as; `None` where it is not counted at all. Counters and histograms are for the ledger.
    pub fn judge(&self, item: &Item<'_>, mismatches: &mut u64) -> Option<Marks> {
        let good = match self {
            Self::GoodOfTotal { good, total } => {
                total.selects(item, mismatches).then(|| good.selects(item, mismatches))?
            }
            Self::BadOfTotal { bad, total } => {
                total.selects(item, mismatches).then(|| !bad.selects(item, mismatches))?
            }
            Self::GoodAndBad { good, bad } => match bad.selects(item, mismatches) {
                true => false,
                false => good.selects(item, mismatches).then_some(true)?,
            },
            Self::Threshold { of, measure, op, limit } => {
                let measured = of.selects(item, mismatches).then(|| measure.of(item)).flatten()?;
                op.holds(measured, *limit)
            }
            Self::Raw { of, measure, success } => {
                let share = of.selects(item, mismatches).then(|| measure.of(item)).flatten()?;
                return Marks::of_share(share, *success);
            }
            Self::Freshness { of, .. } => of.selects(item, mismatches).then_some(true)?,
            Self::Foreign => return None,
        };
        Some(Marks { good: u64::from(good), bad: u64::from(!good) })
    }
}

impl Marks {
    /// `None` for what is no share.
    pub(super) fn of_share(share: f64, success: bool) -> Option<Self> {
        let part = (0.0..=1.0).contains(&share).then(|| (share * RAW_UNITS as f64).round() as u64)?;
        let (good, bad) = if success { (part, RAW_UNITS - part) } else { (RAW_UNITS - part, part) };
        Some(Self { good, bad })
    }

    pub fn is_good(self) -> bool {
        self.bad == 0
    }
}

impl Selector {
    pub(super) fn selects(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
        item.is(self.kind) && self.predicate.matches(item, mismatches)
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
