//! State folders without a daemon: copied, looked through, put back.

use std::path::{Path, PathBuf};

use super::recover::{Again, again};
use crate::engine::FORMAT;
use crate::store::{self, DATABASE, Found, Refusal};

/// What a copy of a state holds.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The newest group.
    pub sequence: u64,
    /// Groups after the image.
    pub groups: usize,
    pub bytes: u64,
    pub slos: usize,
    /// Accepted since the state began.
    pub items: u64,
    /// What is damaged, in words.
    pub report: Vec<String>,
}

pub fn back_up(from: &Path, to: &Path) -> Result<Copied, Refusal> {
    let (found, report) = store::back_up(from, to, FORMAT)?;
    Ok(copied(to, &found, report))
}

/// Reads all of it, and does all of it again: what can be brought up here can be brought up by a daemon.
pub fn verify(folder: &Path) -> Result<Copied, Refusal> {
    let (found, report) = store::look_through(folder, FORMAT)?;
    Ok(copied(folder, &found, report))
}

/// Where the state that was there is now.
pub fn restore(from: &Path, to: &Path) -> Result<Option<PathBuf>, Refusal> {
    store::restore(from, to)
}

fn copied(folder: &Path, found: &Found, mut report: Vec<String>) -> Copied {
    let (mut slos, mut items) = (0, 0);
    match again(found, &mut report) {
        Ok(Again { engine, otherwise, .. }) => {
            report.extend(otherwise);
            let counts = engine.counts();
            slos = engine.plan().slos.len();
            items = counts.items.values().map(|of_signal| of_signal.accepted).sum();
        }
        Err(error) => report.push(error.to_string()),
    }
    let bytes = std::fs::metadata(folder.join(DATABASE)).map_or(0, |file| file.len());
    Copied { sequence: found.last.0, groups: found.groups.len(), bytes, slos, items, report }
}
