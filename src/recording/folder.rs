//! The folder of the flight recorder: segments, each a recording of its own that begins with an image, and no more of
//! them than there may be. Their names are the times at which they began, so that their order is that of their names;
//! one that begins with an older state than the one before, of which not all was kept, is named as if it came just after.

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
/// How far the state that a segment begins with may lie before the newest segment.
const AHEAD_MAX_NS: u64 = 86_400 * SECOND_NS;

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    began: Now,
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
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            // What has another name is somebody else's.
            if let Some(began) = began(&entry.path()) {
                found.push(Segment { began, bytes: entry.metadata()?.len(), path: entry.path() });
            }
        }
        found.sort_by_key(|segment| segment.began);
        Ok(Self { path: path.to_owned(), segments: found.into() })
    }

    /// A new segment after all others, readable by its user alone.
    pub fn create(&self, now: Now) -> io::Result<(PathBuf, File)> {
        let newest = self.segments.back().map(|newest| newest.began);
        // One that is further ahead is of a clock that was wrong, and nothing is to follow it.
        let follows = newest.filter(|newest| newest.0 < now.0.saturating_add(AHEAD_MAX_NS));
        self.create_at(follows.map_or(now, |newest| now.max(Now(newest.0 + 1))))
    }

    fn create_at(&self, now: Now) -> io::Result<(PathBuf, File)> {
        let path = self.path.join(name(now));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match file {
            // Two in one moment: a recording that failed at once, or a clock that stands.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.create_at(Now(now.0 + 1)),
            file => Ok((path, file?)),
        }
    }

    /// `path` is of [`Folder::create`].
    pub fn ended(&mut self, path: PathBuf, bytes: u64) {
        if let Some(began) = began(&path) {
            self.segments.push_back(Segment { path, began, bytes });
        }
    }

    /// The oldest go until there is room for so many bytes more, and none is older than it may be.
    pub fn make_room(&mut self, now: Now, bytes: u64, bytes_max: u64, age_max: Duration) -> io::Result<()> {
        let age_max = u64::try_from(age_max.as_nanos()).unwrap_or(u64::MAX);
        while let Some(oldest) = self.segments.front() {
            let ended = self.segments.get(1).map_or(now, |next| next.began);
            let is_old = ended.plus_ns(age_max) < now;
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

/// `2026-11-26T09-06-39.123456789Z.ekrec`
fn name(began: Now) -> String {
    let second = rfc3339(began.seconds() * SECOND_NS);
    format!("{}.{:09}Z.{ENDING}", second.trim_end_matches('Z').replace(':', "-"), began.0 % SECOND_NS)
}

fn began(path: &Path) -> Option<Now> {
    let (date, time) =
        path.file_name()?.to_str()?.strip_suffix(ENDING)?.strip_suffix('.')?.split_once('T')?;
    let at: jiff::Timestamp = format!("{date}T{}", time.replace('-', ":")).parse().ok()?;
    let began = Now(u64::try_from(at.as_nanosecond()).ok()?);
    path.ends_with(name(began)).then_some(began)
}
