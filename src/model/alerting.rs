//! Labels and the matchers over them, as Alertmanager defines both.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use regex::Regex;

/// Label names to values; a label with an empty value is the same as no label.
pub type Labels = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum MatcherOp {
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
}

/// One `name="value"` of a route. Regular expressions are anchored at both ends.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Matcher {
    pub name: String,
    pub op: MatcherOp,
    pub value: String,
}

/// As a configuration spells it.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            MatcherOp::Equal => "=",
            MatcherOp::NotEqual => "!=",
            MatcherOp::Matches => "=~",
            MatcherOp::MatchesNot => "!~",
        };
        write!(f, "{}{op}{:?}", self.name, self.value)
    }
}

/// A matcher ready to be asked; regular expressions compiled and anchored.
#[derive(Clone, Debug)]
pub struct Compiled {
    matcher: Matcher,
    /// There for `=~` and `!~` alone.
    regex: Option<Regex>,
}

impl Compiled {
    /// The error is a sentence about the regular expression.
    pub fn new(matcher: Matcher) -> Result<Self, String> {
        let regex = match matcher.op {
            MatcherOp::Equal | MatcherOp::NotEqual => None,
            MatcherOp::Matches | MatcherOp::MatchesNot => Some(anchored(&matcher.value)?),
        };
        Ok(Self { matcher, regex })
    }

    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// An absent label compares as the empty string.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.matcher.name).map_or("", String::as_str);
        let holds = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.matcher.value == value,
        };
        match self.matcher.op {
            MatcherOp::Equal | MatcherOp::Matches => holds,
            MatcherOp::NotEqual | MatcherOp::MatchesNot => !holds,
        }
    }
}

impl BorshSerialize for Compiled {
    fn serialize<W: Write>(&self, out: &mut W) -> std::io::Result<()> {
        self.matcher.serialize(out)
    }
}

impl BorshDeserialize for Compiled {
    fn deserialize_reader<R: Read>(from: &mut R) -> std::io::Result<Self> {
        Self::new(Matcher::deserialize_reader(from)?)
            .map_err(|reason| std::io::Error::new(std::io::ErrorKind::InvalidData, reason))
    }
}

/// The whole text is to match. The error is a sentence about the regular expression.
pub fn anchored(pattern: &str) -> Result<Regex, String> {
    // Compiled bare first: `a)(b` would turn into something sound between the anchors.
    let compiled = Regex::new(pattern).and_then(|_| Regex::new(&format!(r"\A(?:{pattern})\z")));
    compiled.map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ");
        format!("`{pattern}` is no regular expression: {reason}")
    })
}
