//! What came of a test, as text: one line where it passed, else what was expected and what happened, in order of time.

use std::fmt::Write as _;

/// Lines of a timeline that are printed.
const LINES_MAX: usize = 100;

/// One test's outcome.
#[derive(Clone, Debug)]
pub struct Report {
    pub name: String,
    /// `FILE:LINE:COLUMN`
    pub declared_at: String,
    /// How long its timeline was.
    pub seconds: u64,
    pub lines: Vec<Line>,
}

/// A stretch or a moment of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub mark: Mark,
    pub from_s: u64,
    pub to_s: Option<u64>,
    pub text: String,
    /// Of the expectation.
    pub place: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Expected, and it did not happen.
    Missing,
    /// Happened, and must not have.
    Unexpected,
    /// Happened, and nothing is wrong with it.
    Met,
}

impl Mark {
    pub fn sign(self) -> char {
        match self {
            Self::Missing => '-',
            Self::Unexpected => '+',
            Self::Met => ' ',
        }
    }
}

impl Report {
    pub fn passed(&self) -> bool {
        self.lines.iter().all(|line| line.mark == Mark::Met)
    }

    /// What was expected and did not come, and what came and was not expected.
    pub fn failures(&self) -> usize {
        self.lines.iter().filter(|line| line.mark != Mark::Met).count()
    }

    /// The lines of the timeline, in columns.
    pub fn timeline(&self) -> String {
        let times: Vec<String> = self.lines.iter().map(Line::time).collect();
        let width = times.iter().map(String::len).max().unwrap_or(0);
        let mut out = String::new();
        for (line, time) in self.lines.iter().zip(&times).take(LINES_MAX) {
            let text = line.text.escape_debug();
            let _ = write!(out, "  {} {time:<width$}  {text}", line.mark.sign());
            if let Some(place) = &line.place {
                let _ = write!(out, "  ({place})");
            }
            out.push('\n');
        }
        if self.lines.len() > LINES_MAX {
            let _ = writeln!(out, "    and {} lines more", self.lines.len() - LINES_MAX);
        }
        out
    }
}

impl Line {
    pub fn time(&self) -> String {
        match self.to_s {
            Some(to_s) => format!("{}..{}", offset(self.from_s), offset(to_s)),
            None => offset(self.from_s),
        }
    }
}

/// Seconds as people write them in a test: `2h16m53s`.
pub fn offset(seconds: u64) -> String {
    let mut out = String::new();
    let mut rest = seconds;
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= length {
            let _ = write!(out, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// Names for people; nobody is nobody.
pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn times_read_as_they_are_written() {
        let shown = [0, 59, 60, 8_213, 86_400, 2_419_201].map(offset);
        assert_eq!(shown, ["0s", "59s", "1m", "2h16m53s", "1d", "28d1s"]);
    }
}
