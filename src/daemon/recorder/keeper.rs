//! The recording that a daemon keeps of itself: segments in a folder, within bytes and age. What it can not write stops
//! it for a while, and nobody else.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Item, Recorder, Shot, Shots};
use crate::config;
use crate::engine::Image;
use crate::model::Now;
use crate::recording::{Folder, Header, Writer};

/// A segment is not ended before, unless it is large.
const SEGMENT_MIN: Duration = Duration::from_secs(3600);
/// Of what may be kept, one segment is so small a part: that much goes at once.
const SEGMENTS: u64 = 8;
/// After a failure.
const RETRY: Duration = Duration::from_secs(60);
/// After an image that is too large: a state gets smaller slowly, and such an image takes its time.
const RETRY_LARGE: Duration = Duration::from_secs(3600);

struct Open {
    writer: Writer<File>,
    path: PathBuf,
    began: Now,
    now: Now,
    image_bytes: u64,
    /// The next segment is on its way.
    is_followed: bool,
}

pub(in crate::daemon) struct Keeper {
    shots: Shots,
    folder: Folder,
    settings: config::Recorder,
    open: Option<Open>,
    retry_at: Option<Instant>,
    /// Images of the state are too large to be kept, and that has been said.
    is_too_large: bool,
}

impl Keeper {
    /// An error is for the log: a daemon that can not record goes on.
    pub fn begin(recorder: &Arc<Recorder>, path: &Path, settings: config::Recorder) -> io::Result<Self> {
        let folder = Folder::open(path)?;
        let refused = |refused| io::Error::other(format!("nothing can be recorded: {refused:?}"));
        let shots = recorder.listen(false).map_err(refused)?;
        Ok(Self { shots, folder, settings, open: None, retry_at: None, is_too_large: false })
    }

    /// Until the ledger is gone.
    pub fn run(mut self) {
        while let Some(item) = self.shots.next() {
            self.take(&item);
        }
        self.end();
    }

    /// What waits, for who turns it by hand.
    #[cfg(test)]
    pub fn turn(&mut self) {
        while let Some(item) = self.shots.next_here() {
            self.take(&item);
        }
    }

    fn take(&mut self, item: &Item) {
        if let Err(error) = self.write(item) {
            self.fail(&error.to_string());
        }
        let is_configured = |shot: &Shot| matches!(shot, Shot::Configured { .. });
        if self.is_too_large && matches!(item, Item::Shot(shot) if is_configured(shot)) {
            self.retry_at = Some(Instant::now());
        }
        if self.open.is_none() && self.retry_at.is_some_and(|at| at <= Instant::now()) {
            self.retry_at = None;
            self.shots.ask_for_image();
        }
        let counters = &self.shots.recorder;
        counters.on.store(self.open.is_some(), Ordering::Relaxed);
        let open = self.open.as_ref().map_or(0, |open| open.writer.bytes());
        counters.kept_bytes.store(self.folder.bytes() + open, Ordering::Relaxed);
    }

    fn write(&mut self, item: &Item) -> io::Result<()> {
        if let Item::Shot(shot) = item
            && let Shot::Image { header, image } = &**shot
        {
            self.end();
            let bytes = self.begin_segment(header, image)?;
            if bytes > self.settings.max_bytes / 2 {
                self.give_up(bytes);
            }
            return Ok(());
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let before = open.writer.bytes();
        match item {
            Item::Gap(groups) => open.writer.gap(*groups)?,
            Item::Shot(shot) => match &**shot {
                Shot::Image { .. } => {}
                Shot::Group { now, decided, records, masks } => {
                    open.now = *now;
                    open.writer.group(*decided, &self.shots.records(records, *masks)?)?;
                }
                Shot::Configured { now, decided, plan } => open.writer.configured(*now, *decided, plan)?,
            },
        }
        let written = open.writer.bytes() - before;
        self.shots.recorder.written_bytes.fetch_add(written, Ordering::Relaxed);
        if self.is_long()
            && let Some(open) = &mut self.open
            && !std::mem::replace(&mut open.is_followed, true)
        {
            self.shots.ask_for_image();
        }
        Ok(())
    }

    /// The bytes of its image.
    fn begin_segment(&mut self, header: &Header, image: &Image) -> io::Result<u64> {
        let (bytes_max, now) = (self.settings.max_bytes, header.began);
        self.folder.make_room(now, bytes_max / SEGMENTS, bytes_max, self.settings.max_age)?;
        let (path, file) = self.folder.create(now)?;
        let writer = Writer::begin(file, header)?;
        let open =
            self.open.insert(Open { writer, path, began: now, now, image_bytes: 0, is_followed: false });
        open.writer.image(now, &self.shots.image(image)?)?;
        let bytes = open.writer.bytes();
        self.shots.recorder.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        if bytes <= bytes_max / 2 {
            open.image_bytes = bytes;
            self.is_too_large = false;
            self.folder.make_room(now, bytes + bytes_max / SEGMENTS, bytes_max, self.settings.max_age)?;
        }
        Ok(bytes)
    }

    /// Images are to be the smaller part of what is kept, and what goes at once a small one.
    fn is_long(&self) -> bool {
        let Some(open) = &self.open else { return false };
        let max = self.settings.max_bytes;
        let age = Duration::from_nanos(open.now.0.saturating_sub(open.began.0));
        let is_large = open.writer.bytes() >= (max / SEGMENTS).max(2 * open.image_bytes).min(max / 2);
        let has_much = age >= SEGMENT_MIN && open.writer.bytes() >= 2 * open.image_bytes;
        is_large || has_much || age >= self.settings.max_age / SEGMENTS as u32
    }

    fn end(&mut self) {
        if let Some(mut open) = self.open.take() {
            // A segment without its end is told as cut when it is read.
            let _full = open.writer.end();
            self.folder.ended(open.path, open.writer.bytes());
        }
    }

    fn fail(&mut self, reason: &str) {
        tracing::error!(reason, "recorder.failed");
        self.shots.recorder.failures.fetch_add(1, Ordering::Relaxed);
        self.stop_for(RETRY);
    }

    /// Said once: it is no news each time that it is looked at again.
    fn give_up(&mut self, image_bytes: u64) {
        if !std::mem::replace(&mut self.is_too_large, true) {
            let reason = format!(
                "an image of the state has {image_bytes} bytes, and `recorder.max_bytes` is {}: give it more than twice as much, or set `recorder.folded` to false; nothing is recorded until the state is smaller, which is looked at after a reload and once an hour",
                self.settings.max_bytes
            );
            tracing::error!(reason, "recorder.failed");
            self.shots.recorder.failures.fetch_add(1, Ordering::Relaxed);
        }
        self.stop_for(RETRY_LARGE);
    }

    fn stop_for(&mut self, time: Duration) {
        self.retry_at = Some(Instant::now() + time);
        // What stands in the file may end anywhere: nothing is added to it.
        match self.open.take() {
            Some(open) if open.image_bytes > 0 => {
                self.folder.ended(open.path, open.writer.bytes());
            }
            // Without an image nothing of it can be replayed: the volume may need the room.
            Some(open) => drop(std::fs::remove_file(open.path)),
            None => {}
        }
    }
}
