//! The compiled form of an expression and what it says of an item. Two-valued: what is absent or
//! of another type makes a comparison false. Allocates nothing.

use std::cmp::Ordering;

use regex::Regex;

use super::ast::{Literal, Op};
use super::vocabulary::Variable;
use crate::model::{Item, ItemKind, Slot, Value};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Const(bool),
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    /// Condition, then, else.
    Choose(Box<[Node; 3]>),
    IsKind(ItemKind),
    /// Whether the operand is there at all.
    Has(Operand),
    /// An attribute that is true.
    Flag(Slot),
    Compare(Box<Comparison>),
    In(Box<Membership>),
    Text(Box<TextTest>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Literal(Literal),
    Attribute(Slot),
    Variable(Variable),
    /// Characters of a text.
    Size(Box<Operand>),
    Truth(Box<Node>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    pub op: Op,
    pub left: Operand,
    pub right: Operand,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Membership {
    pub value: Operand,
    pub list: Box<[Operand]>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct TextTest {
    pub text: Operand,
    pub test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    StartsWith(Operand),
    EndsWith(Operand),
    Contains(Operand),
    Matches(Regex),
}

impl PartialEq for Test {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::StartsWith(a), Self::StartsWith(b))
            | (Self::EndsWith(a), Self::EndsWith(b))
            | (Self::Contains(a), Self::Contains(b)) => a == b,
            (Self::Matches(a), Self::Matches(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

/// One value while it is compared.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(super) enum Val<'i> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(&'i str),
    Duration(i64),
    Time(u64),
    /// There, but of a type that nothing compares with.
    Other,
}

/// Two values whose types do not compare.
struct Mismatch;

impl Node {
    pub(super) fn holds(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
        match self {
            Self::Const(value) => *value,
            Self::All(parts) => parts.iter().all(|part| part.holds(item, mismatches)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(item, mismatches)),
            Self::Not(inner) => !inner.holds(item, mismatches),
            Self::Choose(ways) => {
                let [condition, then, otherwise] = &**ways;
                let way = if condition.holds(item, mismatches) { then } else { otherwise };
                way.holds(item, mismatches)
            }
            Self::IsKind(kind) => item.is(*kind),
            Self::Has(operand) => operand.load(item, mismatches).is_some(),
            Self::Flag(slot) => match item.slots.get(*slot) {
                Some(Value::Bool(value)) => value,
                None => false,
                Some(_) => counted(mismatches),
            },
            Self::Compare(comparison) => comparison.holds(item, mismatches),
            Self::In(membership) => membership.holds(item, mismatches),
            Self::Text(test) => test.holds(item, mismatches),
        }
    }
}

impl Node {
    /// As [`Self::holds`] for an item of which it reads nothing but this value, where that is found without reading it
    /// again: most tests of one thing compare it with what is written out, of its own type.
    #[inline]
    pub(super) fn of_value(&self, value: Val<'_>) -> Option<bool> {
        match self {
            Self::Compare(comparison) => match (&comparison.left, value, &comparison.right) {
                (Operand::Literal(_), ..) => None,
                (_, Val::Int(a), Operand::Literal(Literal::Int(b)))
                | (_, Val::Duration(a), Operand::Literal(Literal::Duration(b))) => {
                    is_plain(&comparison.left).then(|| comparison.op.accepts(a.cmp(b)))
                }
                _ => None,
            },
            Self::Text(test) if is_plain(&test.text) => match (value, &test.test) {
                (Val::Text(text), Test::StartsWith(Operand::Literal(Literal::Text(part)))) => {
                    Some(text.starts_with(&**part))
                }
                (Val::Text(text), Test::EndsWith(Operand::Literal(Literal::Text(part)))) => {
                    Some(text.ends_with(&**part))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// The thing itself, not something made of it.
fn is_plain(operand: &Operand) -> bool {
    matches!(operand, Operand::Attribute(_) | Operand::Variable(_))
}

impl Operand {
    fn load<'i>(&'i self, item: &'i Item<'_>, mismatches: &mut u64) -> Option<Val<'i>> {
        match self {
            Self::Literal(literal) => Some(Val::of_literal(literal)),
            Self::Attribute(slot) => item.slots.get(*slot).map(Val::of_attribute),
            Self::Variable(variable) => variable.of(item),
            Self::Size(inner) => inner.load(item, mismatches).map(|val| match val {
                Val::Text(text) => Val::Int(text.chars().count() as i64),
                _ => Val::Other,
            }),
            Self::Truth(node) => Some(Val::Bool(node.holds(item, mismatches))),
        }
    }
}

impl Comparison {
    fn holds(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
        // By far the most frequent, and worth not to be moved about.
        if let (Operand::Attribute(slot), Operand::Literal(literal)) = (&self.left, &self.right) {
            match (item.slots.peek(*slot), literal) {
                (None, _) => return false,
                (Some(Value::Str(a)), Literal::Text(b)) if !self.op.orders() => {
                    return (*a == &**b) == (self.op == Op::Equal);
                }
                (Some(Value::Int(a)), Literal::Int(b)) => return self.op.accepts(a.cmp(b)),
                _ => {}
            }
        }
        let Some(left) = self.left.load(item, mismatches) else {
            return false;
        };
        let Some(right) = self.right.load(item, mismatches) else {
            return false;
        };
        left.compare(self.op, right).unwrap_or_else(|Mismatch| counted(mismatches))
    }
}

impl Membership {
    /// Counts one mismatch where nothing in the list is of the value's type.
    fn holds(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
        let Some(value) = self.value.load(item, mismatches) else {
            return false;
        };
        let (mut alike, mut differs) = (false, false);
        for element in &self.list {
            match element.load(item, mismatches).map(|element| value.compare(Op::Equal, element)) {
                Some(Ok(true)) => return true,
                Some(Ok(false)) => alike = true,
                Some(Err(Mismatch)) => differs = true,
                None => {}
            }
        }
        if differs && !alike { counted(mismatches) } else { false }
    }
}

impl TextTest {
    fn holds(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
        let text = match self.text.load(item, mismatches) {
            Some(Val::Text(text)) => text,
            None => return false,
            Some(_) => return counted(mismatches),
        };
        let part = match &self.test {
            Test::Matches(regex) => return regex.is_match(text),
            Test::StartsWith(part) | Test::EndsWith(part) | Test::Contains(part) => part,
        };
        let part = match part.load(item, mismatches) {
            Some(Val::Text(part)) => part,
            None => return false,
            Some(_) => return counted(mismatches),
        };
        match &self.test {
            Test::StartsWith(_) => text.starts_with(part),
            Test::EndsWith(_) => text.ends_with(part),
            Test::Contains(_) | Test::Matches(_) => text.contains(part),
        }
    }
}

impl<'i> Val<'i> {
    fn of_literal(literal: &'i Literal) -> Self {
        match literal {
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Int(value) => Self::Int(*value),
            Literal::Uint(value) => Self::Uint(*value),
            Literal::Double(value) => Self::Double(*value),
            Literal::Text(value) => Self::Text(value),
            Literal::Duration(value) => Self::Duration(*value),
            Literal::Time(value) => Self::Time(*value),
        }
    }

    pub(super) fn of_attribute(value: Value<'i>) -> Self {
        match value {
            Value::Str(text) => Self::Text(text),
            Value::Int(value) => Self::Int(value),
            Value::Double(value) => Self::Double(value),
            Value::Bool(value) => Self::Bool(value),
            Value::Other => Self::Other,
        }
    }

    fn compare(self, op: Op, other: Self) -> Result<bool, Mismatch> {
        let ordering = match (self, other) {
            // Equality is cheaper than order.
            (Self::Text(a), Self::Text(b)) if !op.orders() => return Ok((a == b) == (op == Op::Equal)),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Duration(a), Self::Duration(b)) => a.cmp(&b),
            (Self::Time(a), Self::Time(b)) => a.cmp(&b),
            (Self::Bool(a), Self::Bool(b)) if !op.orders() => a.cmp(&b),
            (Self::Double(a), Self::Double(b)) => match a.partial_cmp(&b) {
                Some(ordering) => ordering,
                None => return Ok(false),
            },
            (Self::Double(a), b) => match compare_mixed(b.whole()?, a) {
                Some(ordering) => ordering.reverse(),
                None => return Ok(false),
            },
            (a, Self::Double(b)) => match compare_mixed(a.whole()?, b) {
                Some(ordering) => ordering,
                None => return Ok(false),
            },
            (a, b) => a.whole()?.cmp(&b.whole()?),
        };
        Ok(op.accepts(ordering))
    }

    fn whole(self) -> Result<i128, Mismatch> {
        match self {
            Self::Int(value) => Ok(i128::from(value)),
            Self::Uint(value) => Ok(i128::from(value)),
            _ => Err(Mismatch),
        }
    }
}

impl Op {
    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Exactly, also where a double cannot hold the integer; `None` for NaN.
fn compare_mixed(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // The cast is exact for what 64 bits can hold, and saturates far beyond them.
    let order = whole.cmp(&(double.trunc() as i128));
    Some(order.then_with(|| 0.0_f64.total_cmp(&(double.fract() + 0.0))))
}

fn counted(mismatches: &mut u64) -> bool {
    *mismatches += 1;
    false
}
