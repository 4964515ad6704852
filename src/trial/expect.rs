//! What a test expects, each thing at its time.

use std::cmp::Ordering;
use std::fmt;

use super::report::{list, offset};
use crate::classify::Decider;
use crate::model::{Category, EventTime, Labels, Parts, Priority, parse_parts};

/// One expectation of a document.
#[derive(Clone, Debug)]
pub struct Expect {
    /// `FILE:LINE:COLUMN`
    pub declared_at: String,
    pub when: When,
    pub wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The whole timeline.
    Always,
    /// From one moment to another.
    Between(Moment, Moment),
    /// What was before it counts.
    At(Moment),
}

/// A second of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After the beginning.
    Offset(u64),
    Time(EventTime),
}

#[derive(Clone, Debug)]
pub enum Wanted {
    /// No alert opens or escalates, in a stretch without its last second.
    Quiet,
    /// An alert begins, escalates or ends, in a stretch with its last second.
    Told(Telling),
    Never(Telling),
    Level(Box<Level>),
    /// Events that a rule decided about, since the beginning.
    Rule {
        name: String,
        hits: Amount,
    },
    /// Events of a category, or those of them that a rule decided about.
    Event {
        category: Category,
        decided_by: Option<String>,
        count: Amount,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Page,
    Ticket,
    Log,
    Escalate,
    Resolve,
}

/// What is told of an alert. What is left open may be anything.
#[derive(Clone, Debug)]
pub struct Telling {
    pub act: Act,
    /// A service level's or a rule's name.
    pub about: String,
    /// Exactly these receivers, in any order.
    pub to: Option<Vec<String>>,
    pub priority: Option<Priority>,
    pub condition: Option<String>,
    pub group: Option<Labels>,
    pub times: u64,
}

/// Where a service level stands.
#[derive(Clone, Debug, Default)]
pub struct Level {
    pub slo: String,
    /// The first one where none is named.
    pub objective: Option<String>,
    pub group: Labels,
    pub state: Option<String>,
    /// By the names of the document: `budget_remaining`, `sli`, `good`, `bad`, `total`.
    pub amounts: Vec<(&'static str, Amount)>,
}

/// A number, or a bound for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    op: Op,
    /// Billionths.
    value: i128,
    written: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// Rules that nobody wrote, by name, with what they decide.
pub fn defaults() -> impl Iterator<Item = (&'static str, Category)> {
    let all = [
        Decider::ServerSpanError,
        Decider::OtherSpanError,
        Decider::SpanException,
        Decider::ErrorLog,
        Decider::WarningLog,
        Decider::Nothing,
    ];
    all.into_iter().filter_map(|one| Some((one.default_name()?, one.default_category())))
}

impl Moment {
    /// Seconds after the beginning; `None` for what is before it.
    pub fn offset(self, start: EventTime) -> Option<u64> {
        match self {
            Self::Offset(seconds) => Some(seconds),
            Self::Time(time) => time.seconds().checked_sub(start.seconds()),
        }
    }
}

impl When {
    /// The last moment that it is about.
    pub fn end(self) -> Option<Moment> {
        match self {
            Self::Always => None,
            Self::Between(_, to) => Some(to),
            Self::At(at) => Some(at),
        }
    }
}

impl Act {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
            Self::Log => "log",
            Self::Escalate => "escalate",
            Self::Resolve => "resolve",
        }
    }
}

impl Telling {
    /// How much it says of what it wants: the more, the fewer fit.
    pub(super) fn narrowness(&self) -> usize {
        let given =
            [self.to.is_some(), self.priority.is_some(), self.condition.is_some(), self.group.is_some()];
        given.into_iter().filter(|given| *given).count()
    }
}

impl Amount {
    /// `12`, `0.5`, `20%`, `>0`, `<=-3.2`. The error is a sentence's end.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const OPS: [(&str, Op); 7] = [
            ("<=", Op::LessOrEqual),
            (">=", Op::GreaterOrEqual),
            ("!=", Op::NotEqual),
            ("==", Op::Equal),
            ("<", Op::Less),
            (">", Op::Greater),
            ("=", Op::Equal),
        ];
        let text = text.trim();
        let found = OPS.into_iter().find_map(|(sign, op)| Some((text.strip_prefix(sign)?, op)));
        let (number, op) = found.unwrap_or((text, Op::Equal));
        let number = number.trim();
        let value = match number.strip_suffix('%') {
            Some(percent) => billionths(percent.trim_end()).map(|value| value / 100),
            None => billionths(number),
        };
        let value = value.ok_or("is no number, nor one after <, <=, >, >= or !=")?;
        Ok(Self { op, value, written: text.to_owned() })
    }

    /// More than nothing.
    pub fn some() -> Self {
        Self { op: Op::Greater, value: 0, written: ">0".to_owned() }
    }

    /// Of a number as the API writes it.
    pub(super) fn holds(&self, number: &str) -> bool {
        let Some(value) = billionths(number) else { return false };
        let order = value.cmp(&self.value);
        match self.op {
            Op::Less => order == Ordering::Less,
            Op::LessOrEqual => order != Ordering::Greater,
            Op::Equal => order == Ordering::Equal,
            Op::NotEqual => order != Ordering::Equal,
            Op::GreaterOrEqual => order != Ordering::Less,
            Op::Greater => order == Ordering::Greater,
        }
    }
}

fn billionths(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let Parts(value) = parse_parts(digits).ok().filter(|_| !digits.starts_with(['-', '+']))?;
    Some(sign * i128::from(value))
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Display for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.act.as_str(), self.about)?;
        if let Some(group) = &self.group {
            write!(f, " {}", labels(group))?;
        }
        if let Some(priority) = self.priority {
            write!(f, " {priority}")?;
        }
        if let Some(condition) = &self.condition {
            write!(f, " by {condition}")?;
        }
        if let Some(to) = &self.to {
            write!(f, " to {}", list(to))?;
        }
        if self.times > 1 {
            write!(f, ", {} times", self.times)?;
        }
        Ok(())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.slo)?;
        if let Some(objective) = &self.objective {
            write!(f, " {objective}")?;
        }
        if !self.group.is_empty() {
            write!(f, " {}", labels(&self.group))?;
        }
        Ok(())
    }
}

/// `{a=b, c=d}`
pub(super) fn labels(group: &Labels) -> String {
    let parts: Vec<String> = group.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", parts.join(", "))
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(seconds) => f.write_str(&offset(*seconds)),
            Self::Time(time) => f.write_str(&crate::model::rfc3339(time.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_numbers_and_bounds() {
        for (text, number, expected) in [
            ("12", "12", true),
            ("12", "12.000001", false),
            ("<0.2", "0.199999", true),
            ("<0.2", "0.2", false),
            ("<=0.2", "0.2", true),
            (">-3.2", "-3.199999", true),
            (">=-3.2", "-3.2", true),
            ("< 20%", "0.199999", true),
            ("< 20%", "0.2", false),
            ("!=0", "0", false),
            (" > 0 ", "1", true),
        ] {
            assert_eq!(Amount::parse(text).unwrap().holds(number), expected, "{text} {number}");
        }
        for text in ["", "<", "a few", "--1", "1..2", "0.1.", "<>3", "1e3", "0.0000000001"] {
            assert!(Amount::parse(text).is_err(), "{text}");
        }
    }
}
