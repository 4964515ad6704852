//! What a program or an endpoint says: read to its end, kept within bounds, and shown without what harms a reader.

use std::collections::VecDeque;

use crate::respond::{Secret, without};

/// What is kept of a command's output: its beginning and its end.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 * 1024;
const HALF: usize = OUTPUT_BYTES_MAX / 2;
/// Lines of a secret that has several are hidden one by one, unless they are shorter.
const LINE_CHARS_MIN: usize = 8;

/// Takes any amount of bytes.
#[derive(Default)]
pub(super) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// Between both.
    left_out: u64,
}

impl Kept {
    pub fn push(&mut self, mut bytes: &[u8]) {
        let room = HALF - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        if rest.len() > HALF {
            let (over, end) = rest.split_at(rest.len() - HALF);
            self.left_out += (self.tail.len() + over.len()) as u64;
            self.tail.clear();
            bytes = end;
        } else {
            bytes = rest;
        }
        let over = (self.tail.len() + bytes.len()).saturating_sub(HALF);
        self.tail.drain(..over);
        self.left_out += over as u64;
        self.tail.extend(bytes);
    }

    /// For people: at most [`OUTPUT_BYTES_MAX`] bytes and a line about what is not there.
    pub fn told(&self, hidden: &Hidden) -> String {
        let (tail, rest) = self.tail.as_slices();
        let tail = [tail, rest].concat();
        if self.left_out == 0 {
            let text = hidden.cleaned(&[&*self.head, &*tail].concat());
            if text.len() <= OUTPUT_BYTES_MAX {
                return text;
            }
            let over = text.len() - OUTPUT_BYTES_MAX;
            return joined(first(&text, HALF), over as u64, last(&text, HALF));
        }
        let head = hidden.cleaned_before_a_cut(&self.head);
        let tail = hidden.cleaned_after_a_cut(&tail);
        joined(first(&head, HALF), self.left_out, last(&tail, HALF))
    }
}

fn joined(head: &str, left_out: u64, tail: &str) -> String {
    format!("{head}\n(… {left_out} bytes are left out …)\n{tail}")
}

/// As much of the beginning as fits.
pub(super) fn first(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn last(text: &str, bytes_max: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes_max))..]
}

/// What nobody may read in what others say.
pub(super) struct Hidden(Vec<Secret>);

impl Hidden {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut texts: Vec<&str> = Vec::new();
        for text in secrets.into_iter().map(Secret::reveal) {
            let lines = text.lines().map(str::trim).filter(|line| line.len() >= LINE_CHARS_MIN);
            texts.extend([text, text.trim()].into_iter().chain(lines));
        }
        texts.retain(|text| !text.is_empty());
        // A secret may hold another one.
        texts.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        texts.dedup();
        Self(texts.into_iter().map(Secret::new).collect())
    }

    /// Letters and plain signs; of what steers a terminal, newline and tab.
    pub fn cleaned(&self, bytes: &[u8]) -> String {
        let mut text = without(&self.0, &String::from_utf8_lossy(bytes));
        text.retain(is_shown);
        without(&self.0, &text)
    }

    /// What is after it is not known, so that a secret may have begun in it.
    fn cleaned_before_a_cut(&self, bytes: &[u8]) -> String {
        let mut text = self.cleaned(bytes);
        text.truncate(text.trim_end_matches('\u{fffd}').len());
        let begun = |secret: &Secret| {
            let secret = secret.reveal();
            let parts = (1..secret.len()).rev().filter(|end| secret.is_char_boundary(*end));
            parts.map(|end| &secret[..end]).find(|part| text.ends_with(part)).map_or(0, str::len)
        };
        let longest = self.0.iter().map(begun).max().unwrap_or(0);
        text.truncate(text.len() - longest);
        text
    }

    fn cleaned_after_a_cut(&self, bytes: &[u8]) -> String {
        let text = self.cleaned(bytes);
        let text = text.trim_start_matches('\u{fffd}');
        let ended = |secret: &Secret| {
            let secret = secret.reveal();
            let parts = (1..secret.len()).filter(|start| secret.is_char_boundary(*start));
            parts.map(|start| &secret[start..]).find(|part| text.starts_with(part)).map_or(0, str::len)
        };
        let longest = self.0.iter().map(ended).max().unwrap_or(0);
        text[longest..].to_owned()
    }
}

fn is_shown(c: char) -> bool {
    // What turns the direction of a line makes it read as another one.
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (!c.is_control() || matches!(c, '\n' | '\t')) && !turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(secrets: &[&str]) -> Hidden {
        Hidden::new(&secrets.iter().map(|text| Secret::new(*text)).collect::<Vec<_>>())
    }

    fn kept(pieces: &[&[u8]]) -> Kept {
        let mut kept = Kept::default();
        pieces.iter().for_each(|piece| kept.push(piece));
        kept
    }

    #[test]
    fn what_fits_is_kept_to_the_byte_in_whatever_pieces_it_comes() {
        let text = "0123456789abcdef".repeat(OUTPUT_BYTES_MAX / 16);
        for size in [1, 7, 4_096, HALF, HALF + 1, OUTPUT_BYTES_MAX] {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert!(kept(&pieces).told(&hidden(&[])) == text, "{size}");
        }
    }

    #[test]
    fn of_more_the_beginning_and_the_end_are_kept_with_a_line_between() {
        let (head, tail) = ("a".repeat(HALF), "z".repeat(HALF));
        let all = format!("{head}{}{tail}", "-".repeat(100_000));
        for size in [1, 7, HALF, HALF + 1, 70_000, all.len()] {
            let pieces: Vec<&[u8]> = all.as_bytes().chunks(size).collect();
            let told = kept(&pieces).told(&hidden(&[]));
            assert!(told == format!("{head}\n(… 100000 bytes are left out …)\n{tail}"), "{size}");
        }
    }

    #[test]
    fn a_flood_takes_no_more_room_than_what_is_kept_of_it() {
        let mut kept = Kept::default();
        (0..5_000).for_each(|_| kept.push(&[b'x'; 10_000]));
        assert_eq!(kept.left_out, 50_000_000 - OUTPUT_BYTES_MAX as u64);
        let room = kept.head.capacity() + kept.tail.capacity();
        assert!(room <= 3 * OUTPUT_BYTES_MAX, "{room}");
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out_and_what_is_no_text_is_replaced() {
        let text = "a\tb\r\nc\x1b[31m\x07\0\u{9b}\u{202e}\u{7f}d ä";
        assert_eq!(hidden(&[]).cleaned(text.as_bytes()), "a\tb\nc[31md ä");
        assert_eq!(hidden(&[]).cleaned(b"\xff\xfeok"), "\u{fffd}\u{fffd}ok");
        let told = kept(&[&[0xff; OUTPUT_BYTES_MAX]]).told(&hidden(&[]));
        assert!(told.len() < OUTPUT_BYTES_MAX + 64, "{}", told.len());
    }

    #[test]
    fn secrets_are_taken_out_whole_in_lines_and_behind_control_characters() {
        let hidden =
            hidden(&["hunter2\n", "hunter2-and-more", "-----KEY-----\nMIIabcdefgh\nMIIijklmnop\n", "abc"]);
        let clean = |text: &str| hidden.cleaned(text.as_bytes());
        assert_eq!(clean("is hunter2."), "is (secret).");
        assert_eq!(clean("is hun\0ter2."), "is (secret).");
        assert_eq!(clean("is hunter2-and-more."), "is (secret).");
        assert_eq!(clean("> MIIabcdefgh\r\n> MIIijklmnop"), "> (secret)\n> (secret)");
        assert_eq!(clean("abc is too short to be told from text"), "abc is too short to be told from text");
    }

    #[test]
    fn no_part_of_a_secret_is_left_where_output_is_cut() {
        let secret = "s3cr3t-of-some-length";
        for shift in 0..=secret.len() {
            let before = HALF - shift;
            let all =
                format!("{}{secret}{}{secret}{}", "-".repeat(before), "+".repeat(90_000), "=".repeat(before));
            let told = kept(&[all.as_bytes()]).told(&hidden(&[secret]));
            for part in ["s3c", "3cr3", "gth", "leng"] {
                assert!(!told.contains(part), "{shift}: {part}");
            }
        }
    }
}
