//! What a volume may hold after a power cut, out of the notes of what was done to it.
//!
//! The bytes of a file are durable up to its last sync. Of each later change to them all may be there, nothing, or any
//! sectors of 512 bytes, and zeros where it made the file longer, whatever became of the changes before and after it and
//! of those to other files. Names are durable up to the last sync of the folder; of the later changes to them any may be
//! there, which is more disorder than a journaling file system allows. But a file that was itself synced has the name
//! that it was made with, as on ext4, XFS and btrfs. The folder itself is there. A sync that failed promises nothing.
//!
//! `-shm` files are left out: SQLite makes them anew out of the log.

use std::collections::BTreeMap;
use std::path::Path;

use crate::kills::next;

const SECTOR: usize = 512;

pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Create,
    Write,
    /// To the length `at`.
    Cut,
    /// To the length `at`, if it is shorter.
    Grow,
    Sync,
    Unlink,
    /// To the name that stands in the bytes.
    Rename,
    Mkdir,
}

/// One call, as the shim noted it.
pub struct Note {
    pub what: What,
    inode: u64,
    at: usize,
    name: String,
    bytes: Vec<u8>,
    /// Length of the log with this note.
    pub end: u64,
}

impl Note {
    pub fn changes_names(&self) -> bool {
        matches!(self.what, What::Create | What::Unlink | What::Rename | What::Mkdir)
    }
}

pub fn read(log: &Path) -> Vec<Note> {
    let log = std::fs::read(log).unwrap();
    let (mut notes, mut from) = (Vec::new(), 0);
    while from < log.len() {
        let line = from + log[from..].iter().position(|byte| *byte == b'\n').expect("a note has a line");
        let head = std::str::from_utf8(&log[from..line]).unwrap();
        let parts: Vec<&str> = head.splitn(5, ' ').collect();
        let length: usize = parts[3].parse().unwrap();
        from = line + 1 + length;
        let what = match parts[0] {
            "create" => What::Create,
            "write" => What::Write,
            "cut" => What::Cut,
            "grow" => What::Grow,
            "sync" => What::Sync,
            "unlink" => What::Unlink,
            "rename" => What::Rename,
            "mkdir" => What::Mkdir,
            other => panic!("this model does not know {other}: {head}"),
        };
        let (inode, at) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
        let (name, bytes) = (parts[4].to_owned(), log[line + 1..from].to_vec());
        if !name.ends_with("-shm") {
            notes.push(Note { what, inode, at, name, bytes, end: from as u64 });
        }
    }
    notes
}

/// What becomes of changes that are not durable.
#[derive(Clone, Copy)]
enum Fate {
    AllThere,
    AllGone,
    /// Each is there or not.
    Whole,
    /// Each in one of the ways above.
    Torn,
}

impl Fate {
    fn choose(chance: &mut u64) -> Self {
        match next(chance) % 8 {
            0 => Self::AllThere,
            1 => Self::AllGone,
            2 | 3 => Self::Whole,
            _ => Self::Torn,
        }
    }

    fn spares(self, chance: &mut u64) -> bool {
        match self {
            Self::AllThere => true,
            Self::AllGone => false,
            Self::Whole | Self::Torn => next(chance).is_multiple_of(2),
        }
    }
}

/// One file, under whatever names.
#[derive(Default)]
struct Inode<'n> {
    changes: Vec<&'n Note>,
    /// So many of them are durable.
    durable: usize,
    was_synced: bool,
}

/// What was done, by what it was done to.
#[derive(Default)]
struct Done<'n> {
    inodes: Vec<Inode<'n>>,
    /// With the place of what was made.
    names: Vec<(&'n Note, usize)>,
    /// So many of them are durable.
    names_durable: usize,
}

impl<'n> Done<'n> {
    fn of(notes: &'n [Note]) -> Self {
        let (mut done, mut places) = (Self::default(), BTreeMap::new());
        for note in notes {
            match note.what {
                What::Create | What::Unlink | What::Rename | What::Mkdir => {
                    if note.what == What::Create {
                        places.insert(note.inode, done.inodes.len());
                        done.inodes.push(Inode::default());
                    }
                    done.names.push((note, done.inodes.len().saturating_sub(1)));
                }
                What::Sync if note.name == "." => done.names_durable = done.names.len(),
                What::Sync => {
                    let inode = &mut done.inodes[places[&note.inode]];
                    (inode.durable, inode.was_synced) = (inode.changes.len(), true);
                }
                What::Write | What::Cut | What::Grow => {
                    done.inodes[places[&note.inode]].changes.push(note);
                }
            }
        }
        done
    }
}

/// The files as the process that made them saw them.
pub fn as_seen(notes: &[Note]) -> Files {
    let done = Done::of(notes);
    let names = names(&done, |_| true);
    let whole = |place: usize| {
        let mut bytes = Vec::new();
        done.inodes[place].changes.iter().for_each(|change| apply(&mut bytes, change));
        bytes
    };
    names.into_iter().map(|(name, place)| (name, whole(place))).collect()
}

/// The files after a cut right after these notes.
pub fn after_cut(notes: &[Note], chance: &mut u64) -> Files {
    let done = Done::of(notes);
    let fate = Fate::choose(chance);
    let names = names(&done, |place| {
        let (note, inode) = done.names[place];
        let made_and_synced = note.what == What::Create && done.inodes[inode].was_synced;
        place < done.names_durable || made_and_synced || fate.spares(chance)
    });
    let mut files = Files::new();
    for (name, place) in names {
        let (inode, fate) = (&done.inodes[place], Fate::choose(chance));
        let mut bytes = Vec::new();
        let (durable, later) = inode.changes.split_at(inode.durable);
        durable.iter().for_each(|change| apply(&mut bytes, change));
        for change in later {
            if matches!(fate, Fate::Torn) && change.what == What::Write {
                tear(&mut bytes, change, chance);
            } else if fate.spares(chance) {
                apply(&mut bytes, change);
            }
        }
        files.insert(name, bytes);
    }
    files
}

/// Which names there are, if these changes to them are there.
fn names(done: &Done<'_>, mut is_there: impl FnMut(usize) -> bool) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for (place, (note, inode)) in done.names.iter().enumerate() {
        if !is_there(place) {
            continue;
        }
        match note.what {
            What::Create => drop(names.insert(note.name.clone(), *inode)),
            What::Rename => {
                if let Some(inode) = names.remove(&note.name) {
                    names.insert(String::from_utf8(note.bytes.clone()).unwrap(), inode);
                }
            }
            _ => drop(names.remove(&note.name)),
        }
    }
    names
}

fn apply(file: &mut Vec<u8>, change: &Note) {
    match change.what {
        What::Write => {
            let end = change.at + change.bytes.len();
            file.resize(file.len().max(end), 0);
            file[change.at..end].copy_from_slice(&change.bytes);
        }
        What::Cut => file.resize(change.at, 0),
        What::Grow => file.resize(file.len().max(change.at), 0),
        _ => {}
    }
}

/// Nothing of it, all of it, only its length, or some of its sectors.
fn tear(file: &mut Vec<u8>, write: &Note, chance: &mut u64) {
    let end = write.at + write.bytes.len();
    match next(chance) % 4 {
        0 => return,
        1 => return apply(file, write),
        _ => {}
    }
    let only_length = next(chance).is_multiple_of(4);
    let grown = match next(chance) % 2 {
        0 => end,
        _ => 0,
    };
    file.resize(file.len().max(grown), 0);
    let mut from = write.at;
    while from < end && !only_length {
        let to = end.min((from / SECTOR + 1) * SECTOR);
        if next(chance).is_multiple_of(2) {
            file.resize(file.len().max(to), 0);
            file[from..to].copy_from_slice(&write.bytes[from - write.at..to - write.at]);
        }
        from = to;
    }
}
