//! What the bad events have in common, and what changed before them: from the records that are kept, so the memory is
//! theirs, and a share is one of records, not of everything that came.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::engine::events::Events;
use crate::engine::record::{EventRecord, Scalar};
use crate::engine::view;
use crate::model::{EventTime, Labels, SECOND_NS, rfc3339};

/// The attribute by which a service tells its version, as OpenTelemetry's semantic conventions name it.
pub const VERSION: &str = "service.version";
/// Contributors and traces that are told.
const TOLD_MAX: usize = 5;
const TRACES_MAX: usize = 3;
/// Bad events that an attribute's value must have, before it is called common to them.
const SHARE_MIN_PERCENT: u64 = 50;
/// And how many times more often it must come among bad events than among good ones, in percent.
const LIFT_MIN_PERCENT: u64 = 150;
/// Different values of attributes that are counted.
const VALUES_MAX: usize = 1_024;
const SERVICES_MAX: usize = 1_000;
const VERSIONS_MAX: usize = 8;
/// A version that has not been seen for so long begins anew when it comes again.
const ABSENT_NS: u64 = 600 * SECOND_NS;
/// A change is told for so long.
const CHANGE_NS: u64 = 24 * 3_600 * SECOND_NS;

/// An attribute's value that bad events share more often than good ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct Contributor {
    pub attribute: String,
    pub value: String,
    /// Of the bad events whose records are kept, those with the value.
    pub bad: u64,
    pub bad_of: u64,
    /// The same of good ones, of which a sample is kept.
    pub good: u64,
    pub good_of: u64,
}

/// A version that a service began to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct Change {
    pub service: String,
    pub version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// When its first event happened.
    #[serde(serialize_with = "view::time")]
    pub at: EventTime,
    /// Seconds from it to the first bad event that is kept.
    pub before_bad_s: Option<u64>,
}

/// What is known beside the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
pub struct Clues {
    /// By lift, the highest first.
    pub contributors: Vec<Contributor>,
    /// Ids of traces of bad events, the newest first.
    pub traces: Vec<String>,
    pub change: Option<Change>,
}

/// Which bad events are looked at.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Wanted<'a> {
    pub(in crate::engine) slo: &'a str,
    pub(in crate::engine) service: &'a str,
    pub(in crate::engine) group: &'a Labels,
    pub(in crate::engine) from: EventTime,
    pub(in crate::engine) at: EventTime,
}

impl Clues {
    pub(in crate::engine) fn of(events: &Events, versions: &Versions, wanted: Wanted<'_>) -> Self {
        let counted = events.records().filter_map(|record| {
            let (_, good) = record.counted.iter().find(|(slo, _)| slo == wanted.slo)?;
            let in_time = wanted.from <= record.last_seen && record.first_seen <= wanted.at;
            (in_time && is_of(record, wanted.group)).then_some((record, *good))
        });
        let (good, bad): (Vec<_>, Vec<_>) = counted.partition(|(_, good)| *good);
        let first_bad = bad.iter().map(|(record, _)| record.first_seen).min();
        let mut of_bad: Vec<&EventRecord> =
            bad.iter().map(|(record, _)| *record).filter(|record| !record.trace_id.is_empty()).collect();
        of_bad.sort_by_key(|record| std::cmp::Reverse(record.sequence));
        let mut traces: Vec<String> = Vec::new();
        for record in of_bad {
            if traces.len() < TRACES_MAX && !traces.contains(&record.trace_id) {
                traces.push(record.trace_id.clone());
            }
        }
        Self {
            contributors: contributors(&bad, &good, wanted.group),
            traces,
            change: versions.before(wanted.service, first_bad, wanted.at),
        }
    }

    /// A sentence for a notification; empty where nothing is known.
    pub(in crate::engine) fn words(&self) -> String {
        let mut words = String::new();
        if let Some(one) = self.contributors.first() {
            let share = |part: u64, whole: u64| part * 100 / whole.max(1);
            words.push_str(&format!(
                " {} % of the bad ones have {} {}, {} % of the good ones do.",
                share(one.bad, one.bad_of),
                one.attribute,
                one.value,
                share(one.good, one.good_of),
            ));
        }
        if let Some(change) = &self.change {
            words.push_str(&format!(
                " {} runs version {} since {}{}.",
                change.service,
                change.version,
                rfc3339(change.at.0 / SECOND_NS * SECOND_NS),
                change.before_bad_s.map_or(String::new(), |seconds| format!(
                    ", {seconds} s before the first bad event that is kept"
                ))
            ));
        }
        words
    }
}

/// The value of a record's attribute, of the nearest place.
fn value_of<'r>(record: &'r EventRecord, name: &str) -> Option<Cow<'r, str>> {
    match &record.attributes.iter().find(|one| one.name == name)?.value {
        Scalar::Text(text) => Some(Cow::Borrowed(text)),
        Scalar::Int(number) => Some(number.to_string().into()),
        Scalar::Double(number) => Some(number.to_string().into()),
        Scalar::Bool(truth) => Some(if *truth { "true" } else { "false" }.into()),
        Scalar::Structured => None,
    }
}

fn is_of(record: &EventRecord, group: &Labels) -> bool {
    group.iter().all(|(name, value)| value_of(record, name).is_none_or(|one| one == *value))
}

type Counted<'a> = (&'a EventRecord, bool);
/// Name and value of an attribute.
type Place<'a> = (&'a str, Cow<'a, str>);
type Sums<'a> = BTreeMap<Place<'a>, u64>;

fn contributors(bad: &[Counted<'_>], good: &[Counted<'_>], group: &Labels) -> Vec<Contributor> {
    let (bad_sums, bad_of) = sums(bad, |_| true);
    let (good_sums, good_of) = sums(good, |place| bad_sums.contains_key(place));
    // Without good ones to compare with, everything is common to the bad ones.
    if good_of == 0 {
        return Vec::new();
    }
    let found = bad_sums.into_iter().filter_map(|(place, bad)| {
        let good = good_sums.get(&place).copied().unwrap_or(0);
        let (attribute, value) = (place.0.to_owned(), place.1.into_owned());
        // bad / bad_of against good / good_of, multiplied out; a value that no good event has is counted as half a one.
        let (of_bad, of_good) = (bad.saturating_mul(2 * good_of), (2 * good).max(1).saturating_mul(bad_of));
        let is_common = bad.saturating_mul(100) >= bad_of.saturating_mul(SHARE_MIN_PERCENT);
        let is_lifted = of_bad.saturating_mul(100) >= of_good.saturating_mul(LIFT_MIN_PERCENT);
        let one = Contributor { attribute, value, bad, bad_of, good, good_of };
        (is_common && is_lifted && !group.contains_key(&one.attribute)).then_some(one)
    });
    let mut found: Vec<Contributor> = found.collect();
    let lift = |one: &Contributor| {
        let (bad, good) = (u128::from(one.bad), u128::from(one.good));
        bad * 1_000_000 * u128::from(2 * one.good_of) / ((2 * good).max(1) * u128::from(one.bad_of.max(1)))
    };
    found.sort_by(|a, b| {
        (lift(b), b.bad, &a.attribute, &a.value).cmp(&(lift(a), a.bad, &b.attribute, &b.value))
    });
    found.truncate(TOLD_MAX);
    found
}

/// How many events have each value, and how many there are.
fn sums<'a>(records: &[Counted<'a>], counts: impl Fn(&Place<'a>) -> bool) -> (Sums<'a>, u64) {
    let (mut sums, mut all) = (Sums::new(), 0_u64);
    for (record, _) in records {
        all = all.saturating_add(record.count);
        let mut last = "";
        for one in &record.attributes {
            if std::mem::replace(&mut last, &one.name) == one.name {
                continue;
            }
            let Some(value) = value_of(record, &one.name) else { continue };
            let place = (one.name.as_str(), value);
            if counts(&place) && (sums.len() < VALUES_MAX || sums.contains_key(&place)) {
                let sum = sums.entry(place).or_default();
                *sum = sum.saturating_add(record.count);
            }
        }
    }
    (sums, all)
}

/// Which versions each service has run.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(in crate::engine) struct Versions {
    services: BTreeMap<String, VecDeque<Version>>,
}

#[derive(Debug, BorshSerialize, BorshDeserialize)]
struct Version {
    version: String,
    /// `None` for what ran when we began to look.
    began: Option<EventTime>,
    first: EventTime,
    last: EventTime,
}

impl Versions {
    pub(in crate::engine) fn see(&mut self, record: &EventRecord) {
        let Some(version) = value_of(record, VERSION) else { return };
        if self.services.len() >= SERVICES_MAX && !self.services.contains_key(&record.service) {
            return;
        }
        let seen = self.services.entry(record.service.clone()).or_default();
        let at = record.time;
        let is_first = seen.is_empty();
        let version = version.into_owned();
        match seen.iter_mut().find(|one| one.version == version) {
            Some(known) => {
                if at.since_ns(known.last) > ABSENT_NS && known.last < at {
                    known.began = Some(at);
                }
                known.first = known.first.min(at);
                known.last = known.last.max(at);
            }
            None => {
                if seen.len() == VERSIONS_MAX {
                    seen.pop_front();
                }
                seen.push_back(Version { version, began: (!is_first).then_some(at), first: at, last: at });
            }
        }
    }

    /// The newest change of a service before its first bad event, or else before a time.
    fn before(&self, service: &str, first_bad: Option<EventTime>, at: EventTime) -> Option<Change> {
        let until = first_bad.unwrap_or(at);
        let seen = self.services.get(service)?;
        let began =
            |one: &Version| one.began.filter(|began| *began <= until && until.since_ns(*began) <= CHANGE_NS);
        let newest = seen.iter().filter(|one| began(one).is_some()).max_by_key(|one| began(one))?;
        let before = seen.iter().filter(|one| one.version != newest.version && one.first <= until);
        Some(Change {
            service: service.to_owned(),
            version: newest.version.clone(),
            before: before.max_by_key(|one| one.last).map(|one| one.version.clone()),
            at: began(newest)?,
            before_bad_s: first_bad.map(|bad| bad.since_ns(began(newest).unwrap_or(bad)) / SECOND_NS),
        })
    }
}
