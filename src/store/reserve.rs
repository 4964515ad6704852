//! Room on the volume that is set aside while there is some, and given back when there is none: what must still be
//! written then (that the volume is full) finds a place.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

pub(super) const NAME: &str = "reserve";
const BYTES: u64 = 64 * 1024 * 1024;
/// Of a small volume, a share of what is free.
const SHARE: u64 = 16;

#[derive(Debug)]
pub struct Reserve {
    file: PathBuf,
    held: bool,
}

impl Reserve {
    pub fn new(folder: &Path) -> Self {
        let mut reserve = Self { file: folder.join(NAME), held: false };
        reserve.take();
        reserve
    }

    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Whether it is there now. Asks for as much again as it takes, so that it does not take the last of it.
    pub fn take(&mut self) -> bool {
        if !self.held {
            self.held = self.allocate().is_ok();
            if !self.held {
                let _not_there = std::fs::remove_file(&self.file);
            }
        }
        self.held
    }

    pub fn give_back(&mut self) {
        let _not_there = std::fs::remove_file(&self.file);
        self.held = false;
    }

    fn allocate(&self) -> std::io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.file)?;
        let held = file.metadata()?.len();
        let volume = statvfs(self.file.parent().unwrap_or(Path::new(".")))?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize).saturating_add(held);
        let bytes = BYTES.min(free / SHARE);
        if bytes < 64 * 1024 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        file.set_len(bytes.min(held))?;
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            // Where nothing can be set aside, there is nothing to wait for either.
            Err(Errno::OPNOTSUPP) => Ok(()),
            other => Ok(other?),
        }
    }
}
