//! What survives: a journal of what changed the state, by groups, and now and then an image of all of it; both in one
//! SQLite file of one folder. Knows nothing of what it keeps: records and parts are bytes.

mod backup;
mod database;
mod failure;
mod folder;
mod frame;
mod mark;
mod recent;
mod reserve;
#[cfg(test)]
mod tests;

pub use backup::{back_up, look_through, restore};
pub use database::{Change, Database, Found, Opened, Parts};
pub use failure::{Failure, Refusal};
pub use folder::DATABASE;
pub use recent::Recent;
pub use reserve::Reserve;

/// The number of a group of facts, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
