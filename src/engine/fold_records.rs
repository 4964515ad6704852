//! Records of one partition of a topic, each with a body of its own, into one batch: what can not be read is told apart, and
//! costs the others nothing.

use super::batch::{Batch, Request};
use super::fold::{FUTURE_NS, Fold, Identities};
use super::plan::{Dedup, Plan};
use crate::decode::{Decoded, Encoding, Malformed};
use crate::model::{EventTime, Now, Signal};

/// The value of one record.
#[derive(Clone, Copy, Debug)]
pub struct RecordBody<'a> {
    /// An export request; what is wrong with the record where there is none to be had of it.
    pub body: Result<&'a [u8], &'a str>,
    /// Of items that give themselves none.
    pub time: Option<EventTime>,
}

/// What became of the first `taken` records.
#[derive(Debug)]
pub struct Folded {
    /// Without its offsets.
    pub batch: Batch,
    pub taken: usize,
    /// Those that could not be read, by their place, and why.
    pub poison: Vec<(usize, String)>,
}

/// Folds records up to the first that fills the batch, at least one. Fingerprints are for requests, which may come twice:
/// a record is known by its offset.
pub fn fold_records(
    plan: &Plan,
    key: u64,
    (signal, encoding): (Signal, Encoding),
    records: &[RecordBody<'_>],
    now: Now,
    known: &Identities,
) -> Folded {
    let fresh = || {
        let mut fold = Fold::new(plan, key, now, FUTURE_NS);
        fold.known = (plan.dedup == Dedup::Items).then(|| known.clone());
        fold
    };
    let mut upto = records.len();
    'anew: loop {
        let (mut fold, mut sum, mut poison) = (fresh(), Decoded::default(), Vec::new());
        let mut finder = plan.numbered().index.finder();
        for (place, record) in records[..upto].iter().enumerate() {
            let before = fold.seen;
            fold.time = record.time.unwrap_or(EventTime(now.0));
            let read = record.body.map_err(|why| Malformed::Undecodable(why.to_owned()));
            let read = read.and_then(|body| fold.body(&Request { signal, encoding, body, now }, &mut finder));
            match read {
                Ok(decoded) => {
                    sum.items += decoded.items;
                    sum.rejected += decoded.rejected;
                    sum.reason = sum.reason.or(decoded.reason);
                }
                Err(_) if fold.seen > before && place > 0 => {
                    // A part of it is in the counts: without it then, and it comes first the next time.
                    upto = place;
                    continue 'anew;
                }
                Err(malformed) => {
                    poison.push((place, malformed.of_record()));
                    if fold.seen > before {
                        let batch = fresh().finish(signal, None, Decoded::default());
                        return Folded { batch, taken: 1, poison };
                    }
                }
            }
        }
        return Folded { batch: fold.finish(signal, None, sum), taken: upto, poison };
    }
}

#[cfg(test)]
mod tests;
