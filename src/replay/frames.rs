//! Requests in protobuf, each after its length as a varint.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use super::record::{At, Broken, Place, RECORD_BYTES_MAX, Record};
use crate::decode::Encoding;

/// Bytes of the longest varint.
const VARINT_MAX: u32 = 10;

pub(super) struct Frames<R> {
    reader: R,
    place: Place,
    number: u64,
    offset: u64,
    over: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(reader: R, file: Arc<Path>) -> Self {
        let place = Place { file, at: At::Record { number: 0, offset: 0 } };
        Self { reader, place, number: 0, offset: 0, over: false }
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        self.number += 1;
        self.place.at = At::Record { number: self.number, offset: self.offset };
        let Some(length) = self.length()? else { return Ok(None) };
        if length > RECORD_BYTES_MAX as u64 {
            return Err(self.place.too_large());
        }
        let mut body = Vec::new();
        let read = self.reader.by_ref().take(length).read_to_end(&mut body);
        let read = read.map_err(|error| self.place.unread(&error))? as u64;
        self.offset += read;
        if read < length {
            return Err(self.place.broken(format!("the file ends after {read} of its {length} bytes")));
        }
        Ok(Some(body))
    }

    /// `None` at the end of the file.
    fn length(&mut self) -> Result<Option<u64>, Broken> {
        let mut length = 0_u64;
        for index in 0..VARINT_MAX {
            let Some(byte) = self.byte()? else {
                let cut = || self.place.broken("the file ends within its length");
                return if index == 0 { Ok(None) } else { Err(cut()) };
            };
            let bits = u64::from(byte & 0x7f);
            if bits.leading_zeros() < 7 * index {
                return Err(self.place.broken("a length above 64 bits"));
            }
            length |= bits << (7 * index);
            if byte < 0x80 {
                return Ok(Some(length));
            }
        }
        Err(self.place.broken("a length above 64 bits"))
    }

    fn byte(&mut self) -> Result<Option<u8>, Broken> {
        let byte = loop {
            match self.reader.fill_buf() {
                Ok(held) => break held.first().copied(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.place.unread(&error)),
            }
        };
        if byte.is_some() {
            self.reader.consume(1);
            self.offset += 1;
        }
        Ok(byte)
    }
}

impl<R: BufRead> Iterator for Frames<R> {
    type Item = Result<Record, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read();
        self.over = !matches!(read, Ok(Some(_)));
        let record = |body| Record { place: self.place.clone(), encoding: Encoding::Protobuf, body };
        read.transpose().map(|body| body.map(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets with their bodies, and the error at the end if there is one.
    fn read(bytes: &[u8]) -> (Vec<(u64, Vec<u8>)>, Option<String>) {
        let mut found = Vec::new();
        for one in Frames::new(io::BufReader::with_capacity(3, bytes), Path::new("a.pb").into()) {
            match one {
                Ok(Record { place: Place { at: At::Record { offset, .. }, .. }, body, .. }) => {
                    found.push((offset, body));
                }
                Ok(other) => panic!("{other:?}"),
                Err(broken) => return (found, Some(broken.to_string())),
            }
        }
        (found, None)
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        prost::encoding::encode_varint(body.len() as u64, &mut frame);
        frame.extend_from_slice(body);
        frame
    }

    #[test]
    fn records_follow_their_lengths() {
        assert_eq!(read(&[]), (vec![], None));
        let long = vec![7; 300];
        let bytes = [frame(b"one"), frame(b""), frame(&long), frame(b"x")].concat();
        let found = vec![(0, b"one".to_vec()), (4, vec![]), (5, long), (307, b"x".to_vec())];
        assert_eq!(read(&bytes), (found, None));
        assert_eq!(
            read(&[0x83, 0x80, 0x00, 1, 2, 3]).0,
            [(0, vec![1, 2, 3])],
            "a length longer than it must be"
        );
    }

    #[test]
    fn a_file_cut_anywhere_else_is_broken_there() {
        let bytes = [frame(b"one"), frame(&[7; 200])].concat();
        for end in (0..bytes.len()).filter(|end| *end != 0 && *end != 4) {
            let (found, error) = read(&bytes[..end]);
            let (number, offset) = if end < 4 { (1, 0) } else { (2, 4) };
            let error = error.unwrap();
            assert_eq!(found.len() as u64, number - 1, "{end}");
            assert!(
                error.starts_with(&format!("a.pb: record {number} at byte {offset}: the file ends ")),
                "{error}"
            );
        }
    }

    #[test]
    fn lengths_that_can_not_be_are_refused_before_anything_is_read() {
        let max = RECORD_BYTES_MAX as u64;
        for (length, told) in [(max + 1, "more than 20971520 bytes"), (u64::MAX, "more than 20971520 bytes")]
        {
            let mut bytes = frame(b"one");
            prost::encoding::encode_varint(length, &mut bytes);
            let (found, error) = read(&bytes);
            assert_eq!(found.len(), 1);
            assert!(error.as_ref().unwrap().ends_with(told), "{error:?}");
        }
        for bytes in [[0xff; 11].to_vec(), [&[0xff; 9][..], &[2]].concat(), vec![0x80; 10]] {
            let error = read(&bytes).1.unwrap();
            assert!(error.ends_with("record 1 at byte 0: a length above 64 bits"), "{error}");
        }
        assert_eq!(read(&frame(&vec![1; RECORD_BYTES_MAX])).1, None);
    }
}
