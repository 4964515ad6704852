//! A sequential test beside the pairs: has the service stopped meeting its target? It looks at every second and may,
//! for its rate of false alarms does not grow with the number of looks.
//!
//! It is Page's CUSUM of likelihood ratios against a few alternatives. By Lorden (1971) the mean number of looks to a
//! false alarm is at least e^h for one alternative with threshold h; with k alternatives of threshold h + ln k it stays
//! above e^h. A look is a second of one request, so there are at most as many looks as events: a rate r stands for one
//! false alarm in at least 1/r events of a service that meets its target exactly.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::model::{EventTime, Parts, SECOND_NS};

const ALTERNATIVES: usize = 4;
/// Logarithms are kept in millionths, rounded against the alarm.
const SCALE: f64 = 1e6;
/// How long an alarm stands after the last second that gave it.
pub const STANDS_NS: u64 = 300 * SECOND_NS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Early {
    /// What one good and one bad event add for each alternative.
    steps: [(i64, i64); ALTERNATIVES],
    threshold: i64,
    /// Share of the period's budget that must be gone within the last hour.
    pub floor: Parts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Evidence {
    sums: [i64; ALTERNATIVES],
    /// The last second that was beyond the threshold.
    pub alarm: Option<EventTime>,
}

impl Early {
    /// `rate`: false alarms an event.
    pub fn new(budget: Parts, rate: Parts, floor: Parts) -> Self {
        let share = budget.0 as f64 / Parts::ONE.0 as f64;
        let alternatives = [(share * 20.0).min(0.3), (share * 100.0).min(0.5), 0.5, 0.95];
        let steps = alternatives.map(|other| {
            let other = if other > share { other } else { f64::midpoint(share, 1.0) };
            let log = |ratio: f64| (ratio.ln() * SCALE).floor() as i64;
            (log((1.0 - other) / (1.0 - share)), log(other / share))
        });
        let rate = rate.0.max(1) as f64 / Parts::ONE.0 as f64;
        let threshold = ((ALTERNATIVES as f64 / rate).ln() * SCALE).ceil() as i64;
        Self { steps, threshold, floor }
    }

    /// Takes one second's events in.
    pub fn observe(&self, evidence: &mut Evidence, at: EventTime, good: u64, bad: u64) {
        let count = |events: u64| i64::try_from(events).unwrap_or(i64::MAX);
        for (sum, (of_good, of_bad)) in evidence.sums.iter_mut().zip(self.steps) {
            let gained =
                of_good.saturating_mul(count(good)).saturating_add(of_bad.saturating_mul(count(bad)));
            *sum = sum.saturating_add(gained).clamp(0, self.threshold);
            if *sum >= self.threshold {
                evidence.alarm = evidence.alarm.max(Some(at));
            }
        }
    }
}

impl Evidence {
    pub fn stands(&self, clock: EventTime) -> bool {
        self.alarm.is_some_and(|alarm| clock.since_ns(alarm) < STANDS_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Parts = Parts(1_000_000);
    const RATE: Parts = Parts(1);

    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (*state >> 22) ^ *state;
        mixed >> ((*state >> 61) + 22)
    }

    /// Bad events among `events` with a share of `share_ppm`.
    fn bad_of(state: &mut u64, events: u64, share_ppm: u64) -> u64 {
        (0..events).filter(|_| random(state) % 1_000_000 < share_ppm).count() as u64
    }

    /// Seconds of an outage until the alarm, after a clean hour at so many events a second.
    fn delay(per_second: u64, share_ppm: u64, seed: u64) -> Option<u64> {
        let (early, mut evidence, mut state) =
            (Early::new(BUDGET, RATE, Parts(0)), Evidence::default(), seed);
        (0..3_600).for_each(|at| early.observe(&mut evidence, EventTime(at), per_second, 0));
        (1..=3_600).find(|second| {
            let bad = bad_of(&mut state, per_second, share_ppm);
            early.observe(&mut evidence, EventTime(*second), per_second - bad, bad);
            evidence.alarm.is_some()
        })
    }

    #[test]
    fn a_full_outage_is_seen_at_its_fourth_event() {
        assert_eq!(delay(50, 1_000_000, 7), Some(1));
        assert_eq!(delay(1, 1_000_000, 7), Some(4));
    }

    #[test]
    fn the_smaller_the_trouble_the_later_it_is_seen() {
        let median = |share_ppm| {
            let mut delays: Vec<u64> =
                (1..30).filter_map(|seed| delay(50, share_ppm, seed * 7_919)).collect();
            delays.sort_unstable();
            delays[delays.len() / 2]
        };
        let delays = [500_000, 100_000, 50_000, 20_000].map(median);
        assert!(delays.is_sorted() && delays[0] <= 1 && delays[3] <= 60, "{delays:?}");
    }

    /// Scenario: a service that just meets its target, 200 million events in 20 runs.
    /// Guarantees: no alarm at a rate of one in a thousand million events; some at one in a thousand, and not more
    /// often than that.
    #[test]
    fn false_alarms_keep_to_their_rate() {
        let alarms = |rate: Parts, seconds: u64| {
            let (early, mut state) = (Early::new(BUDGET, rate, Parts(0)), 0x9e37_79b9_u64);
            let (mut evidence, mut alarms) = (Evidence::default(), 0);
            for second in 0..seconds {
                // 100 events; the number of bad ones is drawn as one of few.
                let bad = bad_of(&mut state, 10, 10_000);
                early.observe(&mut evidence, EventTime(second), 100 - bad, bad);
                if evidence.alarm.is_some() {
                    alarms += 1;
                    evidence = Evidence::default();
                }
            }
            alarms
        };
        assert_eq!(alarms(RATE, 200_000), 0);
        let often = alarms(Parts(1_000_000), 200_000);
        let most = 200_000 * 100 / 1_000;
        assert!((1..=most).contains(&often), "{often} of at most {most}");
    }

    #[test]
    fn an_alarm_stands_for_five_minutes_and_huge_counts_do_no_harm() {
        let (early, mut evidence) = (Early::new(BUDGET, RATE, Parts(0)), Evidence::default());
        early.observe(&mut evidence, EventTime(SECOND_NS), 0, u64::MAX);
        assert!(evidence.stands(EventTime(300 * SECOND_NS)) && !evidence.stands(EventTime(301 * SECOND_NS)));
        early.observe(&mut evidence, EventTime(2 * SECOND_NS), u64::MAX, u64::MAX);
        let generous = Early::new(Parts(900_000_000), RATE, Parts(0));
        assert!(generous.steps.iter().all(|(good, bad)| *good < 0 && *bad > 0), "{:?}", generous.steps);
    }
}
