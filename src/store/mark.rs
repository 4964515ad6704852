//! How far the journal was durable, beside the database: SQLite ends its log at the first page that is damaged and says
//! nothing, so something else must know how far it went. Written after each commit and not synced: it never claims what
//! is not there, and after a power cut it may claim less.

use std::fs::{File, OpenOptions};
use std::io::Result;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Sequence, frame};

pub(super) const NAME: &str = "committed";

#[derive(Debug)]
pub(super) struct Mark {
    file: File,
}

impl Mark {
    /// And how far it says that the journal went; `None` where it says nothing that holds together.
    pub fn open(folder: &Path) -> Result<(Self, Option<Sequence>)> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join(NAME))?;
        let mut bytes = [0; 64];
        let length = file.read_at(&mut bytes, 0)?;
        let said = frame::read(&bytes[..length]).map(|frame| frame.sequence);
        Ok((Self { file }, said))
    }

    pub fn set(&self, sequence: Sequence) -> Result<()> {
        self.file.write_all_at(&frame::write(sequence, 0, &[]).0, 0)
    }
}
