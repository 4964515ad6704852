//! Copies of a state: taken while it runs, looked through, put back.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::database::{Found, found};
use super::failure::Refusal;
use super::folder::{DATABASE, Folder};

/// Copies the state of `from` into the new folder `to`; a daemon may go on writing meanwhile. What is copied is the
/// state at one moment, and it is synced.
pub fn back_up(from: &Path, to: &Path, format: u32) -> Result<(Found, Vec<String>), Refusal> {
    let source = read_only(from)?;
    if std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Refusal::io("back up to", to, "it is there already, and not empty"));
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(to);
    made.map_err(|error| Refusal::io("make the folder", to, error))?;
    let file = to.join(DATABASE);
    let of = |error: rusqlite::Error| Refusal::io("back up to", &file, error);
    let mut target = Connection::open(&file).map_err(of)?;
    let copy = Backup::new(&source, &mut target).map_err(of)?;
    loop {
        // All in one step: between two of them a daemon would write, and the copy begin again. It does not wait for us.
        match copy.step(-1).map_err(of)? {
            StepResult::Done => break,
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    drop(copy);
    target.close().map_err(|(_, error)| of(error))?;
    let synced = std::fs::File::open(&file).and_then(|file| file.sync_all());
    let synced = synced.and_then(|()| std::fs::File::open(to)?.sync_all());
    synced.map_err(|error| Refusal::io("sync", to, error))?;
    look_through(to, format)
}

/// What a folder holds, every frame checked, and SQLite's own check of its file.
pub fn look_through(folder: &Path, format: u32) -> Result<(Found, Vec<String>), Refusal> {
    let connection = read_only(folder)?;
    let file = folder.join(DATABASE);
    let checked = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    let said = checked.map_err(|error| Refusal::io("read", &file, error))?;
    let mut report = Vec::new();
    if said != "ok" {
        report.push(format!("SQLite finds damage: {said}"));
    }
    let (found, more) = found(&connection, folder, format)?;
    report.extend(more);
    Ok((found, report))
}

/// Puts a copy in the place of the state of `to`, which must not be in use; where what was there is now.
pub fn restore(from: &Path, to: &Path) -> Result<Option<PathBuf>, Refusal> {
    let folder = Folder::open(to)?;
    let before = match folder.file(DATABASE).exists() {
        true => Some(folder.set_aside().map_err(|error| Refusal::io("set aside the state in", to, error))?),
        false => None,
    };
    // Under another name first: a start in between finds nothing, or all of it.
    let (source, new) = (from.join(DATABASE), folder.file("restored.db"));
    let copied = std::fs::copy(&source, &new)
        .and_then(|_| std::fs::File::open(&new)?.sync_all())
        .and_then(|()| std::fs::rename(&new, folder.file(DATABASE)))
        .and_then(|()| folder.sync());
    copied.map_err(|error| Refusal::io("restore to", to, error))?;
    Ok(before)
}

fn read_only(folder: &Path) -> Result<Connection, Refusal> {
    let file = folder.join(DATABASE);
    if !file.exists() {
        return Err(Refusal::io("read", &file, "there is no state"));
    }
    let opened = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let connection = opened.map_err(|error| Refusal::io("read", &file, error))?;
    let patient = connection.busy_timeout(Duration::from_secs(5));
    patient.map_err(|error| Refusal::io("read", &file, error))?;
    Ok(connection)
}
