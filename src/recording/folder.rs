//! The folder of the flight recorder: segments, each a recording of its own that begins with an image, and no more of
//! them than there may be. Their names are the times at which they began, so that their order is that of their names.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{Now, SECOND_NS, rfc3339};

/// Within the state's folder.
pub const FOLDER: &str = "recorder";
pub const ENDING: &str = "ekrec";

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    /// When the next one began, and this one ended.
    ended: Now,
    bytes: u64,
}

/// Segments that ended, the oldest first.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    segments: VecDeque<Segment>,
}

impl Folder {
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let mut found: Vec<(PathBuf, u64)> = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|ending| ending == ENDING) {
                found.push((entry.path(), entry.metadata()?.len()));
            }
        }
        found.sort();
        let segments = found.into_iter().map(|(path, bytes)| Segment { ended: modified(&path), path, bytes });
        Ok(Self { path: path.to_owned(), segments: segments.collect() })
    }

    /// A new segment, readable by its user alone.
    pub fn create(&self, now: Now) -> io::Result<(PathBuf, File)> {
        let second = rfc3339(now.seconds() * SECOND_NS);
        let name =
            format!("{}.{:09}Z.{ENDING}", second.trim_end_matches('Z').replace(':', "-"), now.0 % SECOND_NS);
        let path = self.path.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((path, file))
    }

    pub fn ended(&mut self, path: PathBuf, now: Now, bytes: u64) {
        self.segments.push_back(Segment { path, ended: now, bytes });
    }

    /// The oldest go until there is room for so many bytes more, and none is older than it may be.
    pub fn make_room(&mut self, now: Now, bytes: u64, bytes_max: u64, age_max: Duration) -> io::Result<()> {
        let age_max = u64::try_from(age_max.as_nanos()).unwrap_or(u64::MAX);
        while let Some(oldest) = self.segments.front() {
            let is_old = oldest.ended.plus_ns(age_max) < now;
            if !is_old && self.bytes().saturating_add(bytes) <= bytes_max {
                break;
            }
            match std::fs::remove_file(&oldest.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.segments.pop_front(),
            };
        }
        Ok(())
    }

    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

fn modified(path: &Path) -> Now {
    let modified = std::fs::metadata(path).and_then(|about| about.modified());
    let since = modified.ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    Now(since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or_default())
}
