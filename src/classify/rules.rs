//! What becomes of an item: dropped by a filter, or kept with its category and the reason for it.

use borsh::{BorshDeserialize, BorshSerialize};

use super::Predicate;
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

    /// `mismatches` holds a counter for each filter rule, then for each classification rule.
    pub fn verdict(&self, item: &Item<'_>, mismatches: &mut [u64]) -> Verdict {
        let all = |len: usize| (0..len as u32).collect::<Vec<u32>>();
        self.verdict_among(&all(self.filter.len()), &all(self.classify.len()), item, mismatches)
    }

    /// Where no others than these rules of each list may hold.
    pub fn verdict_among(
        &self,
        filter: &[u32],
        classify: &[u32],
        item: &Item<'_>,
        mismatches: &mut [u64],
    ) -> Verdict {
        let (filter_mismatches, classify_mismatches) = mismatches.split_at_mut(self.filter.len());
        for place in filter {
            let index = *place as usize;
            if self.filter[index].drop.matches(item, &mut filter_mismatches[index]) {
                return Verdict::Filtered { rule: *place as u16 };
            }
        }
        for place in classify {
            let index = *place as usize;
            let rule = &self.classify[index];
            if rule.when.matches(item, &mut classify_mismatches[index]) {
                return Verdict::Kept { category: rule.category, decider: Decider::Rule(*place as u16) };
            }
        }
        let decider = Decider::by_default(item);
        Verdict::Kept { category: decider.default_category(), decider }
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

    fn by_default(item: &Item<'_>) -> Self {
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
