//! Parameters: values out of an alert or from a person, each held against its rule before anything is called with it.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use regex::Regex;

use super::trigger::Occasion;
use crate::model::anchored;

/// Of one value.
pub const VALUE_BYTES_MAX: usize = 256;

/// Values by their parameter's name, each of which has passed its rule.
pub type Params = BTreeMap<String, String>;

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Param {
    pub name: String,
    pub from: From,
    pub rule: Rule,
}

/// Where a value comes from where nobody gives one.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum From {
    /// A label of the alert. Parts of the key of a rule's alert and of a group are labels.
    Label(String),
    /// The alert's service.
    Service,
    /// The alert's id, `alt_…`.
    Alert,
    /// Always the same.
    Value(String),
    /// A person gives it with each run; a trigger can not.
    Person,
}

#[derive(Clone, Debug)]
pub enum Rule {
    /// `enum`
    OneOf(Vec<String>),
    /// A whole number, both ends included.
    Whole { min: i64, max: i64 },
    /// The whole value matches, and has at most so many bytes.
    Pattern { pattern: String, compiled: Regex, bytes_max: usize },
}

impl Rule {
    /// Anchored at both ends. The error is a sentence about the regular expression.
    pub fn pattern(pattern: &str, bytes_max: usize) -> Result<Self, String> {
        let compiled = anchored(pattern)?;
        Ok(Self::Pattern { pattern: pattern.to_owned(), compiled, bytes_max })
    }

    /// Why the value is not taken; it is not repeated in it.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if value.is_empty() {
            return Err("is empty".to_owned());
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(format!("has {} bytes, and {VALUE_BYTES_MAX} are the most", value.len()));
        }
        if value.chars().any(char::is_control) {
            return Err("has control characters".to_owned());
        }
        // Also what some programs take for one.
        const DASHES: [char; 8] =
            ['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}', '\u{ff0d}'];
        if value.starts_with('@') {
            return Err("begins with `@`, by which programs are given files".to_owned());
        }
        if value.chars().any(is_unseen) {
            return Err("has characters that are not seen, or turn what is".to_owned());
        }
        if value.ends_with('…') {
            return Err("was cut short: it is not what was sent".to_owned());
        }
        let is_number = matches!(self, Self::Whole { .. });
        if !is_number && value.starts_with(DASHES) {
            return Err("begins with a dash, as an option of a program does".to_owned());
        }
        match self {
            Self::OneOf(values) if values.iter().any(|one| one == value) => Ok(()),
            Self::OneOf(values) => Err(format!("is none of {}", values.join(", "))),
            Self::Whole { min, max } => {
                let number = value.parse::<i64>().ok().filter(|number| number.to_string() == value);
                match number {
                    Some(number) if (*min..=*max).contains(&number) => Ok(()),
                    _ => Err(format!("is no whole number from {min} to {max}")),
                }
            }
            Self::Pattern { bytes_max, .. } if value.len() > *bytes_max => {
                Err(format!("has {} bytes, and {bytes_max} are the most", value.len()))
            }
            Self::Pattern { compiled, .. } if compiled.is_match(value) => Ok(()),
            Self::Pattern { pattern, .. } => Err(format!("does not match `{pattern}`")),
        }
    }
}

/// Who looks at a value is to see what it is.
fn is_unseen(one: char) -> bool {
    matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl Param {
    /// The value for a run, or why there is none: a sentence that names the parameter and not the value.
    pub fn value(&self, given: Option<&str>, occasion: &Occasion) -> Result<String, String> {
        let found = match (given, &self.from) {
            (Some(given), From::Value(fixed)) if given != fixed => {
                return Err(format!("`{}` is fixed by the runbook", self.name));
            }
            (Some(given), _) => Some(given),
            (None, From::Label(label)) => occasion.labels.get(label).map(String::as_str),
            (None, From::Service) => Some(&*occasion.service).filter(|service| !service.is_empty()),
            (None, From::Alert) => Some(&*occasion.alert).filter(|alert| !alert.is_empty()),
            (None, From::Value(value)) => Some(&**value),
            (None, From::Person) => None,
        };
        let Some(value) = found else {
            return Err(match &self.from {
                From::Label(label) => format!("`{}`: the alert has no label `{label}`", self.name),
                _ => format!("`{}` has no value", self.name),
            });
        };
        match self.rule.check(value) {
            Ok(()) => Ok(value.to_owned()),
            Err(why) => Err(format!("`{}` {why}", self.name)),
        }
    }
}

/// All values of a run, or the first reason why there is none. `given` is what a person gave.
pub(super) fn values(params: &[Param], given: &Params, occasion: &Occasion) -> Result<Params, String> {
    if let Some(unknown) = given.keys().find(|name| !params.iter().any(|param| param.name == **name)) {
        let known: Vec<&str> = params.iter().map(|param| &*param.name).collect();
        let known =
            if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        return Err(format!("the runbook has no parameter `{unknown}`: {known}"));
    }
    let value = |param: &Param| {
        let given = given.get(&param.name).map(String::as_str);
        Ok((param.name.clone(), param.value(given, occasion)?))
    };
    params.iter().map(value).collect()
}

impl BorshSerialize for Rule {
    fn serialize<W: Write>(&self, out: &mut W) -> std::io::Result<()> {
        match self {
            Self::OneOf(values) => (0_u8, values).serialize(out),
            Self::Whole { min, max } => (1_u8, min, max).serialize(out),
            Self::Pattern { pattern, bytes_max, .. } => (2_u8, pattern, *bytes_max as u64).serialize(out),
        }
    }
}

impl BorshDeserialize for Rule {
    fn deserialize_reader<R: Read>(from: &mut R) -> std::io::Result<Self> {
        let invalid = |reason: String| std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
        match u8::deserialize_reader(from)? {
            0 => Ok(Self::OneOf(Vec::deserialize_reader(from)?)),
            1 => {
                let (min, max) = <(i64, i64)>::deserialize_reader(from)?;
                Ok(Self::Whole { min, max })
            }
            2 => {
                let (pattern, bytes_max) = <(String, u64)>::deserialize_reader(from)?;
                Self::pattern(&pattern, bytes_max as usize).map_err(invalid)
            }
            other => Err(invalid(format!("no rule of a parameter is numbered {other}"))),
        }
    }
}
