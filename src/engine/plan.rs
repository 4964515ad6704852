//! Everything that a checked configuration decides, compiled. Immutable; a reload makes a new one.

use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

use borsh::{BorshDeserialize, BorshSerialize};
use foldhash::fast::FixedState;

use super::annotations::Annotations;
use super::baselines::SERIES_MAX;
use super::level::RAW_UNITS;
use super::points::Role;
use super::watch::Watch;
use crate::alert::route::Route;
use crate::classify::{Asked, Finder, Index, Key, Measure, Predicate, Rules};
use crate::model::{Item, ItemKind, Wanted, saved};
use crate::runbook::Runbook;
use crate::slo::{Exclusion, Slo};

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
    /// Attributes whose values no record of an event has. Requests are folded by plans that have it.
    #[borsh(skip)]
    pub masked: Vec<String>,
    #[borsh(skip)]
    pub choice: Choice,
    #[borsh(skip)]
    pub annotations: Annotations,
    /// A part of its own in what is written down.
    #[borsh(skip)]
    pub runbooks: Vec<RunbookPlan>,
}

/// A runbook, and when it does not start by itself.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct RunbookPlan {
    pub runbook: Runbook,
    pub quiet: Vec<Exclusion>,
}

/// How the workers find what concerns an item: made when it is first asked for. A copy makes its own, for what it is made
/// of may be changed there.
#[derive(Debug, Default)]
pub struct Choice(OnceLock<Numbered>);

impl Clone for Choice {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// All conditions of a plan by their numbers: those of the rules, then those of the service levels, then those that end
/// alerts.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) index: Index,
    /// Where those of the service levels end.
    pub(super) slos_end: usize,
    /// Which service level each of theirs belongs to.
    pub(super) slo_of: Vec<u32>,
    /// For each service level: how many indicators those before it have.
    pub(super) tracks_before: Vec<usize>,
    /// For each indicator: the number of its first condition.
    pub(super) first_of_track: Vec<usize>,
    /// For each indicator: what tells the counts of a histogram below its limit from those below others.
    pub(super) histogram_keys: Vec<u64>,
    reads_points: bool,
    /// For each condition that ends an alert: the place of the watch.
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
            masked: Vec::new(),
            choice: Choice::default(),
            annotations: Annotations::default(),
            runbooks: Vec::new(),
        }
    }
}

impl Plan {
    /// For who plays and calls nothing: what a runbook does is no part of it.
    pub fn without_runbooks(plan: &Arc<Self>) -> Arc<Self> {
        match plan.runbooks.is_empty() {
            true => Arc::clone(plan),
            false => Arc::new(Self { runbooks: Vec::new(), ..(**plan).clone() }),
        }
    }

    /// As recordings have it.
    pub fn recorded(&self) -> std::io::Result<Vec<u8>> {
        borsh::to_vec(&(self, &self.runbooks))
    }

    /// Recordings of before there were runbooks have none.
    pub fn of_recorded(mut bytes: &[u8]) -> std::io::Result<Self> {
        let mut plan = Self::deserialize(&mut bytes)?;
        plan.runbooks = if bytes.is_empty() { Vec::new() } else { Vec::try_from_slice(bytes)? };
        Ok(plan)
    }

    /// Whether some service level counts points of metrics.
    pub fn reads_points(&self) -> bool {
        self.numbered().reads_points
    }

    /// Whether what becomes of an item may depend on when it happened, and not only on what it is.
    pub fn reads_time(&self) -> bool {
        let filter = self.rules.filter.iter().map(|rule| &rule.drop);
        let classify = self.rules.classify.iter().map(|rule| &rule.when);
        let indicators = self.slos.iter().flat_map(|slo| &slo.indicators);
        let selectors = indicators.flat_map(Indicator::selectors).map(|one| &one.predicate);
        let ends = self.watches.iter().filter_map(Watch::until);
        filter.chain(classify).chain(selectors).chain(ends).any(Predicate::reads_time)
    }

    pub(super) fn numbered(&self) -> &Numbered {
        self.choice.0.get_or_init(|| Numbered::of(self))
    }

    /// The places of the service levels that may count the item which the finder has read, ascending.
    pub(super) fn concerned<'f>(&'f self, finder: &'f Finder<'_>) -> impl Iterator<Item = usize> + 'f {
        let Numbered { slos_end, slo_of, .. } = self.numbered();
        let first = self.rules.len();
        let mut last = None;
        finder.leading(first..*slos_end).iter().filter_map(move |number| {
            let place = slo_of[*number as usize - first];
            (last.replace(place) != Some(place)).then_some(place as usize)
        })
    }

    /// Whether a selector of an indicator takes the item which the finder has read.
    pub(super) fn selects<'f>(
        &self,
        finder: &'f Finder<'_>,
        track: usize,
        item: &'f Item<'_>,
        mismatches: &'f mut u64,
    ) -> impl FnMut(usize, &Selector) -> bool + use<'f> {
        let first = self.numbered().first_of_track[track];
        move |place, selector| finder.holds(first + place, || selector.selects(item, mismatches))
    }

    /// Indicators of all service levels.
    pub(super) fn tracks(&self) -> usize {
        self.slos.iter().map(|slo| slo.indicators.len()).sum()
    }
}

impl Numbered {
    fn of(plan: &Plan) -> Self {
        let mut asked: Vec<Asked<'_>> = plan.rules.asked().collect();
        let (mut slo_of, mut tracks_before, mut first_of_track) = (Vec::new(), Vec::new(), Vec::new());
        let mut histogram_keys = Vec::new();
        for (place, slo) in (0..).zip(&plan.slos) {
            tracks_before.push(first_of_track.len());
            for (track, indicator) in slo.indicators.iter().enumerate() {
                histogram_keys.push(indicator.histogram_key(&slo.slo.name, track));
                first_of_track.push(asked.len());
                asked.extend(indicator.asked());
            }
            slo_of.resize(asked.len() - plan.rules.len(), place);
        }
        let slos_end = asked.len();
        let mut ending = Vec::new();
        for (place, watch) in (0..).zip(&plan.watches) {
            if let Some(predicate) = watch.until() {
                ending.push(place);
                asked.push(Asked { kind: None, predicate, leads: true });
            }
        }
        let (index, reads_points) =
            (Index::of(&asked), asked.iter().any(|one| one.kind == Some(ItemKind::Metric)));
        Self { index, slos_end, slo_of, tracks_before, first_of_track, histogram_keys, reads_points, ending }
    }
}

impl Indicator {
    /// 0 where it asks for no limit.
    fn histogram_key(&self, slo: &str, track: usize) -> u64 {
        let Self::Threshold { op, limit, .. } = self else { return 0 };
        FixedState::default().hash_one((slo, track, *op as u8, limit.to_bits()))
    }

    /// In the order in which they are asked.
    fn selectors(&self) -> Vec<&Selector> {
        match self {
            Self::GoodOfTotal { good, total } => vec![total, good],
            Self::BadOfTotal { bad, total } => vec![total, bad],
            Self::GoodAndBad { good, bad } => vec![bad, good],
            Self::Threshold { of, .. } | Self::Raw { of, .. } | Self::Freshness { of, .. } => vec![of],
            Self::Foreign => Vec::new(),
        }
    }

    /// Of a point of a metric each selector is asked; of other items the second one of a total only where the first holds.
    fn asked(&self) -> impl Iterator<Item = Asked<'_>> {
        let of_total = matches!(self, Self::GoodOfTotal { .. } | Self::BadOfTotal { .. });
        self.selectors().into_iter().enumerate().map(move |(place, one)| Asked {
            kind: Some(one.kind),
            predicate: &one.predicate,
            leads: place == 0 || !of_total || one.kind == ItemKind::Metric,
        })
    }

    /// As what a point of a counter counts for a ratio. Each selector takes counters of its own; `selects` says whether it
    /// does, by its place among those that are asked.
    pub(super) fn roles(
        &self,
        mut selects: impl FnMut(usize, &Selector) -> bool,
        each: &mut dyn FnMut(Role),
    ) {
        let [first, second] = match self {
            Self::GoodOfTotal { good, total } => [(total, Role::Total), (good, Role::Good)],
            Self::BadOfTotal { bad, total } => [(total, Role::Total), (bad, Role::Bad)],
            Self::GoodAndBad { good, bad } => {
                return match selects(0, bad) {
                    true => each(Role::Bad),
                    false if selects(1, good) => each(Role::Good),
                    false => {}
                };
            }
            Self::Threshold { .. } | Self::Raw { .. } | Self::Freshness { .. } | Self::Foreign => return,
        };
        for (place, (selector, role)) in [first, second].into_iter().enumerate() {
            if selects(place, selector) {
                each(role);
            }
        }
    }

    /// Whether its counts can be those of buckets, and so uncertain.
    pub(super) fn may_read_buckets(&self) -> bool {
        matches!(self, Self::Threshold { of, measure, .. } if of.kind == ItemKind::Metric && measure.is_value())
    }

    /// What the item counts as; `None` where it is not counted at all. Counters and histograms are for the ledger.
    /// `selects` says whether a selector does, by its place among those that are asked.
    pub(super) fn judge(
        &self,
        item: &Item<'_>,
        mut selects: impl FnMut(usize, &Selector) -> bool,
    ) -> Option<Marks> {
        let good = match self {
            Self::GoodOfTotal { good, total } => selects(0, total).then(|| selects(1, good))?,
            Self::BadOfTotal { bad, total } => selects(0, total).then(|| !selects(1, bad))?,
            Self::GoodAndBad { good, bad } => match selects(0, bad) {
                true => false,
                false => selects(1, good).then_some(true)?,
            },
            Self::Threshold { of, measure, op, limit } => {
                let measured = selects(0, of).then(|| measure.of(item)).flatten()?;
                op.holds(measured, *limit)
            }
            Self::Raw { of, measure, success } => {
                let share = selects(0, of).then(|| measure.of(item)).flatten()?;
                return Marks::of_share(share, *success);
            }
            Self::Freshness { of, .. } => selects(0, of).then_some(true)?,
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
    fn selects(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
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
