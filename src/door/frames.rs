//! A look at the heads of HTTP/2's frames as they come in, before hyper sees them. Some frames are free for
//! who sends them and cost us work: resets of streams that we began to answer, settings and pings that we
//! have to acknowledge, frames that say nothing. A peer that sends many in a short time is told to go, and so is one
//! whose head has more headers than it may.
//!
//! Everything else about HTTP/2 is hyper's business. A connection of HTTP/1 is looked at for one byte.

use std::time::Duration;

use tokio::time::Instant;

use super::heads::Head;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES: usize = 9;

/// Limits hold for a window of this length.
const WINDOW: Duration = Duration::from_secs(10);
const RESETS_MAX: u32 = 200;
/// Settings, pings, priorities, frames without content, and those of unknown types.
const IDLE_FRAMES_MAX: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flood;

#[derive(Debug)]
pub(super) struct Frames {
    place: Place,
    began: Option<Instant>,
    resets: u32,
    idle: u32,
    head: Head,
}

#[derive(Debug)]
enum Place {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// No HTTP/2.
    Elsewhere,
    Head {
        bytes: [u8; HEAD_BYTES],
        have: usize,
    },
    /// So many bytes of a frame's content are still to come.
    Content(usize, Kind),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Other,
    /// The flags of a frame of headers.
    Headers(u8),
    /// Of one that goes on.
    Continuation(u8),
}

const NEXT_HEAD: Place = Place::Head { bytes: [0; HEAD_BYTES], have: 0 };

impl Default for Frames {
    fn default() -> Self {
        Self { place: Place::Preface(0), began: None, resets: 0, idle: 0, head: Head::default() }
    }
}

impl Frames {
    /// The preface has come, and a frame's head after it.
    pub(super) fn are_here(&self) -> bool {
        self.began.is_some()
    }

    pub(super) fn look(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Elsewhere => return Ok(()),
                Place::Preface(have) => {
                    let part = bytes.len().min(PREFACE.len() - *have);
                    if bytes[..part] != PREFACE[*have..*have + part] {
                        self.place = Place::Elsewhere;
                        return Ok(());
                    }
                    *have += part;
                    if *have == PREFACE.len() {
                        self.place = NEXT_HEAD;
                    }
                    bytes = &bytes[part..];
                }
                Place::Head { bytes: head, have } => {
                    let part = bytes.len().min(HEAD_BYTES - *have);
                    head[*have..*have + part].copy_from_slice(&bytes[..part]);
                    *have += part;
                    bytes = &bytes[part..];
                    if *have == HEAD_BYTES {
                        let head = *head;
                        self.frame(head)?;
                    }
                }
                Place::Content(left, kind) => {
                    let part = bytes.len().min(*left);
                    *left -= part;
                    let (kind, is_whole) = (*kind, *left == 0);
                    if !matches!(kind, Kind::Other) {
                        self.head.take(&bytes[..part]);
                    }
                    if is_whole {
                        self.place = NEXT_HEAD;
                        self.end(kind)?;
                    }
                    bytes = &bytes[part..];
                }
            }
        }
        Ok(())
    }

    fn frame(&mut self, [l0, l1, l2, kind, flags, ..]: [u8; HEAD_BYTES]) -> Result<(), Flood> {
        const DATA: u8 = 0;
        const HEADERS: u8 = 1;
        const RST_STREAM: u8 = 3;
        const GOAWAY: u8 = 7;
        const WINDOW_UPDATE: u8 = 8;
        const CONTINUATION: u8 = 9;
        const END_STREAM: u8 = 1;

        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let content = match kind {
            HEADERS => Kind::Headers(flags),
            CONTINUATION => Kind::Continuation(flags),
            _ => Kind::Other,
        };
        if !matches!(content, Kind::Other) {
            self.head.begin_frame(kind == HEADERS);
        }
        self.place = Place::Content(length, content);
        if length == 0 {
            self.place = NEXT_HEAD;
            self.end(content)?;
        }
        let ends_stream = flags & END_STREAM != 0;
        let (resets, idle) = match kind {
            RST_STREAM => (1, 0),
            DATA if length > 0 || ends_stream => (0, 0),
            HEADERS | GOAWAY | WINDOW_UPDATE | CONTINUATION => (0, 0),
            _ => (0, 1),
        };
        // The clock is asked for the first frame, and for those that are counted.
        if self.began.is_some() && resets + idle == 0 {
            return Ok(());
        }
        let now = Instant::now();
        if self.began.is_none_or(|began| now - began > WINDOW) {
            (self.began, self.resets, self.idle) = (Some(now), 0, 0);
        }
        self.resets += resets;
        self.idle += idle;
        if self.resets > RESETS_MAX || self.idle > IDLE_FRAMES_MAX { Err(Flood) } else { Ok(()) }
    }

    /// The content of a frame is here.
    fn end(&mut self, kind: Kind) -> Result<(), Flood> {
        let too_many = match kind {
            Kind::Other => false,
            Kind::Headers(flags) => self.head.ends_with_too_many(true, flags),
            Kind::Continuation(flags) => self.head.ends_with_too_many(false, flags),
        };
        if too_many { Err(Flood) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], content].concat()
    }

    fn begun() -> Frames {
        let mut frames = Frames::default();
        frames.look(PREFACE).unwrap();
        frames
    }

    /// How many of such frames pass.
    fn pass(frame: &[u8]) -> usize {
        let mut frames = begun();
        (0..5_000).take_while(|_| frames.look(frame).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_cost_their_sender_nothing_are_limited() {
        assert_eq!(pass(&frame(3, 0, b"\0\0\0\x08")), 200, "resets");
        assert_eq!(pass(&frame(4, 0, b"")), 1_000, "settings");
        assert_eq!(pass(&frame(6, 0, b"12345678")), 1_000, "pings");
        assert_eq!(pass(&frame(2, 0, b"12345")), 1_000, "priorities");
        assert_eq!(pass(&frame(0, 0, b"")), 1_000, "data without content");
        assert_eq!(pass(&frame(250, 0, b"?")), 1_000, "a type that does not exist");
        assert_eq!(pass(&frame(0, 0, b"data")), 5_000);
        assert_eq!(pass(&frame(0, 1, b"")), 5_000, "the end of a stream");
        assert_eq!(pass(&frame(1, 4, b"headers")), 5_000);
        assert_eq!(pass(&frame(8, 0, b"1234")), 5_000, "windows");
        assert_eq!(pass(&frame(1, 4, &[0x82; 100])), 5_000, "heads of a hundred headers");
        assert_eq!(pass(&frame(1, 4, &[0x82; 101])), 0, "a head of one more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_window_begins_from_nothing() {
        let (mut frames, reset) = (begun(), frame(3, 0, b"\0\0\0\x08"));
        for _ in 0..3 {
            for _ in 0..200 {
                assert_eq!(frames.look(&reset), Ok(()));
            }
            tokio::time::advance(WINDOW + Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_found_however_they_are_cut() {
        let all = [PREFACE, &frame(4, 0, b"123456"), &frame(0, 0, &[3; 100]), &frame(3, 0, b"\0\0\0\x08")];
        for size in [1, 2, 7, 9, 24, 25, 1_000] {
            let mut frames = Frames::default();
            for part in all.concat().chunks(size) {
                frames.look(part).unwrap();
            }
            assert_eq!((frames.resets, frames.idle, frames.are_here()), (1, 1, true), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn http1_is_not_looked_at() {
        let mut frames = Frames::default();
        frames.look(b"P").unwrap();
        frames.look(b"OST / HTTP/1.1\r\n").unwrap();
        frames.look(&frame(3, 0, b"\0\0\0\x08").repeat(500)).unwrap();
        assert!(!frames.are_here());
    }
}
