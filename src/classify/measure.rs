//! Expressions that yield a number: one name, nothing more.

use borsh::{BorshDeserialize, BorshSerialize};

use super::ast::{Expr, Form};
use super::error::ExprError;
use super::eval::Operand;
use super::lower::Lowering;
use super::parser;
use super::sorted;
use super::vocabulary::{Type, Variable};
use crate::model::{Item, ItemKind, Slot, Value, Wanted};

const HINT: &str = "`duration` (in seconds), `value`, `severity`, or an attribute";

/// A compiled expression that yields a number of an item (`duration` in seconds).
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Measure {
    source: Source,
}

#[derive(Clone, Copy, Debug, BorshSerialize, BorshDeserialize)]
enum Source {
    Duration,
    Severity,
    Value,
    Attribute(Slot),
}

impl Measure {
    pub fn compile(text: &str, kind: Option<ItemKind>, wanted: &mut Wanted) -> Result<Self, Vec<ExprError>> {
        let (expr, mut errors) = parser::parse(text);
        if let (Some(expr), true) = (expr, errors.is_empty()) {
            let mut lowering = Lowering::new(text, kind, wanted);
            let source = source(&mut lowering, &expr);
            errors = lowering.errors;
            if let (Some(source), true) = (source, errors.is_empty()) {
                return Ok(Self { source });
            }
        }
        Err(sorted(errors))
    }

    /// Whether it is a metric's own value.
    pub fn is_value(&self) -> bool {
        matches!(self.source, Source::Value)
    }

    /// `None` where the item does not have it, or where it is no number (also not a number, NaN).
    pub fn of(&self, item: &Item<'_>) -> Option<f64> {
        let number = match self.source {
            Source::Duration => item.duration_ns.map(|ns| ns as f64 / 1e9),
            Source::Severity => {
                (item.kind == ItemKind::Log && item.severity != 0).then_some(f64::from(item.severity))
            }
            Source::Value => item.value.filter(|_| item.kind == ItemKind::Metric),
            Source::Attribute(slot) => match item.slots.get(slot) {
                Some(Value::Int(value)) => Some(value as f64),
                Some(Value::Double(value)) => Some(value),
                _ => None,
            },
        };
        number.filter(|number| !number.is_nan())
    }
}

fn source(lowering: &mut Lowering<'_>, expr: &Expr) -> Option<Source> {
    let written = lowering.written(expr);
    let is_kind = matches!(&expr.form, Form::Name(name) if ItemKind::parse(name).is_some());
    if is_kind || !matches!(expr.form, Form::Name(_) | Form::Keyed(..)) {
        let message = format!("`{written}` is no measure");
        return lowering.refuse(expr, message, Some(format!("a measure is {HINT}")));
    }
    let typed = lowering.operand(expr)?;
    match typed.operand {
        Operand::Variable(Variable::Duration) => Some(Source::Duration),
        Operand::Variable(Variable::Severity) => Some(Source::Severity),
        Operand::Variable(Variable::Value) => Some(Source::Value),
        Operand::Attribute(slot) if typed.ty == Type::Any => Some(Source::Attribute(slot)),
        _ => {
            let message = format!("`{written}` is {}, a measure is a number", typed.ty.described());
            lowering.refuse(expr, message, Some(format!("a measure is {HINT}")))
        }
    }
}
