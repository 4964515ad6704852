//! Where the committer keeps a state: a folder and its reserve. A simulation keeps it on a volume that fails when it is
//! told to.

use crate::store::{Change, Database, Failure, Parts, Reserve, Sequence};

/// What the committer asks of a volume.
pub(super) trait Volume: Send {
    /// All or nothing; it lasts when this returns.
    fn commit(&mut self, change: &Change<'_>) -> Result<(), Failure>;

    /// The whole state, in a file of its own.
    fn begin_anew(&mut self, key: u64, sequence: Sequence, parts: &Parts) -> Result<(), Failure>;

    fn bytes(&self) -> u64;

    fn holds_reserve(&self) -> bool;

    /// Whether it is held now.
    fn take_reserve(&mut self) -> bool;

    fn give_reserve_back(&mut self);
}

pub(super) struct Folder {
    pub database: Database,
    pub reserve: Reserve,
}

impl Volume for Folder {
    fn commit(&mut self, change: &Change<'_>) -> Result<(), Failure> {
        self.database.commit(change)
    }

    fn begin_anew(&mut self, key: u64, sequence: Sequence, parts: &Parts) -> Result<(), Failure> {
        self.database.begin_anew(key, sequence, parts)
    }

    fn bytes(&self) -> u64 {
        self.database.bytes()
    }

    fn holds_reserve(&self) -> bool {
        self.reserve.is_held()
    }

    fn take_reserve(&mut self) -> bool {
        self.reserve.take()
    }

    fn give_reserve_back(&mut self) {
        self.reserve.give_back();
    }
}
