//! What a condition reads of an item. One that reads a single thing says the same of every item that has the same there.

use super::ast::{Literal, Op};
use super::eval::{Node, Operand, Test, Val};
use super::vocabulary::Variable;
use crate::model::{Item, ItemKind, Slot};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Attribute(Slot),
    Variable(Variable),
}

/// What a condition reads of items of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    Nothing,
    One(Subject),
    Several,
}

impl Subject {
    #[inline]
    pub(super) fn of<'i>(self, item: &'i Item<'_>) -> Option<Val<'i>> {
        match self {
            Self::Attribute(slot) => item.slots.get(slot).map(Val::of_attribute),
            Self::Variable(variable) => variable.of(item),
        }
    }
}

impl Reads {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, reads) | (reads, Self::Nothing) => reads,
            (one, other) if one == other => one,
            _ => Self::Several,
        }
    }

    fn all(each: impl Iterator<Item = Self>) -> Self {
        each.fold(Self::Nothing, Self::and)
    }
}

impl Node {
    /// For items of the kind.
    pub(super) fn reads(&self, kind: ItemKind) -> Reads {
        match self {
            Self::Const(_) => Reads::Nothing,
            // A log record with a name is an event too.
            Self::IsKind(ItemKind::Event) if kind == ItemKind::Log => {
                Reads::One(Subject::Variable(Variable::Name))
            }
            Self::IsKind(_) => Reads::Nothing,
            Self::All(parts) | Self::Any(parts) => Reads::all(parts.iter().map(|part| part.reads(kind))),
            Self::Not(inner) => inner.reads(kind),
            Self::Choose(ways) => Reads::all(ways.iter().map(|way| way.reads(kind))),
            Self::Has(operand) => operand.reads(kind),
            Self::Flag(slot) => Reads::One(Subject::Attribute(*slot)),
            Self::Compare(comparison) => comparison.left.reads(kind).and(comparison.right.reads(kind)),
            Self::In(membership) => {
                let list = Reads::all(membership.list.iter().map(|operand| operand.reads(kind)));
                membership.value.reads(kind).and(list)
            }
            Self::Text(test) => test.text.reads(kind).and(match &test.test {
                Test::StartsWith(part) | Test::EndsWith(part) | Test::Contains(part) => part.reads(kind),
                Test::Matches(_) => Reads::Nothing,
            }),
        }
    }

    /// The text that one thing must be equal to, where this says nothing else.
    pub(super) fn demands(&self) -> Option<&str> {
        let Self::Compare(comparison) = self else { return None };
        match (&comparison.left, &comparison.right) {
            _ if comparison.op != Op::Equal => None,
            (Operand::Attribute(_) | Operand::Variable(_), Operand::Literal(Literal::Text(text)))
            | (Operand::Literal(Literal::Text(text)), Operand::Attribute(_) | Operand::Variable(_)) => {
                Some(text)
            }
            _ => None,
        }
    }

    /// It goes through a text, however long that is.
    pub(super) fn searches(&self) -> bool {
        match self {
            Self::Text(test) => matches!(test.test, Test::Contains(_) | Test::Matches(_)),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::searches),
            Self::Not(inner) => inner.searches(),
            Self::Choose(ways) => ways.iter().any(Self::searches),
            _ => false,
        }
    }

    /// The parts that must all hold, in the order in which they are asked.
    pub(super) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::parts).collect(),
            part => vec![part],
        }
    }

    /// It never compares what can not be compared.
    pub(super) fn is_sure(&self) -> bool {
        let is_typed = |operand: &Operand| match operand {
            Operand::Literal(_) => true,
            Operand::Variable(variable) => *variable != Variable::Body,
            _ => false,
        };
        match self {
            Self::Const(_) | Self::IsKind(_) | Self::Has(Operand::Attribute(_)) => true,
            Self::Compare(comparison) => is_typed(&comparison.left) && is_typed(&comparison.right),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_sure),
            Self::Not(inner) => inner.is_sure(),
            _ => false,
        }
    }
}

impl Operand {
    fn reads(&self, kind: ItemKind) -> Reads {
        match self {
            Self::Literal(_) => Reads::Nothing,
            Self::Attribute(slot) => Reads::One(Subject::Attribute(*slot)),
            Self::Variable(variable) => Reads::One(Subject::Variable(*variable)),
            Self::Size(inner) => inner.reads(kind),
            Self::Truth(node) => node.reads(kind),
        }
    }
}
