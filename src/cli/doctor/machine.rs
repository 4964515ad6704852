//! What the machine gives: its clock, its files, its disk.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Check;
use crate::daemon;
use crate::door;
use crate::engine::Plan;

/// Nobody's clock stands before this program was written: 2026-01-01.
const OLDEST_S: u64 = 1_767_225_600;
/// How long the wall clock is held against one that only goes forward.
const WATCHED: Duration = Duration::from_millis(200);
const STEP_MAX: Duration = Duration::from_millis(50);
/// Made by the usual services once the time comes from elsewhere.
const SYNCHRONIZED: [&str; 3] =
    ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/ntpd.pid"];
/// Beside those of connections: listeners, receivers, state.
const OTHER_FILES: u32 = 128;
const FREE_MIN: u64 = 64 * 1024 * 1024;
const FREE_LOW: u64 = 1024 * 1024 * 1024;

pub(super) fn clock() -> Check {
    let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (before, began) = (wall(), Instant::now());
    std::thread::sleep(WATCHED);
    let (after, passed) = (wall(), began.elapsed());
    let step = after.abs_diff(before + passed);
    judge_clock(after.as_secs(), step, SYNCHRONIZED.iter().any(|file| Path::new(file).exists()))
}

fn judge_clock(now_s: u64, step: Duration, synchronized: bool) -> Check {
    let second = i64::try_from(now_s).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let shown = second.map_or_else(|| format!("{now_s} s"), |time| time.to_string());
    if now_s < OLDEST_S {
        let hint = "set the clock: events would be taken for ones from the future";
        return Check::fail("clock", format!("{shown} is long past"), hint);
    }
    if step > STEP_MAX {
        let detail = format!("{shown}; it was set by {} ms while we looked", step.as_millis());
        return Check::warn("clock", detail, "let one service alone keep the time");
    }
    match synchronized {
        true => Check::ok("clock", format!("{shown}, kept by a service")),
        false => Check::ok(
            "clock",
            format!("{shown}, steady; whether a service keeps it can not be told from here"),
        ),
    }
}

pub(super) fn open_files(connections: u32) -> Check {
    let needed = connections.saturating_add(OTHER_FILES);
    match door::open_files_max() {
        None => Check::ok("open files", "no limit is told"),
        Some(limit) if limit >= needed => {
            Check::ok("open files", format!("{limit} may be open, {needed} are needed"))
        }
        Some(limit) => Check::warn(
            "open files",
            format!("{limit} may be open, {needed} are needed for {connections} connections"),
            "raise `ulimit -n` or LimitNOFILE=, or lower listen.limits.connections",
        ),
    }
}

/// The folder, or where it will be made.
pub(super) fn folder(data_dir: &Path) -> Check {
    let shown = data_dir.display();
    let there = standing(data_dir);
    let hint = "let the daemon's user write there, or set data_dir";
    if !there.is_dir() {
        return Check::fail("data_dir", format!("{shown}: {} is no folder", there.display()), hint);
    }
    let probe = there.join(format!(".evenkeel-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"evenkeel").and_then(|()| std::fs::remove_file(&probe));
    if let Err(error) = written {
        return Check::fail("data_dir", format!("{shown} can not be written: {error}"), hint);
    }
    match rustix::fs::statvfs(&there) {
        Ok(volume) => judge_free(&shown.to_string(), volume.f_bavail.saturating_mul(volume.f_frsize)),
        Err(error) => Check::warn("data_dir", format!("{shown}: free space is not told: {error}"), ""),
    }
}

/// What would keep steps of runbooks from beginning. Nothing where there are none.
pub(super) fn runbooks(plan: &Plan) -> Vec<Check> {
    const HINT: &str =
        "install it, make it executable, or mend the runbook; asked again at each start and reload";
    let found = daemon::unready(plan);
    if found.is_empty() && !plan.runbooks.is_empty() {
        return vec![Check::ok("runbooks", "their programs, folders and users are there")];
    }
    let check = |one: daemon::Unready| {
        Check::fail(format!("runbook {}", one.runbook), format!("step `{}`: {}", one.step, one.why), HINT)
    };
    found.into_iter().map(check).collect()
}

fn judge_free(shown: &str, free: u64) -> Check {
    let detail = format!("{shown} can be written, {} MiB are free", free / (1024 * 1024));
    match free {
        ..FREE_MIN => Check::fail("data_dir", detail, "make room on the volume"),
        FREE_MIN..FREE_LOW => Check::warn("data_dir", detail, "make room on the volume"),
        _ => Check::ok("data_dir", detail),
    }
}

/// The nearest folder above that exists.
fn standing(path: &Path) -> PathBuf {
    let path = if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) };
    path.ancestors().find(|one| one.exists()).unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_clock_of_long_ago_is_a_fault_and_one_that_is_set_a_warning() {
        let verdict = |now_s, step_ms| judge_clock(now_s, Duration::from_millis(step_ms), false).verdict;
        assert_eq!(verdict(OLDEST_S, 0), Verdict::Ok);
        assert_eq!(verdict(OLDEST_S - 1, 0), Verdict::Fail);
        assert_eq!(verdict(OLDEST_S, 50), Verdict::Ok);
        assert_eq!(verdict(OLDEST_S, 51), Verdict::Warn);
    }

    #[test]
    fn little_room_is_a_warning_and_almost_none_a_fault() {
        for (mib, verdict) in
            [(63, Verdict::Fail), (64, Verdict::Warn), (1023, Verdict::Warn), (1024, Verdict::Ok)]
        {
            assert_eq!(judge_free("here", mib * 1024 * 1024).verdict, verdict, "{mib}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_judged_by_the_one_above_it() {
        let above = std::env::temp_dir();
        assert_eq!(standing(&above.join("not/there/at-all")), above);
        assert_eq!(folder(Path::new("/proc/evenkeel")).verdict, Verdict::Fail);
    }
}
