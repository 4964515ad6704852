//! Colour for the words that matter at 2 a.m. It repeats what the word says, and is never the only sign.

use std::io::IsTerminal;

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// What the surroundings say about colour.
#[derive(Clone, Copy, Debug, Default)]
struct Surroundings {
    terminal: bool,
    /// `NO_COLOR` is set and not empty (no-color.org).
    no_color: bool,
    /// `CLICOLOR_FORCE` is set and not `0`.
    forced: bool,
    /// `TERM=dumb`.
    dumb: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint {
    colored: bool,
}

impl Color {
    pub(super) fn paint(self) -> Paint {
        let var = |name| std::env::var(name).unwrap_or_default();
        let surroundings = Surroundings {
            terminal: std::io::stdout().is_terminal(),
            no_color: !var("NO_COLOR").is_empty(),
            forced: !matches!(var("CLICOLOR_FORCE").as_str(), "" | "0"),
            dumb: var("TERM") == "dumb",
        };
        Paint { colored: self.decide(surroundings) }
    }

    /// What is said on the command line wins, then a refusal, then a demand, then the terminal.
    fn decide(self, Surroundings { terminal, no_color, forced, dumb }: Surroundings) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if no_color => false,
            Self::Auto => forced || terminal && !dumb,
        }
    }
}

impl Paint {
    /// A word that is padded already, in the colour of what it says.
    pub(super) fn word(self, padded: &str) -> String {
        const RED: &str = "31";
        const YELLOW: &str = "33";
        const GREEN: &str = "32";
        let code = match padded.trim() {
            "firing" | "open" | "exception" | "P1" | "P2" | "page" | "FAIL" | "BAD" => RED,
            "warning" | "no-data" | "frozen" | "P3" | "P4" | "ticket" => YELLOW,
            "ok" | "closed" => GREEN,
            _ => return padded.to_owned(),
        };
        if self.colored { format!("\x1b[{code}m{padded}\x1b[0m") } else { padded.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_decides_then_the_surroundings() {
        let plain = Surroundings::default();
        let terminal = Surroundings { terminal: true, ..plain };
        for (flag, surroundings, colored) in [
            (Color::Auto, plain, false),
            (Color::Auto, terminal, true),
            (Color::Auto, Surroundings { dumb: true, ..terminal }, false),
            (Color::Auto, Surroundings { no_color: true, ..terminal }, false),
            (Color::Auto, Surroundings { forced: true, ..plain }, true),
            (Color::Auto, Surroundings { forced: true, no_color: true, ..terminal }, false),
            (Color::Always, Surroundings { no_color: true, ..plain }, true),
            (Color::Never, Surroundings { forced: true, ..terminal }, false),
        ] {
            assert_eq!(flag.decide(surroundings), colored, "{flag:?} {surroundings:?}");
        }
    }

    #[test]
    fn a_painted_word_keeps_its_width() {
        let (painted, plain) = (Paint { colored: true }, Paint { colored: false });
        assert_eq!(painted.word("ok   "), "\x1b[32mok   \x1b[0m");
        assert_eq!(plain.word("ok   "), "ok   ");
        assert_eq!(painted.word("checkout"), "checkout");
    }
}
