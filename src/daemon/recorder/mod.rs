//! The flight recorder: what the ledger took in, on its way to recordings. The loop cuts it into shots, the committer hands
//! them out with the group that they belong to, and whoever records takes them from a queue of their own. A full queue
//! holds nobody up: the recording has a gap that says so, and goes on from the next image.

mod keeper;
mod tap;
mod tape;

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::engine::{Image, Mask};
use crate::model::Now;
use crate::recording::Header;
pub(super) use keeper::Keeper;
pub(super) use tap::tap;
pub(super) use tape::Tape;

/// Groups that may wait for one recording, and their bytes.
const QUEUE_MAX: usize = 1_024;
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Recordings that are tapped at a time.
const TAPS_MAX: usize = 4;

/// What a recording is made of, as the ledger's loop hands it out.
#[derive(Debug)]
pub(super) enum Shot {
    Image {
        header: Header,
        image: Image,
    },
    /// `masks`: events of it may hold what is to be masked.
    Group {
        now: Now,
        decided: u64,
        records: Vec<u8>,
        masks: bool,
    },
    Configured {
        now: Now,
        decided: u64,
        plan: Vec<u8>,
    },
}

impl Shot {
    fn bytes(&self) -> usize {
        match self {
            // Shared with the engine, and seldom.
            Self::Image { .. } => 0,
            Self::Group { records: bytes, .. } | Self::Configured { plan: bytes, .. } => bytes.len(),
        }
    }
}

#[derive(Clone, Debug)]
enum Item {
    Shot(Arc<Shot>),
    /// So many groups did not come.
    Gap(u64),
}

/// What both ends of one queue know.
#[derive(Debug, Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    /// Something did not find room: an image is asked for once there is some.
    is_lost: AtomicBool,
    /// The next image is wanted, though nothing is lost.
    wants_image: AtomicBool,
}

/// The end of a queue that the committer fills.
#[derive(Debug)]
struct Sink {
    to: Sender<Item>,
    shared: Arc<Shared>,
    has_begun: bool,
    is_whole: bool,
    missed: u64,
    is_tap: bool,
}

/// The end of it from which a recording is made.
pub(super) struct Shots {
    from: Receiver<Item>,
    shared: Arc<Shared>,
    recorder: Arc<Recorder>,
}

/// Why nobody more can record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Fleeting,
}

/// For the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RecorderCounts {
    /// A segment is being written.
    pub on: bool,
    /// Of the folder.
    pub kept_bytes: u64,
    pub written_bytes: u64,
    /// Groups that no recording has because they came too fast.
    pub missed: u64,
    pub failures: u64,
}

/// Hands out what the ledger took in.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    sinks: Mutex<Vec<Sink>>,
    is_wanted: AtomicBool,
    is_fleeting: AtomicBool,
    wants_image: AtomicBool,
    on: AtomicBool,
    kept_bytes: AtomicU64,
    written_bytes: AtomicU64,
    missed: AtomicU64,
    failures: AtomicU64,
    mask: Mask,
}

impl Recorder {
    pub fn new(mask: Mask) -> Self {
        Self { mask, ..Self::default() }
    }

    /// Of a state that is not written down there are no records.
    pub fn set_fleeting(&self) {
        self.is_fleeting.store(true, Ordering::Release);
    }

    /// Shots from the next image on.
    pub fn listen(self: &Arc<Self>, is_tap: bool) -> Result<Shots, Refused> {
        if self.is_fleeting.load(Ordering::Acquire) {
            return Err(Refused::Fleeting);
        }
        let (to, from) = channel(QUEUE_MAX);
        let shared = Arc::<Shared>::default();
        let sink =
            Sink { to, shared: Arc::clone(&shared), has_begun: false, is_whole: false, missed: 0, is_tap };
        let mut sinks = self.sinks();
        sinks.retain(|sink| !sink.to.is_closed());
        if is_tap && sinks.iter().filter(|sink| sink.is_tap).count() >= TAPS_MAX {
            return Err(Refused::Full);
        }
        sinks.push(sink);
        self.is_wanted.store(true, Ordering::Release);
        self.wants_image.store(true, Ordering::Release);
        drop(sinks);
        Ok(Shots { from, shared, recorder: Arc::clone(self) })
    }

    /// Never blocks.
    pub fn offer(&self, shots: Vec<Shot>) {
        if shots.is_empty() {
            return;
        }
        let mut sinks = self.sinks();
        for shot in shots.into_iter().map(Arc::new) {
            let missed = sinks.iter_mut().map(|sink| sink.take(&shot)).sum();
            self.missed.fetch_add(missed, Ordering::Relaxed);
        }
        sinks.retain(|sink| !sink.to.is_closed());
        // Whoever emptied a queue just before did not know that something was lost.
        let is_stuck = |sink: &Sink| {
            sink.shared.is_lost.load(Ordering::Acquire) && sink.to.capacity() == sink.to.max_capacity()
        };
        if sinks.iter().any(is_stuck) {
            self.wants_image.store(true, Ordering::Release);
        }
        self.is_wanted.store(!sinks.is_empty(), Ordering::Release);
    }

    /// Whoever taps is at the end; the folder's recording goes on.
    pub fn close_taps(&self) {
        self.sinks().retain(|sink| !sink.is_tap);
    }

    pub fn close(&self) {
        self.sinks().clear();
    }

    pub fn counts(&self) -> RecorderCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RecorderCounts {
            on: self.on.load(Ordering::Relaxed),
            kept_bytes: read(&self.kept_bytes),
            written_bytes: read(&self.written_bytes),
            missed: read(&self.missed),
            failures: read(&self.failures),
        }
    }

    fn sinks(&self) -> std::sync::MutexGuard<'_, Vec<Sink>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// How many groups found no room.
    fn take(&mut self, shot: &Arc<Shot>) -> u64 {
        let is_image = matches!(**shot, Shot::Image { .. });
        match (is_image, self.is_whole) {
            (true, true) if !self.shared.wants_image.swap(false, Ordering::AcqRel) => 0,
            (true, _) => {
                if self.missed > 0 && self.send(Item::Gap(self.missed), 0) {
                    self.missed = 0;
                }
                self.is_whole = self.missed == 0 && self.send(Item::Shot(Arc::clone(shot)), 0);
                self.has_begun |= self.is_whole;
                self.shared.is_lost.store(!self.is_whole, Ordering::Release);
                0
            }
            (false, true) if self.send(Item::Shot(Arc::clone(shot)), shot.bytes()) => 0,
            (false, _) if !self.has_begun => 0,
            (false, _) => {
                self.missed += 1;
                self.is_whole = false;
                self.shared.is_lost.store(true, Ordering::Release);
                1
            }
        }
    }

    fn send(&self, item: Item, bytes: usize) -> bool {
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
        let sent = (queued == 0 || queued + bytes <= QUEUE_BYTES_MAX) && self.to.try_send(item).is_ok();
        if !sent {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        }
        sent
    }
}

impl Shots {
    /// `None`: there will be no more.
    fn next(&mut self) -> Option<Item> {
        let item = self.from.blocking_recv();
        self.took(item.as_ref());
        item
    }

    #[cfg(test)]
    fn next_here(&mut self) -> Option<Item> {
        let item = self.from.try_recv().ok();
        self.took(item.as_ref());
        item
    }

    fn took(&self, item: Option<&Item>) {
        if let Some(Item::Shot(shot)) = item {
            self.shared.queued_bytes.fetch_sub(shot.bytes(), Ordering::AcqRel);
        }
        if self.from.is_empty() && self.shared.is_lost.load(Ordering::Acquire) {
            self.recorder.wants_image.store(true, Ordering::Release);
        }
    }

    /// As it may be written down.
    fn records<'r>(&self, records: &'r [u8], masks: bool) -> io::Result<Cow<'r, [u8]>> {
        Ok(if masks { Cow::Owned(self.recorder.mask.records(records)?) } else { Cow::Borrowed(records) })
    }

    fn image(&self, image: &Image) -> io::Result<Image> {
        self.recorder.mask.image(image)
    }

    fn ask_for_image(&self) {
        self.shared.wants_image.store(true, Ordering::Release);
        self.recorder.wants_image.store(true, Ordering::Release);
    }
}

/// Whoever records is at the end when this is gone, in whatever way.
#[derive(Debug)]
pub(super) struct Feed(pub Arc<Recorder>);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests;
