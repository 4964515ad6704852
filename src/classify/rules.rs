//! What becomes of an item: dropped by a filter, or kept with its category and the reason for it.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{Asked, Finder, Predicate};
use crate::model::{Category, Item, ItemKind, SpanKind, SpanStatus};

/// OpenTelemetry's `WARN` and `ERROR`.
const WARN: i32 = 13;
const ERROR: i32 = 17;

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct FilterRule {
    pub name: String,
    pub drop: Predicate,
    /// The same for equal text.
    pub identity: u64,
    /// `FILE:LINE:COLUMN`
    pub declared_at: String,
}

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct ClassifyRule {
    pub name: String,
    pub when: Predicate,
    pub category: Category,
    /// The same for equal text.
    pub identity: u64,
    /// `FILE:LINE:COLUMN`
    pub declared_at: String,
}

/// Both lists in order; the first that matches decides.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Rules {
    pub filter: Vec<FilterRule>,
    pub classify: Vec<ClassifyRule>,
}

/// What decided about an event. The index is the rule's place in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
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
    pub fn len(&self) -> usize {
        self.filter.len() + self.classify.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `mismatches` holds a counter for each filter rule, then for each classification rule; so does `finder` hold their
    /// conditions, and has read the item.
    pub fn verdict(&self, finder: &Finder<'_>, item: &Item<'_>, mismatches: &mut [u64]) -> Verdict {
        let filters = self.filter.len();
        for number in finder.leading(0..filters).iter().map(|number| *number as usize) {
            let drop = &self.filter[number].drop;
            if finder.holds(number, || drop.matches(item, &mut mismatches[number])) {
                return Verdict::Filtered { rule: number as u16 };
            }
        }
        for number in finder.leading(filters..self.len()).iter().map(|number| *number as usize) {
            let rule = &self.classify[number - filters];
            if finder.holds(number, || rule.when.matches(item, &mut mismatches[number])) {
                let decider = Decider::Rule((number - filters) as u16);
                return Verdict::Kept { category: rule.category, decider };
            }
        }
        let decider = Decider::by_default(item);
        Verdict::Kept { category: decider.default_category(), decider }
    }

    /// The conditions in their order.
    pub fn asked(&self) -> impl Iterator<Item = Asked<'_>> {
        let filter = self.filter.iter().map(|rule| &rule.drop);
        let all = filter.chain(self.classify.iter().map(|rule| &rule.when));
        all.map(|predicate| Asked { kind: None, predicate, leads: true })
    }
}

impl Decider {
    pub const DEFAULTS: [Self; 6] = [
        Self::ServerSpanError,
        Self::OtherSpanError,
        Self::SpanException,
        Self::ErrorLog,
        Self::WarningLog,
        Self::Nothing,
    ];

    /// `default:server-span-error` and so on; a rule is told by its name (`rules.classify[i].name`).
    pub fn name(self, rules: &Rules) -> &str {
        match self {
            Self::Rule(index) => &rules.classify[usize::from(index)].name,
            default => default.default_name().unwrap_or_default(),
        }
    }

    /// `None` for a rule.
    pub fn default_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Rule(_) => return None,
            Self::ServerSpanError => "default:server-span-error",
            Self::OtherSpanError => "default:other-span-error",
            Self::SpanException => "default:span-exception",
            Self::ErrorLog => "default:error-log",
            Self::WarningLog => "default:warning-log",
            Self::Nothing => "default:informational",
        })
    }

    pub(super) fn by_default(item: &Item<'_>) -> Self {
        match item.kind {
            ItemKind::Span if item.status == SpanStatus::Error => match item.span_kind {
                SpanKind::Server | SpanKind::Consumer => Self::ServerSpanError,
                _ => Self::OtherSpanError,
            },
            ItemKind::Span if item.has_exception_event => Self::SpanException,
            ItemKind::Log if item.severity >= ERROR => Self::ErrorLog,
            ItemKind::Log if item.severity >= WARN => Self::WarningLog,
            _ => Self::Nothing,
        }
    }

    /// A rule carries its own category.
    pub fn default_category(self) -> Category {
        match self {
            Self::ServerSpanError | Self::ErrorLog => Category::Exception,
            Self::OtherSpanError | Self::SpanException | Self::WarningLog => Category::Warning,
            Self::Rule(_) | Self::Nothing => Category::Informational,
        }
    }
}
