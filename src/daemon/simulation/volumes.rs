//! A real database on a volume that is full, or fails, when it is told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::daemon::volume::Volume;
use crate::store::{Change, Database, Failure, Parts, Sequence};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Well,
    /// There is room for so many commits once the reserve is given back.
    Full {
        room: u32,
    },
    /// Nothing is written.
    Broken,
    /// It is written, and said to have failed.
    Lies,
}

/// The handle by which the simulation moves it, and sees what came to be there.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    state: Arc<Mutex<State>>,
    /// The newest group whose write came to be there, whatever was said.
    landed: Arc<AtomicU64>,
}

pub(super) struct Faulty {
    database: Database,
    handle: Handle,
    reserve: bool,
}

impl Handle {
    pub(super) fn new() -> Self {
        Self { state: Arc::new(Mutex::new(State::Well)), landed: Arc::default() }
    }

    pub(super) fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(super) fn get(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this write came to be there, asked once.
    pub(super) fn has_landed(&self, sequence: Sequence) -> bool {
        self.landed.swap(0, Ordering::Relaxed) == sequence.0 + 1
    }

    fn landed(&self, sequence: Sequence) {
        self.landed.store(sequence.0 + 1, Ordering::Relaxed);
    }
}

impl Faulty {
    pub(super) fn new(database: Database, handle: Handle) -> Self {
        database.breaks_off().expect("the database takes its settings");
        let reserve = matches!(handle.get(), State::Well);
        Self { database, handle, reserve }
    }

    fn write(
        &mut self,
        sequence: Option<Sequence>,
        write: impl FnOnce(&mut Database) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let state = self.handle.get();
        match state {
            State::Broken => return Err(Failure::Broken("input/output error".to_owned())),
            State::Full { room } if self.reserve || room == 0 => {
                return Err(Failure::Full("no space left".to_owned()));
            }
            State::Full { room } => self.handle.set(State::Full { room: room - 1 }),
            State::Well | State::Lies => {}
        }
        write(&mut self.database)?;
        sequence.into_iter().for_each(|sequence| self.handle.landed(sequence));
        match state {
            State::Lies => Err(Failure::Broken("sync failed".to_owned())),
            _ => Ok(()),
        }
    }
}

impl Volume for Faulty {
    fn commit(&mut self, change: &Change<'_>) -> Result<(), Failure> {
        let of_image = change.image.as_ref().map(|(sequence, ..)| *sequence);
        let sequence = change.groups.last().map(|(sequence, _)| *sequence).max(of_image);
        self.write(sequence, |database| database.commit(change))
    }

    fn begin_anew(&mut self, key: u64, sequence: Sequence, parts: &Parts) -> Result<(), Failure> {
        self.write(Some(sequence), |database| {
            database.begin_anew(key, sequence, parts)?;
            database.breaks_off().expect("the database takes its settings");
            Ok(())
        })
    }

    fn bytes(&self) -> u64 {
        self.database.bytes()
    }

    fn holds_reserve(&self) -> bool {
        self.reserve
    }

    fn take_reserve(&mut self) -> bool {
        self.reserve |= !matches!(self.handle.get(), State::Full { .. });
        self.reserve
    }

    fn give_reserve_back(&mut self) {
        self.reserve = false;
    }
}
