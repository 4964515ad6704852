//! What a state folder holds after everything that can happen to it.

use std::path::{Path, PathBuf};

use super::*;

/// A folder of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evenkeel-store-{}-{name}", std::process::id()));
        let _not_there = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn open(&self) -> Opened {
        Database::open(&self.0, 1).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.0.join(DATABASE)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn parts(text: &str) -> Parts {
    Parts::from([("core".to_owned(), text.as_bytes().to_vec())])
}

fn group<'g>(number: u64, payload: &'g str) -> Change<'g> {
    Change { groups: vec![(Sequence(number), payload.as_bytes())], image: None }
}

/// Begins a state and commits groups 1 to 5.
fn begun(scratch: &Scratch) -> Database {
    let mut database = scratch.open().database;
    database.begin(9, Sequence(0), &parts("first")).unwrap();
    for number in 1..=5 {
        database.commit(&group(number, &format!("group {number}"))).unwrap();
    }
    database
}

/// The checksum of a frame is in the one after it, also over an image and a start.
#[test]
fn groups_follow_one_another_over_images_and_starts() {
    let scratch = Scratch::new("chain");
    let mut database = begun(&scratch);
    let image = Change { groups: Vec::new(), image: Some((Sequence(6), parts("second"), &[], false)) };
    database.commit(&image).unwrap();
    database.commit(&group(7, "group 7")).unwrap();
    drop(database);
    let mut again = scratch.open().database;
    again.commit(&group(8, "group 8")).unwrap();
    drop(again);
    let Opened { found, report, .. } = scratch.open();
    assert_eq!(
        (texts(&found.unwrap()), report),
        (vec!["group 7".to_owned(), "group 8".to_owned()], Vec::new())
    );
}

fn texts(found: &Found) -> Vec<String> {
    found.groups.iter().map(|(_, payload)| String::from_utf8(payload.clone()).unwrap()).collect()
}

#[test]
fn what_was_committed_is_found_again() {
    let scratch = Scratch::new("again");
    drop(begun(&scratch));
    let Opened { found, report, .. } = scratch.open();
    let found = found.unwrap();
    assert_eq!((found.key, &found.parts, found.last), (9, &parts("first"), Sequence(5)));
    assert_eq!(texts(&found), ["group 1", "group 2", "group 3", "group 4", "group 5"]);
    assert_eq!(report, Vec::<String>::new());
}

/// The row of a damaged group stays until the next image: its number is taken.
#[test]
fn a_state_whose_last_group_is_damaged_goes_on_after_it() {
    let scratch = Scratch::new("last-damaged");
    drop(begun(&scratch));
    let other = rusqlite::Connection::open(scratch.file()).unwrap();
    other.execute("UPDATE journal SET frame = zeroblob(9) WHERE sequence = 5", []).unwrap();
    drop(other);
    let Opened { found, report, mut database } = scratch.open();
    let last = found.unwrap().last;
    assert_eq!(report, ["group 5 of the journal is damaged: it is left out"]);
    database.commit(&group(last.next().0, "group 6")).unwrap();
    drop(database);
    let found = scratch.open().found.unwrap();
    assert_eq!(texts(&found), ["group 1", "group 2", "group 3", "group 4", "group 6"]);
    assert_eq!(found.torn, None, "group 6 was made without group 5");
}

#[test]
fn what_was_made_upon_a_damaged_group_is_told_from_what_was_not() {
    for (damaged, torn) in [(1, Some(2)), (3, Some(4)), (5, None)] {
        let scratch = Scratch::new("torn");
        drop(begun(&scratch));
        let other = rusqlite::Connection::open(scratch.file()).unwrap();
        other.execute("UPDATE journal SET frame = zeroblob(9) WHERE sequence = ?1", [damaged]).unwrap();
        drop(other);
        assert_eq!(scratch.open().found.unwrap().torn, torn.map(Sequence), "without group {damaged}");
    }
}

#[test]
fn an_image_takes_the_groups_away_that_it_covers() {
    let scratch = Scratch::new("image");
    let mut database = begun(&scratch);
    let more = Parts::from([("level/0/1".to_owned(), b"one".to_vec())]);
    let image = Change { groups: Vec::new(), image: Some((Sequence(6), more, &[], false)) };
    database.commit(&image).unwrap();
    database.commit(&group(7, "group 7")).unwrap();
    let gone = ["level/0/1".to_owned()];
    let image = Change { groups: Vec::new(), image: Some((Sequence(8), parts("second"), &gone, false)) };
    database.commit(&image).unwrap();
    database.commit(&group(9, "group 9")).unwrap();
    drop(database);
    let found = scratch.open().found.unwrap();
    assert_eq!((found.parts.clone(), texts(&found)), (parts("second"), vec!["group 9".to_owned()]));
}

#[test]
fn a_state_goes_on_in_a_file_of_its_own_after_a_write_has_failed() {
    let scratch = Scratch::new("anew");
    let mut database = begun(&scratch);
    database.begin_anew(9, Sequence(6), &parts("all of it")).unwrap();
    database.commit(&group(7, "group 7")).unwrap();
    drop(database);
    let Opened { found, report, .. } = scratch.open();
    let found = found.unwrap();
    assert_eq!((found.parts.clone(), texts(&found)), (parts("all of it"), vec!["group 7".to_owned()]));
    assert_eq!((found.key, report), (9, Vec::new()));
}

#[test]
fn a_second_process_is_refused_with_the_first_ones_number() {
    let scratch = Scratch::new("locked");
    let _first = begun(&scratch);
    let refused = Database::open(&scratch.0, 1).unwrap_err().to_string();
    assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
}

#[test]
fn a_newer_state_and_a_foreign_one_are_refused_and_left_as_they_are() {
    let scratch = Scratch::new("newer");
    drop(begun(&scratch));
    let refused = Database::open(&scratch.0, 0).unwrap_err().to_string();
    assert!(refused.contains("has format 1, and this Evenkeel knows 0 at most"), "{refused}");
    let found = scratch.open().found.unwrap();
    assert_eq!(found.groups.len(), 5);
    let scratch = Scratch::new("foreign");
    std::fs::create_dir_all(&scratch.0).unwrap();
    let foreign = rusqlite::Connection::open(scratch.file()).unwrap();
    foreign.execute_batch("CREATE TABLE orders (id INTEGER)").unwrap();
    drop(foreign);
    let refused = Database::open(&scratch.0, 1).unwrap_err().to_string();
    assert!(refused.contains("is the database of another program"), "{refused}");
}

#[test]
fn a_damaged_database_is_set_aside_and_said() {
    let scratch = Scratch::new("garbage");
    drop(begun(&scratch));
    std::fs::write(scratch.file(), b"garbage, and not a little of it, where a database should be").unwrap();
    let Opened { found, report, mut database } = scratch.open();
    assert!(found.is_none());
    assert!(report[0].contains("it is in") && report[0].contains("damaged-1"), "{report:?}");
    database.begin(1, Sequence(0), &parts("new")).unwrap();
    assert!(scratch.0.join("damaged-1").join(DATABASE).exists());
}

/// SQLite ends its log at a damaged page and says nothing; the mark beside it knows how far it went.
#[test]
fn a_flipped_bit_in_the_log_is_noticed_wherever_it_is() {
    let scratch = Scratch::new("flipped");
    let database = begun(&scratch);
    let (wal, file) = (scratch.0.join("state.db-wal"), scratch.file());
    let (log, whole) = (std::fs::read(&wal).unwrap(), std::fs::read(&file).unwrap());
    let mark = std::fs::read(scratch.0.join("committed")).unwrap();
    std::mem::forget(database);
    let (mut cut, mut other) = (0, 0);
    for at in (32..log.len()).step_by(509) {
        let again = Scratch::new("flipped-again");
        std::fs::create_dir_all(&again.0).unwrap();
        let mut changed = log.clone();
        changed[at] ^= 4;
        for (path, bytes) in [("state.db-wal", &changed), (DATABASE, &whole), ("committed", &mark)] {
            std::fs::write(again.0.join(path), bytes).unwrap();
        }
        let Opened { found, report, .. } = again.open();
        match found {
            Some(found) if found.last == Sequence(5) => other += 1,
            Some(_) => {
                cut += 1;
                assert!(
                    report.iter().any(|line| line.contains("committed and are gone")),
                    "{at}: {report:?}"
                );
            }
            None => {
                cut += 1;
                assert!(report.iter().any(|line| line.contains("the state begins anew")), "{at}: {report:?}");
            }
        }
    }
    assert!(cut > 10, "{cut} cut, {other} whole");
}

#[test]
fn a_folder_that_can_not_be_written_to_is_refused_with_what_to_do() {
    let refused = Database::open(Path::new("/proc/evenkeel"), 1).unwrap_err().to_string();
    assert!(refused.contains("set `data_dir` to a folder that this user may write to"), "{refused}");
}

/// A bit may flip in a page of SQLite's own as well, and hide a table.
#[test]
fn a_database_without_one_of_its_tables_is_set_aside_and_said() {
    let scratch = Scratch::new("hidden");
    drop(begun(&scratch));
    let database = rusqlite::Connection::open(scratch.file()).unwrap();
    database.execute_batch("ALTER TABLE journal RENAME TO kournal").unwrap();
    drop(database);
    let Opened { found, report, .. } = scratch.open();
    assert!(found.is_none() && report[0].contains("can not be read (no such table"), "{report:?}");
    assert!(scratch.0.join("damaged-1/state.db").exists());
}
