//! How many headers a head of HTTP/2 has, before hyper unpacks it. HPACK says a header again in one byte, so a head
//! within the limit on bytes could take a hundred times as much memory as it has bytes on the wire.
//!
//! Nothing is decoded: texts are passed over by their length. What is no HPACK is left to hyper to refuse.

/// Pseudo-headers are among them.
const HEADERS_MAX: usize = 100;

/// Hyper refuses what is longer: unpacked it is not shorter.
const BLOCK_BYTES_MAX: usize = 64 * 1024;

const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The head that comes in, over all of its frames.
#[derive(Debug, Default)]
pub(super) struct Head {
    block: Vec<u8>,
    /// Where the content of the frame begins that comes in.
    frame_at: usize,
    is_too_long: bool,
}

impl Head {
    /// `is_first`: a frame of headers, not one that goes on.
    pub(super) fn begin_frame(&mut self, is_first: bool) {
        if is_first {
            self.block.clear();
            self.is_too_long = false;
        }
        self.frame_at = self.block.len();
    }

    pub(super) fn take(&mut self, content: &[u8]) {
        self.is_too_long |= self.block.len() + content.len() > BLOCK_BYTES_MAX;
        if !self.is_too_long {
            self.block.extend_from_slice(content);
        }
    }

    /// Whether the head, where it ends with this frame, has more headers than it may.
    pub(super) fn ends_with_too_many(&mut self, is_first: bool, flags: u8) -> bool {
        if is_first && flags & (PADDED | PRIORITY) != 0 {
            let padding = if flags & PADDED != 0 { self.block.get(self.frame_at).copied() } else { None };
            let before = usize::from(padding.is_some()) + if flags & PRIORITY != 0 { 5 } else { 0 };
            let end = self.block.len().saturating_sub(usize::from(padding.unwrap_or(0)));
            self.block.truncate(end.max(self.frame_at));
            let before = (self.frame_at + before).min(self.block.len());
            self.block.drain(self.frame_at..before);
        }
        let ends = flags & END_HEADERS != 0 && !self.is_too_long;
        ends && count(&self.block) > HEADERS_MAX
    }
}

/// RFC 7541, section 6; up to where it is no HPACK.
fn count(mut block: &[u8]) -> usize {
    let mut headers = 0;
    while let Some(&first) = block.first() {
        let (prefix, has_value) = match first {
            0x80.. => (0x7f, false),
            0x40.. => (0x3f, true),
            0x20.. => (0x1f, false), // another size of the table
            _ => (0x0f, true),
        };
        let Some(index) = integer(&mut block, prefix) else { break };
        let texts = if has_value { 1 + usize::from(index == 0) } else { 0 };
        if (0..texts).any(|_| skip_text(&mut block).is_none()) {
            break;
        }
        headers += usize::from(!(0x20..0x40).contains(&first));
    }
    headers
}

/// RFC 7541, 5.1; `prefix` is the part of the first byte that belongs to it.
fn integer(block: &mut &[u8], prefix: u8) -> Option<usize> {
    let (first, mut rest) = block.split_first()?;
    let mut value = usize::from(first & prefix);
    if first & prefix == prefix {
        for shift in [0, 7, 14, 21] {
            let (byte, after) = rest.split_first()?;
            rest = after;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *block = rest;
                return Some(value);
            }
        }
        return None;
    }
    *block = rest;
    Some(value)
}

fn skip_text(block: &mut &[u8]) -> Option<()> {
    let length = integer(block, 0x7f)?;
    *block = block.get(length..)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &[u8] = b"\x83\x86\x04\x01/\x0f\x10\x10application/grpc";

    fn head(frames: &[(u8, &[u8])]) -> bool {
        let mut head = Head::default();
        let mut too_many = false;
        for (index, (flags, content)) in frames.iter().enumerate() {
            head.begin_frame(index == 0);
            content.chunks(3).for_each(|part| head.take(part));
            too_many = head.ends_with_too_many(index == 0, *flags);
        }
        too_many
    }

    #[test]
    fn each_form_of_a_header_counts_once_and_a_size_of_the_table_does_not() {
        for (block, headers) in [
            (&b""[..], 0),
            (POST, 4),
            (b"\x82\xbe\xff\x80\x01", 3),
            (b"\x40\x01a\x01b\x00\x01a\x01b\x10\x01a\x01b", 3),
            (b"\x41\x01b\x01\x01b\x11\x01b", 3),
            (b"\x20\x3f\xe1\x1f\x82", 1),
            (b"\x40\x01a\x7f\x01", 0),
            (b"\xff\xff\xff\xff\xff\xff\xff", 0),
        ] {
            assert_eq!(count(block), headers, "{block:x?}");
        }
        let long = [&b"\x00\x01a\x7f\x81\x01"[..], &[b'v'; 256], b"\x82"].concat();
        assert_eq!(count(&long), 2, "a value of 256 bytes");
    }

    #[test]
    fn a_hundred_headers_pass_and_one_more_does_not_however_they_are_framed() {
        let repeated = |times| [POST, &b"\xbe".repeat(times)].concat();
        let (good, bad) = (repeated(96), repeated(97));
        assert!(!head(&[(END_HEADERS, &good)]) && head(&[(END_HEADERS, &bad)]));
        assert!(!head(&[(0, &bad)]), "it has not ended");
        assert!(head(&[(0, &bad[..7]), (0, b""), (END_HEADERS, &bad[7..])]));
        let padded = |block: &[u8]| [b"\x07\0\0\0\0\x10", block, &[0x82; 7]].concat();
        assert!(!head(&[(END_HEADERS | PADDED | PRIORITY, &padded(&good))]));
        assert!(head(&[(END_HEADERS | PADDED | PRIORITY, &padded(&bad))]));
        assert!(!head(&[(END_HEADERS | PADDED, b"\xff")]) && !head(&[(END_HEADERS | PRIORITY, b"\0")]));
        let endless = vec![0x82; BLOCK_BYTES_MAX + 1];
        assert!(!head(&[(0, &endless), (END_HEADERS, b"\x82")]), "hyper refuses it");
    }
}
