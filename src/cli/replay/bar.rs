//! How far a replay is, on standard error: a line that changes on a terminal, one each ten seconds elsewhere.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::replay::Progress;

const ON_A_TERMINAL: Duration = Duration::from_millis(200);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Ends when it is gone.
pub(super) struct Bar {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    pub(super) fn begin(quiet: bool, files: &[PathBuf], times: u64, progress: &Arc<Progress>) -> Self {
        let bytes = |file: &PathBuf| std::fs::metadata(file).map_or(0, |about| about.len());
        let total = files.iter().map(bytes).sum::<u64>() * times;
        if quiet {
            return Self { stop: None, thread: None };
        }
        let (stop, stopped) = channel::<()>();
        let progress = Arc::clone(progress);
        let thread = std::thread::spawn(move || {
            let (terminal, begun) = (std::io::stderr().is_terminal(), Instant::now());
            let pace = if terminal { ON_A_TERMINAL } else { ELSEWHERE };
            while stopped.recv_timeout(pace) == Err(RecvTimeoutError::Timeout) {
                let line = line(progress.bytes(), total, progress.items(), begun.elapsed());
                match terminal {
                    true => eprint!("\r{line}\x1b[K"),
                    false => eprintln!("{line}"),
                }
            }
            if terminal {
                eprint!("\r\x1b[K");
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// `replay 38 %  4.1 M of about 10.8 M, 12 s left`
fn line(bytes: u64, total: u64, items: u64, passed: Duration) -> String {
    let share = if total == 0 { 1.0 } else { (bytes as f64 / total as f64).min(1.0) };
    let percent = (share * 100.0) as u64;
    if share <= 0.0 || items == 0 {
        return format!("replay {percent} %");
    }
    let all = items as f64 / share;
    let left = passed.as_secs_f64() * (1.0 - share) / share;
    format!("replay {percent} %  {} of about {}, {left:.0} s left", short(items as f64), short(all))
}

fn short(number: f64) -> String {
    match number {
        number if number < 1e4 => format!("{number:.0}"),
        number if number < 1e6 => format!("{:.1} k", number / 1e3),
        number => format!("{:.1} M", number / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done_and_how_long_it_takes() {
        let line = |bytes, items| line(bytes, 1_000, items, Duration::from_secs(30));
        assert_eq!(line(0, 0), "replay 0 %");
        assert_eq!(line(380, 4_104_000), "replay 38 %  4.1 M of about 10.8 M, 49 s left");
        assert_eq!(
            line(1_200, 999),
            "replay 100 %  999 of about 999, 0 s left",
            "what is read twice counts twice"
        );
    }
}
