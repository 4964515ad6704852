//! The SQLite file: the journal's groups, and the parts of the last image.
//!
//! A group is one row with one frame. An image replaces parts and takes the groups away that it covers, in one
//! transaction. `synchronous=FULL` in WAL mode: a commit that has returned survives a power cut.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::backup::back_up;
use super::failure::{Failure, Refusal};
use super::folder::{DATABASE, Folder};
use super::mark::Mark;
use super::{Sequence, frame, reserve};

/// `EVKL`: SQLite's `application_id`, which tells our files from others.
const APPLICATION: i32 = 0x4556_4b4c;
const NEW: &str = "state.new.db";
const SCHEMA: &str = "
CREATE TABLE journal (sequence INTEGER PRIMARY KEY, frame BLOB NOT NULL) STRICT;
CREATE TABLE part (name TEXT PRIMARY KEY, frame BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

pub type Parts = BTreeMap<String, Vec<u8>>;
type Groups = Vec<(Sequence, Vec<u8>)>;

/// What one commit brings.
#[derive(Debug, Default)]
pub struct Change<'c> {
    pub groups: Vec<(Sequence, &'c [u8])>,
    pub image: Option<(Sequence, Parts, &'c [String], bool)>,
}

#[derive(Debug)]
pub struct Database {
    folder: Folder,
    connection: Connection,
    mark: Mark,
    /// Checksum of the last frame.
    last: u32,
    format: u32,
}

/// What was there.
#[derive(Debug, Default)]
pub struct Found {
    /// Of its image and its groups; today's or an older one.
    pub format: u32,
    /// Seeds what a state hashes with.
    pub key: u64,
    pub parts: Parts,
    /// After the image, in order.
    pub groups: Groups,
    /// The first group that was made upon one that is missing here.
    pub torn: Option<Sequence>,
    /// The newest group that was committed.
    pub last: Sequence,
    /// Of its frame.
    checksum: u32,
}

#[derive(Debug)]
pub struct Opened {
    pub database: Database,
    /// `None`: there was nothing, and nothing is there until the first image.
    pub found: Option<Found>,
    /// What is missing or was set aside, in words.
    pub report: Vec<String>,
}

impl Database {
    /// Never refuses for damage: what can be read is found, what can not is set aside and reported.
    pub fn open(path: &Path, format: u32) -> Result<Opened, Refusal> {
        let folder = Folder::open(path)?;
        let mut report = Vec::new();
        let (file, new) = (folder.file(DATABASE), folder.file(NEW));
        if !file.exists() && new.exists() {
            // Whole and synced before the old one went out of its way.
            folder.finish_renaming(NEW).map_err(|error| Refusal::io("rename", &new, error))?;
        }
        let read =
            |path: &Path| connect(path).and_then(|connection| Ok((look(&connection, format)?, connection)));
        let mut opened = read(&file);
        if opened.as_ref().is_err_and(|error| matches!(Failure::of(error), Failure::Full(_))) {
            let reserve = folder.remove(&[reserve::NAME]);
            reserve.map_err(|error| Refusal::io("give back the reserve in", path, error))?;
            opened = read(&file);
        }
        let (found, connection) = match opened {
            Ok((Look::Nothing, connection)) => (None, connection),
            Ok((Look::Ours(found, more), connection)) => {
                report.extend(more);
                (Some(found), connection)
            }
            Ok((Look::Newer(newer), _)) => {
                return Err(Refusal::Newer { folder: path.to_owned(), format: newer, known: format });
            }
            Ok((Look::Foreign, _)) => return Err(Refusal::Foreign { file }),
            Err(error) if is_damage(&error) => {
                let aside = folder.set_aside().map_err(|error| Refusal::io("set aside", &file, error))?;
                report.push(format!(
                    "{} can not be read ({error}): it is in {} now, and the state begins anew",
                    file.display(),
                    aside.display()
                ));
                (None, connect(&file).map_err(|error| Refusal::io("open", &file, error))?)
            }
            Err(error) => return Err(Refusal::io("open", &file, error)),
        };
        folder.remove(&[NEW, "state.new.db-journal"]).map_err(|error| Refusal::io("remove", &new, error))?;
        let (mark, said) = Mark::open(path).map_err(|error| Refusal::io("open", path, error))?;
        let last = found.as_ref().map_or(Sequence(0), |found| found.last);
        if said.is_some() && found.is_none() && report.is_empty() {
            report.push(format!("{} is gone: the state begins anew", file.display()));
        }
        if let Some(said) = said.filter(|said| *said > last && found.is_some()) {
            report.push(format!(
                "groups {} to {} were committed and are gone: the log of the database ends before them",
                last.0 + 1,
                said.0
            ));
        }
        let mut database = Self { folder, connection, mark, last: 0, format };
        database.last = found.as_ref().map_or(0, |found| found.checksum);
        Ok(Opened { database, found, report })
    }

    /// Begins a state that has nothing yet.
    pub fn begin(&mut self, key: u64, sequence: Sequence, parts: &Parts) -> Result<(), Failure> {
        let format = self.format;
        begin(&mut self.connection, format, key, sequence, parts).map_err(|error| Failure::of(&error))?;
        self.folder.sync().map_err(|error| Failure::of_io(&error))
    }

    /// All or nothing; it lasts when this returns.
    pub fn commit(&mut self, change: &Change<'_>) -> Result<(), Failure> {
        let last = self.try_commit(change).map_err(|error| Failure::of(&error))?;
        self.last = last;
        let newest = change.groups.last().map(|(sequence, _)| *sequence);
        let newest = newest.max(change.image.as_ref().map(|(sequence, ..)| *sequence));
        if let Some(newest) = newest {
            // It is durable already; a mark that lags notices less.
            let _lags = self.mark.set(newest);
        }
        Ok(())
    }

    fn try_commit(&mut self, change: &Change<'_>) -> rusqlite::Result<u32> {
        let mut last = self.last;
        let transaction = self.connection.transaction()?;
        for (sequence, payload) in &change.groups {
            let (bytes, checksum) = frame::write(*sequence, last, payload);
            let mut insert =
                transaction.prepare_cached("INSERT INTO journal (sequence, frame) VALUES (?1, ?2)")?;
            insert.execute(params![number(*sequence), bytes])?;
            last = checksum;
        }
        if let Some((sequence, parts, gone, is_full)) = &change.image {
            if *is_full {
                transaction.execute("DELETE FROM part", [])?;
            }
            put(&transaction, *sequence, parts)?;
            let mut delete = transaction.prepare_cached("DELETE FROM part WHERE name = ?1")?;
            for name in *gone {
                delete.execute([name])?;
            }
            transaction.execute("DELETE FROM journal WHERE sequence <= ?1", [number(*sequence)])?;
            set(&transaction, "image", sequence.0)?;
        }
        transaction.commit()?;
        Ok(last)
    }

    /// Puts a state of an older format into today's, after a copy of it; where that is.
    pub fn migrate(
        &mut self,
        key: u64,
        sequence: Sequence,
        from: u32,
        parts: &Parts,
    ) -> Result<PathBuf, Refusal> {
        let copy = self.folder.free(&format!("format-{from}"));
        // It is taken again when the state is up.
        let given = self.folder.remove(&[reserve::NAME]);
        given.map_err(|error| Refusal::io("give back the reserve in", &self.folder.path, error))?;
        if let Err(refusal) = back_up(&self.folder.path, &copy, self.format) {
            // Half a copy would take room at each start.
            let _not_there = std::fs::remove_dir_all(&copy);
            return Err(refusal);
        }
        self.begin_anew(key, sequence, parts)
            .map_err(|error| Refusal::io("migrate the state in", &self.folder.path, error))?;
        Ok(copy)
    }

    /// Puts the whole state into a file of its own, in place of one that a write has failed on or that is of an older
    /// format.
    pub fn begin_anew(&mut self, key: u64, sequence: Sequence, parts: &Parts) -> Result<(), Failure> {
        let made = self.make_anew(key, sequence, parts);
        if made.is_err() && self.folder.file(DATABASE).exists() {
            // Half of a file would only take the room that is missing.
            let _not_there = self.folder.remove(&[NEW, "state.new.db-journal"]);
        }
        made
    }

    fn make_anew(&mut self, key: u64, sequence: Sequence, parts: &Parts) -> Result<(), Failure> {
        let (new, file) = (self.folder.file(NEW), self.folder.file(DATABASE));
        let of = |error: rusqlite::Error| Failure::of(&error);
        let of_io = |error: std::io::Error| Failure::of_io(&error);
        if !file.exists() && new.exists() {
            self.folder.finish_renaming(NEW).map_err(of_io)?;
        }
        self.folder.remove(&[NEW, "state.new.db-journal"]).map_err(of_io)?;
        // Without a log beside it: what is committed is in the file itself.
        let mut connection = Connection::open(&new).map_err(of)?;
        connection.pragma_update(None, "journal_mode", "DELETE").map_err(of)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(of)?;
        begin(&mut connection, self.format, key, sequence, parts).map_err(of)?;
        connection.close().map_err(|(_, error)| of(error))?;
        std::fs::File::open(&new).and_then(|file| file.sync_all()).map_err(of_io)?;
        self.folder.sync().map_err(of_io)?;
        // Its handles go before its names do.
        let memory = Connection::open_in_memory().map_err(of)?;
        drop(std::mem::replace(&mut self.connection, memory));
        self.folder.remove(&[DATABASE]).map_err(of_io)?;
        self.folder.finish_renaming(NEW).map_err(of_io)?;
        self.connection = connect(&file).map_err(of)?;
        self.last = 0;
        let _lags = self.mark.set(sequence);
        Ok(())
    }

    /// For a simulation, whose processes break off while the machine goes on: nothing waits for the disk, and dropping it
    /// leaves the log as a process leaves it that was killed.
    #[cfg(test)]
    pub fn breaks_off(&self) -> rusqlite::Result<()> {
        use rusqlite::config::DbConfig;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        self.connection.pragma_update(None, "synchronous", "OFF")
    }

    /// Puts what is there out of the way; where it is now.
    pub fn abandon(self) -> std::io::Result<PathBuf> {
        let Self { folder, connection, .. } = self;
        drop(connection);
        folder.set_aside()
    }

    /// Bytes on the volume: the file and its log.
    pub fn bytes(&self) -> u64 {
        let length = |name: &str| std::fs::metadata(self.folder.file(name)).map_or(0, |file| file.len());
        length(DATABASE) + length("state.db-wal")
    }
}

/// What a database of ours holds, for who does not write to it.
pub(super) fn found(
    connection: &Connection,
    folder: &Path,
    format: u32,
) -> Result<(Found, Vec<String>), Refusal> {
    let file = folder.join(DATABASE);
    match look(connection, format).map_err(|error| Refusal::io("read", &file, error))? {
        Look::Ours(found, report) => Ok((found, report)),
        Look::Nothing => Err(Refusal::io("read", &file, "there is no state in it")),
        Look::Newer(newer) => Err(Refusal::Newer { folder: folder.to_owned(), format: newer, known: format }),
        Look::Foreign => Err(Refusal::Foreign { file }),
    }
}

enum Look {
    Nothing,
    Ours(Found, Vec<String>),
    Newer(u32),
    Foreign,
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A log that grew once gives its room back.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    Ok(connection)
}

/// A flipped bit in SQLite's own pages may also hide a table, or turn a value into one of another type.
fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::TypeMismatch
                | ErrorCode::Unknown
        ),
        None => true,
    }
}

fn look(connection: &Connection, known: u32) -> rusqlite::Result<Look> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, tables) {
        (APPLICATION, _) => {}
        (0, 0) => return Ok(Look::Nothing),
        _ => return Ok(Look::Foreign),
    }
    let format = u32::try_from(get(connection, "format")?.unwrap_or(0)).unwrap_or(u32::MAX);
    if format > known {
        return Ok(Look::Newer(format));
    }
    let mut report = Vec::new();
    let image = Sequence(get(connection, "image")?.unwrap_or(0));
    let parts = parts(connection, &mut report)?;
    let Rows { groups, torn, checksum, last } = rows(connection, image, &mut report)?;
    let key = get(connection, "key")?.unwrap_or(0);
    Ok(Look::Ours(Found { format, key, parts, groups, torn, last, checksum }, report))
}

fn parts(connection: &Connection, report: &mut Vec<String>) -> rusqlite::Result<Parts> {
    let mut found = Parts::new();
    let mut all = connection.prepare("SELECT name, frame FROM part")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (name, bytes) = (row.get::<_, String>(0)?, row.get_ref(1)?);
        match bytes.as_blob().ok().and_then(frame::read) {
            Some(frame) => {
                found.insert(name, frame.payload.to_vec());
            }
            None => report.push(format!("part `{name}` of the image is damaged")),
        }
    }
    Ok(found)
}

#[derive(Default)]
struct Rows {
    groups: Groups,
    torn: Option<Sequence>,
    /// Of the last one that can be read.
    checksum: u32,
    /// The newest number that is taken, be it by a damaged group.
    last: Sequence,
}

fn rows(connection: &Connection, image: Sequence, report: &mut Vec<String>) -> rusqlite::Result<Rows> {
    let mut found = Rows { last: image, ..Rows::default() };
    let mut is_missing = false;
    let mut all =
        connection.prepare("SELECT sequence, frame FROM journal WHERE sequence > ?1 ORDER BY sequence")?;
    let mut rows = all.query([number(image)])?;
    while let Some(row) = rows.next()? {
        let sequence = Sequence(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0));
        if sequence > found.last.next() {
            report.push(format!("groups {} to {} are not in the journal", found.last.0 + 1, sequence.0 - 1));
            is_missing = true;
        }
        match row.get_ref(1)?.as_blob().ok().and_then(frame::read).filter(|one| one.sequence == sequence) {
            Some(frame) => {
                // What was made after the loss follows what can be read. The first group's predecessor is not known.
                let is_first = found.groups.is_empty();
                if frame.before != found.checksum && (is_missing || !is_first) {
                    found.torn.get_or_insert(sequence);
                    if !is_first {
                        report.push(format!("group {} does not follow the one before it", sequence.0));
                    }
                }
                found.checksum = frame.checksum;
                found.groups.push((sequence, frame.payload.to_vec()));
            }
            None => {
                report.push(format!("group {} of the journal is damaged: it is left out", sequence.0));
                is_missing = true;
            }
        }
        found.last = sequence;
    }
    Ok(found)
}

fn begin(
    connection: &mut Connection,
    format: u32,
    key: u64,
    sequence: Sequence,
    parts: &Parts,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.execute_batch(SCHEMA)?;
    set(&transaction, "format", u64::from(format))?;
    set(&transaction, "key", key)?;
    set(&transaction, "image", sequence.0)?;
    put(&transaction, sequence, parts)?;
    transaction.commit()
}

fn put(connection: &Connection, sequence: Sequence, parts: &Parts) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT OR REPLACE INTO part (name, frame) VALUES (?1, ?2)")?;
    for (name, bytes) in parts {
        insert.execute(params![name, frame::write(sequence, 0, bytes).0])?;
    }
    Ok(())
}

/// SQLite's integers are signed: the bits are what counts.
fn number(sequence: Sequence) -> i64 {
    sequence.0.cast_signed()
}

fn set(connection: &Connection, name: &str, value: u64) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
        params![name, value.cast_signed()],
    )
}

fn get(connection: &Connection, name: &str) -> rusqlite::Result<Option<u64>> {
    let value =
        connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get::<_, i64>(0));
    Ok(value.optional()?.map(i64::cast_unsigned))
}
