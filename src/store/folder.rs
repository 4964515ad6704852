//! The folder of a state: one process at a time, readable by its user alone.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::Refusal;

pub const DATABASE: &str = "state.db";
const LOCK: &str = "lock";

/// A process that was killed as it started a program leaves a copy of itself for a moment, which holds the lock as well.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

fn patiently(lock: &File) -> Result<(), TryLockError> {
    for _ in 1..ATTEMPTS {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
    lock.try_lock()
}

/// Held for as long as the state is open; given back by the system when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Folder {
    pub path: PathBuf,
    _lock: File,
}

impl Folder {
    pub fn open(path: &Path) -> Result<Self, Refusal> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| Refusal::io("make the state folder", path, error))?;
        let file = path.join(LOCK);
        let lock =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&file);
        let mut lock = lock.map_err(|error| Refusal::io("write to", &file, error))?;
        match patiently(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _unreadable = lock.read_to_string(&mut pid);
                return Err(Refusal::Locked { folder: path.to_owned(), pid: pid.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(Refusal::io("lock", &file, error)),
        }
        let written = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(std::process::id().to_string().as_bytes()));
        // Who holds it is a courtesy: that it is held is what counts.
        let _full = written;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Gives a database that is whole and synced the name of the state, after what is left of the one before is gone:
    /// its log would be taken for the new one's. Each step lasts before the next: a power cut between two of them must
    /// not leave the later without the earlier.
    pub fn finish_renaming(&self, from: &str) -> std::io::Result<()> {
        self.sync()?;
        self.remove(&["state.db-wal", "state.db-shm"])?;
        self.sync()?;
        std::fs::rename(self.file(from), self.file(DATABASE))?;
        self.sync()
    }

    pub fn remove(&self, names: &[&str]) -> std::io::Result<()> {
        for name in names {
            match std::fs::remove_file(self.file(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes renames and new files last.
    pub fn sync(&self) -> std::io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// A path that is not there yet: `NAME-1` or a later one.
    pub fn free(&self, name: &str) -> PathBuf {
        let free = (1..).map(|number| self.file(&format!("{name}-{number}"))).find(|path| !path.exists());
        free.unwrap_or_else(|| self.file(name))
    }

    /// Puts a database that can not be read aside, with what belongs to it.
    pub fn set_aside(&self) -> std::io::Result<PathBuf> {
        let aside = self.free("damaged");
        DirBuilder::new().mode(0o700).create(&aside)?;
        for name in [DATABASE, "state.db-wal", "state.db-shm", super::mark::NAME] {
            match std::fs::rename(self.file(name), aside.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.sync()?;
        Ok(aside)
    }
}
