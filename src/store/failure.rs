//! Why the state can not be kept, for people.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A write that did not come through. Nothing of it is there.
#[derive(Debug)]
pub enum Failure {
    /// The volume is full. What was there before is whole.
    Full(String),
    /// A write or a sync failed: the file is not written to again.
    Broken(String),
}

/// Why a state folder is not opened.
#[derive(Debug)]
pub enum Refusal {
    Locked {
        folder: PathBuf,
        pid: Option<u32>,
    },
    /// Of a newer Evenkeel.
    Newer {
        folder: PathBuf,
        format: u32,
        known: u32,
    },
    /// Of another program.
    Foreign {
        file: PathBuf,
    },
    Io {
        what: &'static str,
        path: PathBuf,
        reason: String,
    },
}

impl Refusal {
    pub(super) fn io(what: &'static str, path: &Path, reason: impl fmt::Display) -> Self {
        Self::Io { what, path: path.to_owned(), reason: reason.to_string() }
    }
}

impl Failure {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }

    pub(super) fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full(error.to_string())
            }
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Full(reason) | Self::Broken(reason)) = self;
        f.write_str(reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { folder, pid } => {
                let by = pid.map_or_else(String::new, |pid| format!(" by process {pid}"));
                let folder = folder.display();
                write!(f, "the state folder {folder} is in use{by}: stop that one, or set another `data_dir`")
            }
            Self::Newer { folder, format, known } => {
                let folder = folder.display();
                write!(
                    f,
                    "the state in {folder} has format {format}, and this Evenkeel knows {known} at most: start the newer one again, or restore a backup of before"
                )
            }
            Self::Foreign { file } => {
                let file = file.display();
                write!(f, "{file} is the database of another program: set another `data_dir`")
            }
            Self::Io { what, path, reason } => {
                let path = path.display();
                let advice = match *what {
                    "back up to" | "make the folder" | "sync" => {
                        "name a folder that is new or empty, where this user may write"
                    }
                    "read" => "name the folder of a state, or of a copy of one",
                    _ => "set `data_dir` to a folder that this user may write to",
                };
                write!(f, "can not {what} {path}: {reason}; {advice}")
            }
        }
    }
}

impl std::error::Error for Refusal {}
