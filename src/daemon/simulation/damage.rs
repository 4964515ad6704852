//! What happens to a journal's rows while nobody looks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, params};

use crate::send::Chance;
use crate::store::{DATABASE, Sequence};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// A bit is another.
    Flipped,
    /// It ends too early.
    Cut,
    /// It is not there any more.
    Gone,
}

impl Damage {
    pub(super) fn happens(self, folder: &Path, sequence: Sequence, chance: &mut Chance) {
        let connection = Connection::open(folder.join(DATABASE)).expect("nobody else has it open");
        let number = sequence.0.cast_signed();
        let frame = "SELECT frame FROM journal WHERE sequence = ?1";
        let mut frame: Vec<u8> =
            connection.query_row(frame, params![number], |row| row.get(0)).expect("the group was committed");
        let at = chance.below(frame.len() as u64) as usize;
        match self {
            Self::Flipped => frame[at] ^= 1 << chance.below(8),
            Self::Cut => frame.truncate(at),
            Self::Gone => {}
        }
        let done = match self {
            Self::Gone => connection.execute("DELETE FROM journal WHERE sequence = ?1", params![number]),
            Self::Flipped | Self::Cut => {
                let update = "UPDATE journal SET frame = ?2 WHERE sequence = ?1";
                connection.execute(update, params![number, frame])
            }
        };
        assert_eq!(done, Ok(1));
    }
}

/// A folder of its own, removed at the end.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("evenkeel-simulation-{}-{number}", std::process::id());
        // In memory where there is such a folder: nothing here is about the disk's own speed.
        let memory = Path::new("/dev/shm");
        Self(if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }.join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
