//! Requests in JSON, one a line. Empty lines are passed over, and the last one needs no end.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use super::record::{At, Broken, Place, RECORD_BYTES_MAX, Record};
use crate::decode::Encoding;

pub(super) struct Lines<R> {
    reader: R,
    place: Place,
    over: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, file: Arc<Path>) -> Self {
        Self { reader, place: Place { file, at: At::Line(0) }, over: false }
    }

    /// The next line that is not empty.
    fn read(&mut self, number: &mut u64) -> Result<Option<Vec<u8>>, Broken> {
        loop {
            *number += 1;
            self.place.at = At::Line(*number);
            let mut line = Vec::new();
            match read_line(&mut self.reader, &mut line) {
                Err(error) => return Err(self.place.unread(&error)),
                Ok(false) => return Ok(None),
                Ok(true) => {}
            }
            if line.len() > RECORD_BYTES_MAX {
                return Err(self.place.too_large());
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Record, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let At::Line(mut number) = self.place.at else { return None };
        let read = self.read(&mut number);
        self.over = !matches!(read, Ok(Some(_)));
        let record = |body| Record { place: self.place.clone(), encoding: Encoding::Json, body };
        read.transpose().map(|body| body.map(record))
    }
}

/// What a line may be with its end.
const LINE_BYTES_MAX: u64 = RECORD_BYTES_MAX as u64 + 2;

/// Without the line's end, `\n` or `\r\n`. Whether there was anything at all.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let read = reader.take(LINE_BYTES_MAX).read_until(b'\n', line)?;
    line.truncate(line.len() - usize::from(line.ends_with(b"\n")));
    line.truncate(line.len() - usize::from(line.ends_with(b"\r")));
    Ok(read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line numbers with their text, and the error at the end if there is one.
    fn read(bytes: &[u8]) -> (Vec<(u64, String)>, Option<String>) {
        let mut found = Vec::new();
        for one in Lines::new(io::BufReader::with_capacity(3, bytes), Path::new("a.jsonl").into()) {
            match one {
                Ok(Record { place: Place { at: At::Line(line), .. }, body, .. }) => {
                    found.push((line, String::from_utf8(body).unwrap()));
                }
                Ok(other) => panic!("{other:?}"),
                Err(broken) => return (found, Some(broken.to_string())),
            }
        }
        (found, None)
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does() {
        let line = |number, text: &str| (number, text.to_owned());
        for (text, found) in [
            ("", vec![]),
            ("\n", vec![]),
            ("{}", vec![line(1, "{}")]),
            ("{}\n", vec![line(1, "{}")]),
            ("one\r\n\r\n  \t\ntwo\n\n\nthree", vec![line(1, "one"), line(4, "two"), line(7, "three")]),
            ("one\rstill one\n", vec![line(1, "one\rstill one")]),
            ("\r\n\r", vec![]),
        ] {
            assert_eq!(read(text.as_bytes()), (found, None), "{text:?}");
        }
    }

    #[test]
    fn a_line_beyond_the_bound_ends_the_reading_wherever_it_ends() {
        let whole = "x".repeat(RECORD_BYTES_MAX);
        for end in ["", "\n", "\r\n", "\r\nafter"] {
            let (found, error) = read(format!("first\n{whole}{end}").as_bytes());
            assert_eq!((found[1].1.len(), error), (RECORD_BYTES_MAX, None), "{end:?}");
        }
        let told = "a.jsonl:2: a request of more than 20971520 bytes";
        for more in ["x", "x\n", "x\r\nafter", "xxxxx"] {
            let (found, error) = read(format!("first\n{whole}{more}").as_bytes());
            assert_eq!((found.len(), error.as_deref()), (1, Some(told)), "{more:?}");
        }
    }
}
