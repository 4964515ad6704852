//! Recordings of a few entries, cut and damaged at every byte.

use std::io::{Cursor, Read};
use std::sync::Arc;

use super::frame::HEAD;
use super::*;
use crate::engine::{Engine, FORMAT, Plan};

fn header() -> Header {
    Header {
        format: FORMAT,
        product: "1.2.3".to_owned(),
        tenant: "default".to_owned(),
        configuration: 7,
        began: Now(5),
    }
}

/// Two images with what came after each.
fn recording() -> Vec<u8> {
    let engine = Engine::new(Arc::new(Plan::empty()), Now(5));
    let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
    writer.image(Now(5), &engine.full_image()).unwrap();
    writer.group(1, b"what came in").unwrap();
    writer.configured(Now(6), 2, b"a plan").unwrap();
    writer.gap(3).unwrap();
    writer.group(4, b"nobody knows what it follows").unwrap();
    writer.image(Now(8), &engine.full_image()).unwrap();
    writer.group(0, b"").unwrap();
    writer.end().unwrap();
    assert_eq!(writer.bytes(), writer.get_mut().len() as u64);
    std::mem::take(writer.get_mut())
}

/// What is in it, in words, with where it begins.
fn entries(bytes: &[u8]) -> Result<Vec<(u64, String)>, Refused> {
    let mut reader = Reader::open(Cursor::new(bytes))?;
    assert_eq!(*reader.header(), header());
    let mut found = Vec::new();
    while let Some(one) = reader.step().unwrap() {
        let at = reader.offset();
        found.push(match one {
            Found::Entry(Entry::Image { now, parts }) => (at, format!("image {} of {}", now.0, parts.len())),
            Found::Entry(entry) => (at, format!("{entry:?}")),
            Found::Torn { at, torn } => (at, format!("{torn:?}")),
        });
    }
    Ok(found)
}

fn words(found: &[(u64, String)]) -> Vec<&str> {
    found.iter().map(|(_, words)| words.as_str()).collect()
}

#[test]
fn a_recording_is_read_as_it_was_written_and_nothing_between_a_gap_and_the_next_image() {
    let found = entries(&recording()).unwrap();
    let group =
        |decided: u64, records: &[u8]| format!("{:?}", Entry::Group { decided, records: records.to_vec() });
    let parts = Engine::new(Arc::new(Plan::empty()), Now(5)).full_image().parts.len();
    let configured = Entry::Configured { now: Now(6), decided: 2, plan: b"a plan".to_vec() };
    let expected = [
        format!("image 5 of {parts}"),
        group(1, b"what came in"),
        format!("{configured:?}"),
        format!("{:?}", Entry::Gap { groups: 3 }),
        format!("image 8 of {parts}"),
        group(0, b""),
        format!("{:?}", Entry::End),
    ];
    assert_eq!(words(&found), expected);
}

#[test]
fn a_recording_that_was_cut_anywhere_is_read_up_to_there_and_says_so() {
    let bytes = recording();
    let whole = entries(&bytes).unwrap();
    let mut ends: Vec<u64> = whole.iter().map(|(at, _)| *at).collect();
    // Of the header, and of what is passed over after the gap.
    let header = (MAGIC.len() + HEAD + borsh::to_vec(&header()).unwrap().len()) as u64;
    ends.extend([header, ends[4] - (ends[0] - header)]);
    let mut cuts = 0;
    for length in 0..bytes.len() {
        let found = match entries(&bytes[..length]) {
            Err(refused) => {
                let told = refused.to_string();
                assert!(
                    refused == Refused::NotOne && length == 0 || told.contains("ends before it begins"),
                    "{length}: {told}"
                );
                continue;
            }
            Ok(found) => found,
        };
        let is_cut = found.last().is_some_and(|(_, last)| last == "Cut");
        let before = &found[..found.len() - usize::from(is_cut)];
        assert_eq!(before, &whole[..before.len()], "{length}");
        if let (true, Some((at, _))) = (is_cut, found.last()) {
            cuts += 1;
            assert!(*at < length as u64 && before.last().is_none_or(|(end, _)| end <= at), "{length}");
        }
        assert!(is_cut || ends.contains(&(length as u64)), "{length}: nobody says that it is cut");
    }
    assert!(cuts > bytes.len() / 2, "{cuts}");
}

#[test]
fn a_byte_that_is_another_is_told_where_it_is_and_the_next_image_goes_on() {
    let bytes = recording();
    let whole = entries(&bytes).unwrap();
    let second = whole.iter().position(|(_, words)| words.starts_with("image 8")).unwrap();
    let first_image = bytes.windows(4).position(|four| four == b"EKFR").unwrap();
    let first_image = first_image + HEAD + borsh::to_vec(&header()).unwrap().len();
    let ends = whole[second].0;
    let begins = ends - (whole[0].0 - first_image as u64);
    for at in first_image..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let found = entries(&changed).unwrap();
        let torn = found.iter().position(|(_, words)| words == "Damaged" || words == "Cut");
        // What nobody reads between the gap and the image may be anything, if it is still found where it ends.
        let Some(torn) = torn else { panic!("nobody says that byte {at} is another: {:?}", words(&found)) };
        assert!(found[torn].0 <= at as u64, "byte {at} is told as {}", found[torn].0);
        assert_eq!(found[..torn], whole[..torn], "byte {at}");
        if (at as u64) < begins {
            assert_eq!(found[torn + 1..].last(), whole.last(), "byte {at}");
            assert!(found[torn..].contains(&whole[second]), "byte {at}: {:?}", words(&found));
        } else if (at as u64) < ends {
            assert!(!words(&found).iter().any(|words| words.starts_with("image 8")), "byte {at}");
        }
    }
}

#[test]
fn what_is_no_recording_or_one_of_another_version_is_refused_with_words() {
    let told = |bytes: &[u8]| match Reader::open(Cursor::new(bytes)) {
        Err(refused) => refused.to_string(),
        Ok(_) => "it is read".to_owned(),
    };
    assert_eq!(told(b""), "it is no recording of Evenkeel");
    assert_eq!(told(b"{\"resourceSpans\":[]}"), "it is no recording of Evenkeel");
    let mut other = recording();
    other[5] = 2;
    assert_eq!(
        told(&other),
        "the recording has form 2, and this Evenkeel knows 1: replay it with the version that wrote it"
    );
    let newer = Header { format: FORMAT + 1, ..header() };
    let mut writer = Writer::begin(Vec::new(), &newer).unwrap();
    let expected = format!(
        "the recording is of Evenkeel 1.2.3 (format {}), and this one knows {FORMAT} at most: replay it with that version",
        FORMAT + 1
    );
    assert_eq!(told(writer.get_mut()), expected);
    let mut damaged = recording();
    damaged[MAGIC.len() + HEAD] ^= 1;
    assert!(told(&damaged).starts_with("the beginning of the recording is damaged"), "{}", told(&damaged));
}

#[test]
fn a_recording_that_comes_in_pieces_ends_with_a_whole_entry_wherever_it_is_ended() {
    let bytes = recording();
    let whole = entries(&bytes).unwrap();
    for length in (0..bytes.len()).step_by(17).chain([bytes.len()]) {
        let mut file = tempfile();
        let mut intake = Intake::new(file.try_clone().unwrap());
        bytes[..length].chunks(23).for_each(|piece| intake.take(piece).unwrap());
        let written = intake.finish().unwrap();
        let mut read = Vec::new();
        std::io::Seek::rewind(&mut file).unwrap();
        file.read_to_end(&mut read).unwrap();
        assert_eq!(written.bytes, read.len() as u64, "{length}");
        if read.is_empty() {
            continue;
        }
        let found = entries(&read).unwrap();
        let (last, before) = found.split_last().unwrap();
        assert_eq!(last.1, format!("{:?}", Entry::End), "{length}");
        let known: Vec<_> = whole.iter().filter(|(_, words)| words != "End").collect();
        assert!(before.iter().zip(known).all(|(one, other)| one == other), "{length}");
    }
}

fn tempfile() -> std::fs::File {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("evenkeel-intake-{}-{number}", std::process::id()));
    let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

#[test]
fn the_oldest_segments_give_way_to_new_ones_and_what_is_not_ours_stays() {
    let path = std::env::temp_dir().join(format!("evenkeel-segments-{}", std::process::id()));
    let day = 86_400 * crate::model::SECOND_NS;
    let mut folder = Folder::open(&path).unwrap();
    for number in 1..=4 {
        let (file, _) = folder.create(Now(number * day)).unwrap();
        std::fs::write(&file, vec![0; 100]).unwrap();
        folder.ended(file, 100);
    }
    std::fs::write(path.join("mine.ekrec"), b"a copy").unwrap();
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let of_day = |number: u64| format!("1970-01-0{}T00-00-00.000000000Z.ekrec", number + 1);
    let mut again = Folder::open(&path).unwrap();
    assert_eq!(again.bytes(), 400);
    again.make_room(Now(5 * day), 150, 500, std::time::Duration::from_secs(30 * 86_400)).unwrap();
    assert_eq!(names(), [of_day(2), of_day(3), of_day(4), "mine.ekrec".to_owned()]);
    let days = std::time::Duration::from_secs(86_400);
    again.make_room(Now(5 * day + 1), 0, 500, days).unwrap();
    assert_eq!(names(), [of_day(4), "mine.ekrec".to_owned()], "what ended a day ago is too old");
    let (second, _) = again.create(Now(4 * day)).unwrap();
    assert!(second.ends_with("1970-01-05T00-00-00.000000001Z.ekrec"), "{}", second.display());
    let (older, _) = again.create(Now(4 * day - 1)).unwrap();
    let newest = "1970-01-05T00-00-00.000000002Z.ekrec";
    assert!(older.ends_with(newest), "an older state comes after the newest too: {}", older.display());
    std::fs::remove_dir_all(path).unwrap();
}
