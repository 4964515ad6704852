//! What recordings do not hold: values of attributes of events, by their names. What is masked decides nothing, so a masked
//! recording gives the same facts.

use std::io::Result;

use borsh::{BorshDeserialize, BorshSerialize};

use super::batch::Batch;
use super::events::Events;
use super::plan::Plan;
use super::record::{EventRecord, Scalar};
use super::saved::{Image, Part, Record};
use super::why::{Journeys, Memory};
use crate::model::Now;

/// Secrets, and texts that hold them, by the names of OpenTelemetry's conventions.
const ALWAYS: [&str; 7] = [
    "http.request.header.authorization",
    "http.request.header.cookie",
    "http.request.header.proxy-authorization",
    "http.request.header.x-api-key",
    "http.response.header.set-cookie",
    "db.query.text",
    "db.statement",
];
const MASKED: &str = "masked";
/// The parts of an image that hold records of events, and what explanations found in them.
const EVENTS: &str = "events";
const WHY: &str = "why";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    names: Vec<String>,
}

impl Default for Mask {
    fn default() -> Self {
        Self::of(&[])
    }
}

/// Whether the values of an attribute are nobody's business: always, or as the configuration says.
pub(super) fn hides(masked: &[String], name: &str) -> bool {
    ALWAYS.contains(&name) || masked.iter().any(|one| one == name)
}

/// What stands in place of a value.
pub(super) fn masked() -> Scalar {
    Scalar::Text(MASKED.to_owned())
}

impl Mask {
    /// These names, and those that are always masked.
    pub fn of(names: &[String]) -> Self {
        Self { names: ALWAYS.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned()).collect() }
    }

    /// Whether events under a plan can hold what is masked: they keep the attributes that it names, and no other.
    pub fn concerns(&self, plan: &Plan) -> bool {
        self.names.iter().any(|name| plan.wanted.places(name).is_some())
    }

    /// Records as they came in, masked.
    pub fn records(&self, records: &[u8]) -> Result<Vec<u8>> {
        let (mut rest, mut masked) = (records, Vec::with_capacity(records.len()));
        while !rest.is_empty() {
            let begin = rest;
            let now = Now::deserialize(&mut rest)?;
            match Record::deserialize(&mut rest)? {
                Record::Observed(mut batch) => {
                    self.batch(&mut batch);
                    (now, 0_u8, &*batch).serialize(&mut masked)?;
                }
                Record::Identified(mut batch, repeated, identities) => {
                    self.batch(&mut batch);
                    (now, 7_u8, &*batch, repeated, identities).serialize(&mut masked)?;
                }
                Record::Sourced(mut batch, repeated, identities, offsets) => {
                    self.batch(&mut batch);
                    (now, 10_u8, &*batch, repeated, identities, offsets).serialize(&mut masked)?;
                }
                _ => masked.extend(&begin[..begin.len() - rest.len()]),
            }
        }
        Ok(masked)
    }

    /// An image, masked.
    pub fn image(&self, image: &Image) -> Result<Image> {
        let mut parts = image.parts.clone();
        for part in &mut parts {
            match part.name.as_str() {
                EVENTS => {
                    let mut events = Events::try_from_slice(&part.bytes())?;
                    events.records_mut().for_each(|record| self.event(record));
                    *part = Part::of(EVENTS, &events);
                }
                WHY => {
                    let (mut memory, journeys) = <(Memory, Journeys)>::try_from_slice(&part.bytes())?;
                    let shared = memory.contributors_mut().filter(|one| self.names.contains(&one.attribute));
                    shared.for_each(|one| MASKED.clone_into(&mut one.value));
                    *part = Part::of(WHY, &(memory, journeys));
                }
                _ => {}
            }
        }
        Ok(Image { is_full: image.is_full, parts, gone: image.gone.clone() })
    }

    fn batch(&self, batch: &mut Batch) {
        batch.events.iter_mut().for_each(|record| self.event(record));
    }

    fn event(&self, record: &mut EventRecord) {
        for attribute in &mut record.attributes {
            if self.names.contains(&attribute.name) {
                attribute.value = masked();
            }
        }
    }
}
