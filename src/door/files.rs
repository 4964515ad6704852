//! What files look like from outside: whether one has changed, who may read it, how many may be open.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Differs once a file was written or replaced, also where a link on the way leads elsewhere now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: (i64, i64),
    bytes: u64,
    place: (u64, u64),
}

impl Stamp {
    /// `None` for a file that is not there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = metadata(path).ok()?;
        Some(Self {
            modified: (found.mtime(), found.mtime_nsec()),
            bytes: found.size(),
            place: (found.dev(), found.ino()),
        })
    }
}

/// Everybody on this machine may read it.
pub(super) fn is_open_to_all(path: &Path) -> bool {
    metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0)
}

/// How many files the process may open, where the system says so.
pub fn open_max() -> Option<u32> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A folder of its own for a test.
#[cfg(test)]
pub(super) fn scratch(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("evenkeel-door-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
