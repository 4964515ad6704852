//! Why an item is rejected while the rest of its request is fine.

use std::fmt;

/// Where an attribute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Resource,
    Scope,
    Item,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<'a> {
    /// A field whose text is not UTF-8.
    Text(&'static str),
    /// An attribute, by its key, whose text is not UTF-8.
    Attribute(Level, &'a [u8]),
    /// An id that is neither absent nor of its one length.
    IdLength { name: &'static str, len: usize, expected: usize },
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name) => write!(f, "{name} is not valid UTF-8"),
            Self::Attribute(level, key) => {
                let level = match level {
                    Level::Resource => "resource attribute",
                    Level::Scope => "scope attribute",
                    Level::Item => "attribute",
                };
                write!(f, "{level} `{}` is not valid UTF-8", String::from_utf8_lossy(key))
            }
            Self::IdLength { name, len, expected } => {
                write!(f, "{name} has {len} bytes instead of {expected}")
            }
        }
    }
}
