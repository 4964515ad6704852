//! What the operating system says of this process; nothing where it does not tell (`/proc` of Linux).

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
    /// Seconds since 1970-01-01 UTC.
    pub started_at: f64,
}

/// Linux counts CPU time in hundredths of a second for user space, on every architecture.
const TICKS_PER_S: f64 = 100.0;

pub fn read() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    let uptime: f64 =
        fs::read_to_string("/proc/uptime").ok()?.split_ascii_whitespace().next()?.parse().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    Some(Process {
        cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS_PER_S,
        resident_bytes: resident_bytes()?,
        started_at: now - uptime + ticks(19)? / TICKS_PER_S,
    })
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_used_memory_and_started_in_the_past() {
        let Some(process) = super::read() else { return println!("skipped: no /proc on this system") };
        assert!(process.resident_bytes > 0 && process.started_at > 1.0e9);
    }
}
