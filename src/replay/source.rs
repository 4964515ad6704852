//! Files: what is in them by their name, or else by how they begin; gzip as it comes.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::frames::Frames;
use super::lines::Lines;
use super::progress::{Counting, Progress};
use super::record::Records;
use crate::decode::Encoding;
use crate::recording::MAGIC;

/// Bytes that are read at a time.
const STEP_BYTES: usize = 64 * 1024;

/// A file of which nothing can be replayed.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable {
    pub file: PathBuf,
    pub why: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

/// Whether a file may be replayed at all, before any is.
pub fn check(file: &Path) -> Result<(), Unusable> {
    let unusable = |why: String| Err(Unusable { file: file.to_owned(), why });
    if ends_with(file, &[".ekrec.gz"]) {
        return unusable("it is a packed recording: unpack it first, with gunzip".to_owned());
    }
    match File::open(file).and_then(|opened| opened.metadata()) {
        Ok(about) if about.is_dir() => unusable("it is a folder".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => unusable(error.to_string()),
    }
}

/// By its name, or by how it begins.
pub fn is_recording(file: &Path) -> bool {
    let mut begin = [0; 5];
    let read = File::open(file).and_then(|mut opened| opened.read_exact(&mut begin));
    ends_with(file, &[".ekrec"]) || read.is_ok() && MAGIC.starts_with(&begin)
}

pub(super) fn records(file: &Path, progress: &Arc<Progress>) -> io::Result<Records> {
    let input = Counting::new(File::open(file)?, Arc::clone(progress));
    opened(BufReader::with_capacity(STEP_BYTES, input), file)
}

fn opened(mut reader: impl BufRead + Send + 'static, file: &Path) -> io::Result<Records> {
    if ends_with(file, &[".gz"]) || reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return told_apart(BufReader::with_capacity(STEP_BYTES, MultiGzDecoder::new(reader)), file);
    }
    told_apart(reader, file)
}

fn told_apart(mut reader: impl BufRead + Send + 'static, file: &Path) -> io::Result<Records> {
    let encoding = match named(file) {
        Some(encoding) => encoding,
        None => begun(reader.fill_buf()?),
    };
    Ok(match encoding {
        Encoding::Json => Box::new(Lines::new(reader, file.into())),
        Encoding::Protobuf => Box::new(Frames::new(reader, file.into())),
    })
}

fn named(file: &Path) -> Option<Encoding> {
    if ends_with(file, &[".jsonl", ".jsonl.gz", ".json", ".json.gz", ".ndjson", ".ndjson.gz"]) {
        return Some(Encoding::Json);
    }
    ends_with(file, &[".pb", ".pb.gz"]).then_some(Encoding::Protobuf)
}

/// A request in JSON is an object with a key. After a length of `{` a request in protobuf begins with a tag.
fn begun(bytes: &[u8]) -> Encoding {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let key = bytes.strip_prefix(b"{").map(|rest| rest.trim_ascii_start());
    match key {
        Some([] | [b'"' | b'}', ..]) => Encoding::Json,
        _ => Encoding::Protobuf,
    }
}

fn ends_with(file: &Path, endings: &[&str]) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    endings.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::record::{At, Record};
    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    /// Each record as its place and text, the error last.
    fn read(name: &str, bytes: Vec<u8>) -> Vec<String> {
        let told = |one: Result<Record, _>| match one {
            Ok(Record { place, body, .. }) => {
                let at = match place.at {
                    At::Line(line) => format!("line {line}"),
                    At::Record { offset, .. } => format!("byte {offset}"),
                };
                format!("{at}: {}", String::from_utf8_lossy(&body))
            }
            Err(broken) => format!("{broken}"),
        };
        let reader = BufReader::with_capacity(16, io::Cursor::new(bytes));
        opened(reader, Path::new(name)).unwrap().map(told).collect()
    }

    const LINES: &[u8] = b"{\"a\":1}\n{}\n";
    const FRAMES: &[u8] = b"\x03abc\x01d";

    #[test]
    fn the_name_tells_what_a_file_holds_or_else_its_beginning() {
        let (lines, frames) = (["line 1: {\"a\":1}", "line 2: {}"], ["byte 0: abc", "byte 4: d"]);
        for name in ["a.otlp.jsonl", "A.OTLP.JSONL", "a.ndjson", "a", "a.pb.old"] {
            assert_eq!(read(name, LINES.to_vec()), lines, "{name}");
        }
        for name in ["a.otlp.pb", "a", "jsonl"] {
            assert_eq!(read(name, FRAMES.to_vec()), frames, "{name}");
        }
        assert_eq!(
            read("a.pb", b"\x7b\x7d".to_vec()),
            ["a.pb: record 1 at byte 0: the file ends after 1 of its 123 bytes"]
        );
    }

    #[test]
    fn gzip_is_known_by_its_name_or_its_beginning() {
        for name in ["a.otlp.jsonl.gz", "a.otlp.jsonl", "a", "a.gz"] {
            assert_eq!(read(name, gzip(LINES)), ["line 1: {\"a\":1}", "line 2: {}"], "{name}");
        }
        for name in ["a.otlp.pb.gz", "a.otlp.pb", "a"] {
            assert_eq!(read(name, gzip(FRAMES)), ["byte 0: abc", "byte 4: d"], "{name}");
        }
        let told = read("a.otlp.jsonl.gz", LINES.to_vec());
        assert!(
            told.len() == 1 && told[0].starts_with("a.otlp.jsonl.gz:1: it can not be read on: "),
            "{told:?}"
        );
    }

    #[test]
    fn every_member_is_read_and_a_record_may_lie_in_two() {
        let members = [gzip(b"{\"a\""), gzip(b""), gzip(b":1}\n{}")].concat();
        assert_eq!(read("a.jsonl.gz", members), ["line 1: {\"a\":1}", "line 2: {}"]);
        let members = [gzip(b"\x03a"), gzip(b"bc\x01d")].concat();
        assert_eq!(read("a.pb.gz", members), ["byte 0: abc", "byte 4: d"]);
    }

    #[test]
    fn a_cut_member_is_broken_after_what_could_be_read() {
        let whole = gzip(LINES);
        let cut = read("a.jsonl", [gzip(b"{}\n"), whole[..whole.len() - 9].to_vec()].concat());
        assert_eq!(cut.first().map(String::as_str), Some("line 1: {}"));
        assert!(cut.last().unwrap().starts_with("a.jsonl:"), "{cut:?}");
        let garbage = read("a.jsonl", [whole, b"garbage".to_vec()].concat());
        assert_eq!(garbage.len(), 3, "{garbage:?}");
        assert!(garbage[2].starts_with("a.jsonl:3: it can not be read on: "), "{garbage:?}");
    }

    #[test]
    fn what_is_not_there_and_folders_are_no_such_files() {
        let told = |name: &str| check(Path::new(name)).unwrap_err().to_string();
        assert_eq!(told("/"), "/: it is a folder");
        assert!(told("a.ekrec.gz").contains("unpack it first"));
        assert!(told("/no/such/file").starts_with("/no/such/file: "));
    }
}
