//! Conditions: what may stand where something is true or false, checked and compiled.
//! Goes on after a mistake, so that one run reports them all; `None` means: reported.

use regex::{Regex, RegexBuilder};

use super::ast::{Call, Expr, Form, Literal, Logic};
use super::error::{ExprError, nearest};
use super::eval::{Node, Operand, Test, TextTest};
use super::vocabulary::{Type, Variable};
use crate::model::{ItemKind, Origin, Wanted};

/// A choice that is compared is compiled once for each of its ways; this bounds the copies.
const NODES_MAX: usize = 4096;
/// Bytes of a compiled regular expression, and of its cache while it runs.
const REGEX_SIZE_MAX: usize = 1 << 20;
const REGEX_NEST_MAX: u32 = 64;

const FUNCTIONS: &[&str] =
    &["startsWith", "endsWith", "contains", "matches", "size", "has", "duration", "timestamp"];

pub(super) struct Lowering<'c> {
    pub(super) text: &'c str,
    /// The kind of all items that the expression will see, if there is only one.
    pub(super) kind: Option<ItemKind>,
    pub(super) wanted: &'c mut Wanted,
    pub(super) errors: Vec<ExprError>,
    /// `time` stands in the expression.
    pub(super) reads_time: bool,
    nodes: usize,
}

/// An operand with what is known of its type.
pub(super) struct Typed {
    pub(super) operand: Operand,
    pub(super) ty: Type,
}

impl<'c> Lowering<'c> {
    pub(super) fn new(text: &'c str, kind: Option<ItemKind>, wanted: &'c mut Wanted) -> Self {
        Self { text, kind, wanted, errors: Vec::new(), reads_time: false, nodes: 0 }
    }

    /// A whole expression: an attribute alone is more likely a forgotten comparison than a flag.
    pub(super) fn whole(&mut self, expr: &Expr) -> Option<Node> {
        let alone = match &expr.form {
            Form::Name(name) => Variable::named(name).is_none() && ItemKind::parse(name).is_none(),
            Form::Keyed(..) => true,
            _ => false,
        };
        if !alone {
            return self.condition(expr);
        }
        let written = self.written(expr);
        let hint = format!("as in `{written} == true` or `has({written})`");
        self.refuse(expr, "an attribute alone decides nothing: compare it with something", Some(hint))
    }

    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Node> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            if self.nodes == NODES_MAX + 1 {
                return self.refuse(expr, "too many choices are compared with each other", None);
            }
            return None;
        }
        match &expr.form {
            Form::Literal(Literal::Bool(value)) => Some(Node::Const(*value)),
            Form::Name(name) if ItemKind::parse(name).is_some() => ItemKind::parse(name).map(Node::IsKind),
            Form::Literal(_) | Form::Name(_) | Form::Keyed(..) => self.flag(expr),
            Form::Not(inner) => Some(Node::Not(Box::new(self.condition(inner)?))),
            Form::Logic(logic, parts) => {
                let parts = self.conditions(parts)?;
                Some(match logic {
                    Logic::All => Node::All(parts.into()),
                    Logic::Any => Node::Any(parts.into()),
                })
            }
            Form::Choose(ways) => {
                let ways: [Node; 3] = self.conditions(&ways[..])?.try_into().ok()?;
                Some(Node::Choose(Box::new(ways)))
            }
            Form::Compare(op, sides) => {
                let [left, right] = &**sides;
                self.compare(expr, *op, left, right)
            }
            Form::In(sides) => {
                let [value, list] = &**sides;
                self.membership(value, list)
            }
            Form::Call(call) => self.test(expr, call),
            Form::List(_) => self.refuse(expr, "a list is not true or false", None),
            Form::Bad => None,
        }
    }

    /// All of them, with the mistakes of each.
    fn conditions(&mut self, parts: &[Expr]) -> Option<Vec<Node>> {
        let parts: Vec<Option<Node>> = parts.iter().map(|part| self.condition(part)).collect();
        parts.into_iter().collect()
    }

    /// A value where a truth belongs: only an attribute may turn out to be one.
    fn flag(&mut self, expr: &Expr) -> Option<Node> {
        let Typed { operand, ty } = self.operand(expr)?;
        match operand {
            Operand::Attribute(slot) => Some(Node::Flag(slot)),
            _ => self.refuse_truth(expr, ty),
        }
    }

    fn refuse_truth(&mut self, expr: &Expr, ty: Type) -> Option<Node> {
        let message = format!("`{}` is {}, not true or false", self.written(expr), ty.described());
        self.refuse(expr, message, Some("compare it with something".to_owned()))
    }

    /// A call that yields true or false.
    fn test(&mut self, expr: &Expr, call: &Call) -> Option<Node> {
        match call.name.as_str() {
            "has" => self.has(expr, call),
            "startsWith" | "endsWith" | "contains" => self.text_test(expr, call),
            "matches" => self.matches(expr, call),
            _ => {
                let typed = self.operand(expr)?;
                self.refuse_truth(expr, typed.ty)
            }
        }
    }

    fn has(&mut self, expr: &Expr, call: &Call) -> Option<Node> {
        let ([arg], None) = (&call.args[..], &call.receiver) else {
            return self.refuse(expr, "has() takes one name", Some("as in has(http.route)".to_owned()));
        };
        match &arg.form {
            Form::Name(name) if ItemKind::parse(name).is_some() => ItemKind::parse(name).map(Node::IsKind),
            Form::Name(_) | Form::Keyed(..) => Some(Node::Has(self.operand(arg)?.operand)),
            Form::Bad => None,
            _ => {
                let message = format!("has() asks for a name, `{}` is none", self.written(arg));
                self.refuse(arg, message, Some("as in has(http.route)".to_owned()))
            }
        }
    }

    fn text_test(&mut self, expr: &Expr, call: &Call) -> Option<Node> {
        let name = &call.name;
        let (Some(receiver), [arg]) = (&call.receiver, &call.args[..]) else {
            let message = format!("{name}() is called on a text, with one text");
            let hint = match (&call.receiver, &call.args[..]) {
                (None, [text, part]) => {
                    format!("write {}.{name}({})", self.written(text), self.written(part))
                }
                _ => format!("as in body.{name}(\"…\")"),
            };
            return self.refuse(expr, message, Some(hint));
        };
        let text = self.text_operand(receiver, name);
        let part = self.text_operand(arg, name);
        let (text, part) = (text?, part?);
        let test = match name.as_str() {
            "startsWith" => Test::StartsWith(part),
            "endsWith" => Test::EndsWith(part),
            _ => Test::Contains(part),
        };
        Some(Node::Text(Box::new(TextTest { text, test })))
    }

    /// `x.matches("…")` or `matches(x, "…")`.
    fn matches(&mut self, expr: &Expr, call: &Call) -> Option<Node> {
        let (text, pattern) = match (&call.receiver, &call.args[..]) {
            (Some(text), [pattern]) | (None, [text, pattern]) => (text, pattern),
            _ => {
                let hint = "as in name.matches(\"^GET \")".to_owned();
                return self.refuse(expr, "matches() takes a text and a regular expression", Some(hint));
            }
        };
        let text = self.text_operand(text, "matches");
        let regex = match &pattern.form {
            Form::Literal(Literal::Text(written)) => self.regex(pattern, written),
            Form::Bad => None,
            _ => self.refuse(pattern, "a regular expression is written out as text", None),
        };
        Some(Node::Text(Box::new(TextTest { text: text?, test: Test::Matches(regex?) })))
    }

    fn regex(&mut self, at: &Expr, written: &str) -> Option<Regex> {
        let built = RegexBuilder::new(written)
            .size_limit(REGEX_SIZE_MAX)
            .dfa_size_limit(REGEX_SIZE_MAX)
            .nest_limit(REGEX_NEST_MAX)
            .build();
        match built {
            Ok(regex) => Some(regex),
            Err(regex::Error::CompiledTooBig(_)) => {
                let hint = "make its repetitions smaller".to_owned();
                self.refuse(at, "the regular expression is too large", Some(hint))
            }
            Err(error) => {
                // The crate draws the place over several lines; its reason is on the last one.
                let whole = error.to_string();
                let reason = whole.lines().last().unwrap_or(&whole).trim_start_matches("error: ");
                self.refuse(at, format!("the regular expression is not valid: {reason}"), None)
            }
        }
    }

    pub(super) fn text_operand(&mut self, expr: &Expr, function: &str) -> Option<Operand> {
        let Typed { operand, ty } = self.operand(expr)?;
        match ty {
            Type::Text | Type::Any => Some(operand),
            _ => {
                let what = ty.described();
                let message = format!("{function}() works on text, `{}` is {what}", self.written(expr));
                self.refuse(expr, message, None)
            }
        }
    }

    pub(super) fn unknown_function(&mut self, call: &Call) {
        let name = &call.name;
        let error = ExprError::new(call.name_at.clone(), format!("there is no function `{name}`"));
        let hint = match name.as_str() {
            "exists" | "all" | "map" | "filter" | "exists_one" => {
                "there are no loops; write the cases out".into()
            }
            "lowerAscii" | "upperAscii" | "lower" | "upper" | "toLower" | "toUpper" => {
                "to ignore case, write matches(\"(?i)…\")".into()
            }
            "int" | "uint" | "double" | "string" | "bool" | "dyn" | "type" => {
                "values are compared as they were sent; numbers of any kind compare with each other".into()
            }
            _ => match nearest(name, FUNCTIONS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", FUNCTIONS.join(", ")),
            },
        };
        self.errors.push(error.hint(hint));
    }

    pub(super) fn attribute(&mut self, origin: Origin, name: &str) -> Typed {
        Typed { operand: Operand::Attribute(self.wanted.slot(origin, name)), ty: Type::Any }
    }

    pub(super) fn written(&self, expr: &Expr) -> &'c str {
        &self.text[expr.at.clone()]
    }

    /// Reports a mistake.
    pub(super) fn refuse<T>(
        &mut self,
        expr: &Expr,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Option<T> {
        self.errors.push(ExprError { hint, ..ExprError::new(expr.at.clone(), message) });
        None
    }
}
