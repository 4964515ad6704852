//! What each series said last, so that points become increments: the ledger's half of metrics.
//!
//! The rules are those of OpenTelemetry's data model for resets and gaps. A cumulative point is compared with the
//! newest of its own start; a delta covers (start, time] and counts once. So the order of requests does not matter
//! where senders give their start.

use std::collections::VecDeque;

use borsh::{BorshDeserialize, BorshSerialize};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::Serialize;

use super::points::SeriesPoint;
use super::tally::{Tally, UNIT};
use crate::model::{Now, SECOND_NS, saved};

/// Series of a tenant that have a baseline; those beyond share what is called `overflow`.
pub const SERIES_MAX: usize = 10_000;
/// A series that has been silent for this long gives way to a new one.
pub const SILENT_NS: u64 = 3_600 * SECOND_NS;
/// Series that gave way and are known to have been counted: 32 bytes each.
const EXPIRED_MAX: usize = 100_000;
const SWEEP_NS: u64 = 60 * SECOND_NS;
/// Starts of one series that are kept for points that come late.
const EPOCHS_MAX: usize = 4;
/// Stretches of time covered by deltas that are kept apart; the oldest gap is closed for a new one.
const STRETCHES_MAX: usize = 16;

/// Totals since the state began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct SeriesCounters {
    /// Series forgotten for their silence.
    pub expired: u64,
    /// Counters that began again.
    pub resets: u64,
    /// Points that said nothing new, and counted nothing.
    pub duplicates: u64,
    /// Stretches that no delta covers.
    pub gaps: u64,
    /// First points of counters that began before our state did: they set a baseline and count nothing.
    pub baselines: u64,
    /// Points beyond the limit of series.
    pub overflow: u64,
    /// Of which cumulative ones, that can not be counted without a baseline.
    pub uncounted: u64,
    /// Points that a service level selects and can not count.
    pub unusable: u64,
}

/// Series of metrics that service levels count.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SeriesCounts {
    pub held: usize,
    pub limit: usize,
    #[serde(flatten)]
    pub counters: SeriesCounters,
    /// Good or bad events of counters whose total did not come.
    pub unmatched: u64,
}

/// What one point adds, in whole events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Increment {
    pub total: u64,
    pub good: u64,
    pub low: u64,
    pub high: u64,
}

#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Baselines {
    #[borsh(serialize_with = "saved::write_map", deserialize_with = "saved::read_map")]
    series: HashMap<u128, Series, FixedState>,
    limit: usize,
    /// A series whose start is not after this may have counted before, with us or before us.
    horizon_ns: u64,
    /// The same of each series that gave way.
    #[borsh(serialize_with = "saved::write_map", deserialize_with = "saved::read_map")]
    expired: HashMap<u128, u64, FixedState>,
    by_age: VecDeque<u128>,
    swept: Now,
    pub(super) counters: SeriesCounters,
}

#[derive(Debug, BorshSerialize, BorshDeserialize)]
struct Series {
    seen: Now,
    /// Billionths of total and good that do not make a whole event yet.
    rest: (u128, u128),
    past: Past,
}

#[derive(Debug, BorshSerialize, BorshDeserialize)]
enum Past {
    /// By start, ascending.
    Cumulative { epochs: Vec<Epoch>, forgotten_ns: u64 },
    /// Disjoint stretches, ascending.
    Delta(Vec<(u64, u64)>),
}

#[derive(Clone, Copy, Debug, BorshSerialize, BorshDeserialize)]
struct Epoch {
    start_ns: u64,
    last_ns: u64,
    tally: Tally,
}

impl Baselines {
    pub(super) fn new(began: Now, limit: usize) -> Self {
        Self {
            series: HashMap::default(),
            limit,
            horizon_ns: began.0,
            expired: HashMap::default(),
            by_age: VecDeque::new(),
            swept: began,
            counters: SeriesCounters::default(),
        }
    }

    pub(super) fn view(&self, unmatched: u64) -> SeriesCounts {
        SeriesCounts { held: self.series.len(), limit: self.limit, counters: self.counters, unmatched }
    }

    /// Series beyond a smaller limit stay until they have been silent for long.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// What the point adds to what is known; `None` where that is nothing.
    pub(super) fn take(&mut self, now: Now, point: &SeriesPoint) -> Option<Increment> {
        if self.limit <= self.series.len() && !self.series.contains_key(&point.series) {
            self.sweep(now);
            if self.limit <= self.series.len() {
                return self.overflow(point);
            }
        }
        let expired = (!self.expired.is_empty()).then(|| self.expired.get(&point.series)).flatten();
        let horizon_ns = self.horizon_ns.max(expired.copied().unwrap_or(0));
        let counters = &mut self.counters;
        let series = self.series.entry(point.series).or_insert_with(|| Series {
            seen: now,
            rest: (0, 0),
            past: match point.cumulative {
                true => Past::Cumulative { epochs: Vec::new(), forgotten_ns: 0 },
                false => Past::Delta(Vec::new()),
            },
        });
        series.seen = now;
        let added = match &mut series.past {
            Past::Cumulative { epochs, forgotten_ns } => {
                let added = cumulative(epochs, *forgotten_ns, horizon_ns, point, counters);
                if epochs.len() > EPOCHS_MAX {
                    *forgotten_ns = epochs.remove(0).start_ns;
                }
                added
            }
            Past::Delta(stretches) => delta(stretches, point, counters),
        };
        series.whole(&added?)
    }

    /// Without a baseline a delta still counts, though not only once where it is sent again.
    fn overflow(&mut self, point: &SeriesPoint) -> Option<Increment> {
        self.counters.overflow += 1;
        if point.cumulative {
            self.counters.uncounted += 1;
            return None;
        }
        whole(&point.tally, &mut (0, 0))
    }

    /// Makes room: forgets series that have been silent for long, but not that they were counted.
    fn sweep(&mut self, now: Now) {
        if now < self.swept.plus_ns(SWEEP_NS) {
            return;
        }
        self.swept = now;
        let mut gone: Vec<(u64, u128)> = Vec::new();
        self.series.retain(|hash, series| {
            let kept = now < series.seen.plus_ns(SILENT_NS);
            if !kept {
                gone.push((series.newest_ns(), *hash));
            }
            kept
        });
        gone.sort_unstable();
        self.counters.expired += gone.len() as u64;
        for (newest_ns, hash) in gone {
            if self.expired.insert(hash, newest_ns).is_none() {
                self.by_age.push_back(hash);
            }
        }
        while self.by_age.len() > EXPIRED_MAX {
            let oldest = self.by_age.pop_front().and_then(|hash| self.expired.remove(&hash));
            self.horizon_ns = self.horizon_ns.max(oldest.unwrap_or(0));
        }
    }
}

impl Series {
    fn whole(&mut self, added: &Tally) -> Option<Increment> {
        whole(added, &mut self.rest)
    }

    /// 0 for deltas, which need no baseline when they come back.
    fn newest_ns(&self) -> u64 {
        match &self.past {
            Past::Cumulative { epochs, .. } => epochs.iter().map(|one| one.last_ns).max().unwrap_or(0),
            Past::Delta(_) => 0,
        }
    }
}

fn whole(added: &Tally, rest: &mut (u128, u128)) -> Option<Increment> {
    let (total, good) = (added.total + rest.0, added.good + rest.1);
    let ((total, total_rest), (good, good_rest)) = (split(total), split(good));
    *rest = (total_rest, good_rest);
    let good = good.min(total);
    let (low, high) = (split(added.low).0.min(good), split(added.high).0.clamp(good, total));
    (total > 0).then_some(Increment { total, good, low, high })
}

/// Whole events, and billionths of one. What fits into 64 bits is divided much faster.
fn split(billionths: u128) -> (u64, u128) {
    match u64::try_from(billionths) {
        Ok(few) => (few / UNIT as u64, u128::from(few % UNIT as u64)),
        Err(_) => (u64::try_from(billionths / UNIT).unwrap_or(u64::MAX), billionths % UNIT),
    }
}

fn cumulative(
    epochs: &mut Vec<Epoch>,
    forgotten_ns: u64,
    horizon_ns: u64,
    point: &SeriesPoint,
    counters: &mut SeriesCounters,
) -> Option<Tally> {
    let now = Epoch { start_ns: point.start_ns, last_ns: point.time.0, tally: point.tally };
    let Some(newest) = epochs.last_mut() else {
        epochs.push(now);
        return first(&now, horizon_ns, counters);
    };
    // A start that becomes known, or unknown, is that of the series as it goes on.
    if newest.start_ns == 0 && now.start_ns <= newest.last_ns {
        newest.start_ns = now.start_ns;
    }
    let newest = *newest;
    let start_ns = if now.start_ns == 0 { newest.start_ns } else { now.start_ns };
    if let Some(known) = epochs.iter_mut().find(|known| known.start_ns == start_ns) {
        return following(known, &now, counters);
    }
    if now.start_ns > newest.start_ns {
        if now.last_ns <= newest.last_ns {
            counters.duplicates += 1;
            return None;
        }
        counters.resets += 1;
        epochs.push(now);
        return Some(now.tally);
    }
    if now.start_ns <= forgotten_ns {
        counters.duplicates += 1;
        return None;
    }
    // From before a reset that we heard of first.
    counters.resets += 1;
    let place = epochs.partition_point(|known| known.start_ns < now.start_ns);
    epochs.insert(place, now);
    first(&now, horizon_ns, counters)
}

/// A first point whose start is its own time has an unknown start, says the data model.
fn first(now: &Epoch, horizon_ns: u64, counters: &mut SeriesCounters) -> Option<Tally> {
    if horizon_ns < now.start_ns && now.start_ns < now.last_ns {
        return Some(now.tally);
    }
    counters.baselines += 1;
    None
}

fn following(known: &mut Epoch, now: &Epoch, counters: &mut SeriesCounters) -> Option<Tally> {
    if now.last_ns <= known.last_ns {
        counters.duplicates += 1;
        return None;
    }
    let before = known.tally;
    (known.last_ns, known.tally) = (now.last_ns, now.tally);
    if now.tally.total < before.total {
        counters.resets += 1;
        return Some(now.tally);
    }
    Some(now.tally.since(&before))
}

fn delta(
    stretches: &mut Vec<(u64, u64)>,
    point: &SeriesPoint,
    counters: &mut SeriesCounters,
) -> Option<Tally> {
    let end = point.time.0;
    let last = stretches.last().map(|stretch| stretch.1);
    let start = match (point.start_ns < end && point.start_ns > 0, last) {
        (true, _) => point.start_ns,
        (false, Some(last)) => last,
        (false, None) => end.saturating_sub(1),
    };
    let place = stretches.partition_point(|stretch| stretch.1 <= start);
    if end <= start || stretches.get(place).is_some_and(|next| next.0 < end) {
        counters.duplicates += 1;
        return None;
    }
    let after = stretches.get(place).is_some_and(|next| next.0 == end);
    let before = place > 0 && stretches[place - 1].1 == start;
    match (before, after) {
        (true, true) => {
            stretches[place - 1].1 = stretches.remove(place).1;
            counters.gaps = counters.gaps.saturating_sub(1);
        }
        (true, false) => stretches[place - 1].1 = end,
        (false, true) => stretches[place].0 = start,
        (false, false) => {
            counters.gaps += u64::from(!stretches.is_empty());
            stretches.insert(place, (start, end));
        }
    }
    if stretches.len() > STRETCHES_MAX {
        stretches[0].1 = stretches.remove(1).1;
    }
    Some(point.tally)
}

#[cfg(test)]
mod tests;
