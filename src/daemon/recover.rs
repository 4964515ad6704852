//! From what the folder holds to the state that was: the last image, then the groups after it, done again in order.

use std::path::Path;
use std::sync::Arc;

use super::clock::Clock;
use crate::engine::{Effects, Engine, FORMAT, Fact, Outcomes, Plan};
use crate::recording::digest;
use crate::store::{Database, Found, Refusal, Sequence};

/// Facts that are told again after a start, for it is not known whether they were.
const FACTS_MAX: usize = 4_096;

/// A state that is up.
pub(super) struct Recovered {
    pub engine: Engine,
    pub database: Database,
    /// The newest group.
    pub last: Sequence,
    /// Seeds the fingerprints of requests.
    pub key: u64,
    /// What was lost or set aside, in words.
    pub report: Vec<String>,
    /// What is there and decides otherwise than it did, in words: another version of Evenkeel wrote it.
    pub otherwise: Vec<String>,
    /// Groups that were done again.
    pub replayed: usize,
    pub tail_bytes: u64,
    /// What was decided since the last image, the newest of it.
    pub facts: Vec<Fact>,
}

/// `Err`: the folder is not ours to use, or can not be written to. A state of an older format is migrated.
pub(super) fn recover(folder: &Path, plan: &Arc<Plan>, clock: &Clock) -> anyhow::Result<Recovered> {
    let opened = Database::open(folder, FORMAT)?;
    let mut report = opened.report;
    let mut database = opened.database;
    if let Some(found) = opened.found {
        match again(&found, &mut report) {
            Ok(Again { mut engine, replayed, facts, otherwise }) => {
                clock.not_before(engine.now());
                let mut tail_bytes = found.groups.iter().map(|(_, payload)| payload.len() as u64).sum();
                let (last, key, from) = (found.last, found.key, found.format);
                if from < FORMAT {
                    let copy = database.migrate(key, last, from, &engine.image(true).written())?;
                    tracing::info!(from, to = FORMAT, copy = %copy.display(), "state.migrated");
                    tail_bytes = 0;
                }
                return Ok(Recovered {
                    engine,
                    database,
                    last,
                    key,
                    report,
                    otherwise,
                    replayed,
                    tail_bytes,
                    facts,
                });
            }
            Err(error) => {
                let aside =
                    database.abandon().map_err(|error| refusal("set aside the state in", folder, &error))?;
                report.push(format!(
                    "the state can not be read ({error}): it is in {} now, and a new one begins",
                    aside.display()
                ));
                database = Database::open(folder, FORMAT)?.database;
            }
        }
    }
    let (mut engine, key) = (Engine::new(Arc::clone(plan), clock.now()), random_key());
    database
        .begin(key, Sequence(0), &engine.image(true).written())
        .map_err(|failure| refusal("write a first state to", folder, &failure))?;
    Ok(Recovered {
        engine,
        database,
        last: Sequence(0),
        key,
        report,
        otherwise: Vec::new(),
        replayed: 0,
        tail_bytes: 0,
        facts: Vec::new(),
    })
}

fn refusal(what: &'static str, folder: &Path, reason: &dyn std::fmt::Display) -> Refusal {
    Refusal::Io { what, path: folder.to_owned(), reason: reason.to_string() }
}

/// A state that was found, and its groups done again.
pub(super) struct Again {
    pub engine: Engine,
    pub replayed: usize,
    /// The newest that were decided.
    pub facts: Vec<Fact>,
    pub otherwise: Vec<String>,
}

pub(super) fn again(found: &Found, report: &mut Vec<String>) -> std::io::Result<Again> {
    let mut engine = Engine::restore(&found.parts, report)?;
    let (mut effects, mut facts, mut otherwise) = (Effects::default(), Vec::new(), Vec::new());
    for (sequence, payload) in &found.groups {
        let is_torn = found.torn.is_some_and(|torn| torn <= *sequence);
        let outcomes = if is_torn { Outcomes::Doubtful } else { Outcomes::Known };
        let Some((decided, records)) = payload.split_first_chunk() else {
            report.push(format!("group {} is too short", sequence.0));
            continue;
        };
        if let Err(error) = engine.replay(records, outcomes, &mut effects) {
            report.push(format!("group {} can not be done again: {error}", sequence.0));
        } else if digest(&effects.facts) != u64::from_le_bytes(*decided) {
            otherwise.push(format!("group {} decides otherwise than before", sequence.0));
        }
        facts.append(&mut effects.facts);
        facts.drain(..facts.len().saturating_sub(FACTS_MAX));
    }
    Ok(Again { engine, replayed: found.groups.len(), facts, otherwise })
}

/// From the operating system, by way of the seed that the standard library draws for its maps.
pub(super) fn random_key() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}
