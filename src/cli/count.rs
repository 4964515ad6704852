//! Numbers with their nouns.

use std::fmt::Display;

/// `1 page`, `2 pages`
pub(super) fn counted(count: impl Display, what: &str) -> String {
    let count = count.to_string();
    let end = if count == "1" { "" } else { "s" };
    format!("{count} {what}{end}")
}
