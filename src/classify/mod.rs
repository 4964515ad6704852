//! Filter rules, classification rules and the defaults: which ITIL category an event has, and why.
//! Knows no service level and no receiver.

use std::ops::Range;

use crate::model::{Category, Item, ItemKind, Wanted};

/// A mistake in an expression, with its place in the expression's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    pub at: Range<usize>,
    pub message: String,
    pub hint: Option<String>,
}

/// A compiled expression that is true or false of an item.
#[derive(Clone, Debug)]
pub struct Predicate {}

/// A compiled expression that yields a number of an item (`duration` in seconds).
#[derive(Clone, Debug)]
pub struct Measure {}

impl Predicate {
    /// `kind` says which items the expression will see (an SLI's `spans:`), `None` for all (a rule's `when:`).
    pub fn compile(text: &str, kind: Option<ItemKind>, wanted: &mut Wanted) -> Result<Self, Vec<ExprError>> {
        let _ = (text, kind, wanted);
        Ok(Self {})
    }

    /// `mismatches` counts comparisons of two types that can not be compared.
    pub fn matches(&self, item: &Item<'_>, mismatches: &mut u64) -> bool {
        let _ = (item, mismatches);
        false
    }
}

impl Measure {
    pub fn compile(text: &str, kind: Option<ItemKind>, wanted: &mut Wanted) -> Result<Self, Vec<ExprError>> {
        let _ = (text, kind, wanted);
        Ok(Self {})
    }

    /// `None` where the attribute is absent or no number.
    pub fn of(&self, item: &Item<'_>) -> Option<f64> {
        let _ = item;
        None
    }
}

#[derive(Clone, Debug)]
pub struct FilterRule {
    pub name: String,
    pub drop: Predicate,
}

#[derive(Clone, Debug)]
pub struct ClassifyRule {
    pub name: String,
    pub when: Predicate,
    pub category: Category,
}

/// Both lists in order; the first that matches decides.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub filter: Vec<FilterRule>,
    pub classify: Vec<ClassifyRule>,
}

/// What decided about an event. The index is the rule's place in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decider {
    Rule(u16),
    ServerSpanError,
    OtherSpanError,
    SpanException,
    ErrorLog,
    WarningLog,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Filtered { rule: u16 },
    Kept { category: Category, decider: Decider },
}

impl Rules {
    pub fn verdict(&self, item: &Item<'_>, mismatches: &mut u64) -> Verdict {
        let _ = (item, mismatches);
        Verdict::Kept { category: Category::Informational, decider: Decider::Nothing }
    }
}

impl Decider {
    /// `default:server-span-error` and so on; a rule is told by its name (`rules.classify[i].name`).
    pub fn name<'a>(self, rules: &'a Rules) -> &'a str {
        match self {
            Self::Rule(index) => &rules.classify[usize::from(index)].name,
            Self::ServerSpanError => "default:server-span-error",
            Self::OtherSpanError => "default:other-span-error",
            Self::SpanException => "default:span-exception",
            Self::ErrorLog => "default:error-log",
            Self::WarningLog => "default:warning-log",
            Self::Nothing => "default:informational",
        }
    }
}
