//! One export request as it stands in a file, and where.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::decode::{Encoding, Malformed};

/// The largest request, decompressed.
pub const RECORD_BYTES_MAX: usize = 20 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Record {
    pub(super) place: Place,
    pub(super) encoding: Encoding,
    pub(super) body: Vec<u8>,
}

impl Record {
    /// It is no request.
    pub(super) fn malformed(&self, error: Malformed) -> Broken {
        self.place.broken(match error {
            Malformed::Undecodable(why) => why,
            Malformed::TooMuch(what) => format!("more than {what} in one request"),
        })
    }
}

/// Records in the order of a file; after an error there is none.
pub(super) type Records = Box<dyn Iterator<Item = Result<Record, Broken>> + Send>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Arc<Path>,
    pub(super) at: At,
}

/// From 1, and bytes from 0, of what the file holds decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Line(u64),
    Record { number: u64, offset: u64 },
}

/// A record that can not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub(super) place: Place,
    pub(super) why: String,
}

impl Place {
    pub(super) fn of_file(file: &Path) -> Self {
        Self { file: file.into(), at: At::Line(1) }
    }

    pub(super) fn broken(&self, why: impl Into<String>) -> Broken {
        Broken { place: self.clone(), why: why.into() }
    }

    pub(super) fn unread(&self, error: &io::Error) -> Broken {
        self.broken(format!("it can not be read on: {error}"))
    }

    pub(super) fn too_large(&self) -> Broken {
        self.broken(format!("a request of more than {RECORD_BYTES_MAX} bytes"))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, why) = (self.place.file.display(), &self.why);
        match self.place.at {
            At::Line(line) => write!(f, "{file}:{line}: {why}"),
            At::Record { number, offset } => write!(f, "{file}: record {number} at byte {offset}: {why}"),
        }
    }
}
