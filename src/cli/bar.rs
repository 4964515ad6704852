//! How far a command is, on standard error where that is a terminal: a line that changes. Elsewhere nothing.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::replay::Progress;

const PACE: Duration = Duration::from_millis(200);

/// Ends when it is gone.
pub(super) struct Bar {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// `files` are read so many times.
    pub(super) fn begin(
        quiet: bool,
        what: &str,
        (files, times): (&[PathBuf], u64),
        progress: &Arc<Progress>,
    ) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self { stop: None, thread: None };
        }
        let bytes = |file: &PathBuf| std::fs::metadata(file).map_or(0, |about| about.len());
        let (what, total) = (what.to_owned(), files.iter().map(bytes).sum::<u64>() * times);
        let (stop, stopped) = channel::<()>();
        let progress = Arc::clone(progress);
        let thread = std::thread::spawn(move || {
            let begun = Instant::now();
            while stopped.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                let line = line(&what, (progress.bytes(), total), progress.items(), begun.elapsed());
                eprint!("\r{line}\x1b[K");
            }
            eprint!("\r\x1b[K");
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

/// `replay 38 %  4.1 M of about 10.8 M, 12 s left`; `test calm  12 s` where no file tells how much there is.
fn line(what: &str, (bytes, total): (u64, u64), items: u64, passed: Duration) -> String {
    if total == 0 {
        return format!("{what}  {:.0} s", passed.as_secs_f64());
    }
    let share = (bytes as f64 / total as f64).min(1.0);
    let percent = (share * 100.0) as u64;
    if share <= 0.0 || items == 0 {
        return format!("{what} {percent} %");
    }
    let all = items as f64 / share;
    let left = passed.as_secs_f64() * (1.0 - share) / share;
    format!("{what} {percent} %  {} of about {}, {left:.0} s left", short(items as f64), short(all))
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
        let passed = Duration::from_secs(30);
        let line = |bytes, items| line("replay", (bytes, 1_000), items, passed);
        assert_eq!(line(0, 0), "replay 0 %");
        assert_eq!(line(380, 4_104_000), "replay 38 %  4.1 M of about 10.8 M, 49 s left");
        assert_eq!(
            line(1_200, 999),
            "replay 100 %  999 of about 999, 0 s left",
            "what is read twice counts twice"
        );
        assert_eq!(super::line("test calm", (0, 0), 0, passed), "test calm  30 s");
    }
}
