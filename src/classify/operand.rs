//! Values, and the comparisons between them: checked and compiled.

use super::ast::{Call, Expr, Form, Literal, Op};
use super::error::{alternatives, nearest};
use super::eval::{Comparison, Membership, Node, Operand};
use super::literal;
use super::lower::{Lowering, Typed};
use super::vocabulary::{Type, Variable, severity_number};
use crate::model::{ItemKind, Origin};

impl Lowering<'_> {
    pub(super) fn operand(&mut self, expr: &Expr) -> Option<Typed> {
        match &expr.form {
            Form::Literal(literal) => Some(typed_literal(literal.clone())),
            Form::Name(name) if ItemKind::parse(name).is_some() => self.truth(expr),
            Form::Name(name) => self.name(expr, name),
            Form::Keyed(origin, key) => Some(self.attribute(*origin, key)),
            Form::Call(call) => self.value_of_call(expr, call),
            Form::Not(_) | Form::Logic(..) | Form::Compare(..) | Form::In(_) => self.truth(expr),
            Form::Choose(_) => {
                let hint = "choose between two conditions instead".to_owned();
                self.refuse(expr, "a choice cannot stand here", Some(hint))
            }
            Form::List(_) => {
                let hint = "a list stands behind `in`".to_owned();
                self.refuse(expr, "a list cannot be compared", Some(hint))
            }
            Form::Bad => None,
        }
    }

    fn truth(&mut self, expr: &Expr) -> Option<Typed> {
        let node = self.condition(expr)?;
        Some(Typed { operand: Operand::Truth(Box::new(node)), ty: Type::Bool })
    }

    fn name(&mut self, expr: &Expr, name: &str) -> Option<Typed> {
        if matches!(name, "attributes" | "resource") {
            let hint = format!("as in {name}[\"http.route\"]");
            return self.refuse(expr, format!("`{name}` needs a name in brackets"), Some(hint));
        }
        match Variable::named(name) {
            Some(variable) => self.variable(expr, variable),
            None => Some(self.attribute(Origin::Nearest, name)),
        }
    }

    pub(super) fn variable(&mut self, expr: &Expr, variable: Variable) -> Option<Typed> {
        if let (Some(only), Some(kind)) = (variable.only(), self.kind)
            && only != kind
            // An event may be a log record.
            && (only, kind) != (ItemKind::Log, ItemKind::Event)
        {
            let name = self.written(expr);
            let message = format!("a {kind} has no `{name}`");
            let hint = format!("only a {only} has; an attribute of that name is attributes[\"{name}\"]");
            return self.refuse(expr, message, Some(hint));
        }
        self.reads_time |= variable == Variable::Time;
        Some(Typed { operand: Operand::Variable(variable), ty: variable.ty() })
    }

    fn value_of_call(&mut self, expr: &Expr, call: &Call) -> Option<Typed> {
        match (call.name.as_str(), &call.receiver, &call.args[..]) {
            ("has" | "startsWith" | "endsWith" | "contains" | "matches", ..) => self.truth(expr),
            ("size", Some(text), []) | ("size", None, [text]) => {
                let text = self.text_operand(text, "size")?;
                Some(Typed { operand: Operand::Size(Box::new(text)), ty: Type::Number })
            }
            ("size", ..) => {
                self.refuse(expr, "size() takes one text", Some("as in size(name) or name.size()".to_owned()))
            }
            ("duration", None, args) => self.duration(expr, args),
            ("timestamp", None, args) => self.timestamp(expr, args),
            _ => {
                self.unknown_function(call);
                None
            }
        }
    }

    fn duration(&mut self, expr: &Expr, args: &[Expr]) -> Option<Typed> {
        let hint = || Some("as in duration(\"500ms\"), duration(\"1.5s\") or duration(\"1h30m\")".to_owned());
        match args {
            [Expr { form: Form::Literal(Literal::Text(text)), .. }] => match literal::duration(text) {
                Some(ns) => Some(typed_literal(Literal::Duration(ns))),
                None => self.refuse(&args[0], format!("`{text}` is no duration"), hint()),
            },
            [Expr { form: Form::Bad, .. }] => None,
            _ => self.refuse(expr, "duration() takes one text that is written out", hint()),
        }
    }

    fn timestamp(&mut self, expr: &Expr, args: &[Expr]) -> Option<Typed> {
        match args {
            [Expr { form: Form::Literal(Literal::Text(text)), .. }] => match literal::timestamp(text) {
                Ok(ns) => Some(typed_literal(Literal::Time(ns))),
                Err(hint) => self.refuse(&args[0], format!("`{text}` is no time"), Some(hint.to_owned())),
            },
            [Expr { form: Form::Bad, .. }] => None,
            _ => {
                let hint = "as in timestamp(\"2026-01-31T09:30:00Z\")".to_owned();
                self.refuse(expr, "timestamp() takes one text that is written out", Some(hint))
            }
        }
    }

    /// `(c ? a : b) == x` is compiled as `c ? a == x : b == x`, so that each way has its own check.
    pub(super) fn compare(&mut self, whole: &Expr, op: Op, left: &Expr, right: &Expr) -> Option<Node> {
        if let Form::Choose(ways) = &left.form {
            return self.each_way(ways, |lowering, way| lowering.compare(whole, op, way, right));
        }
        if let Form::Choose(ways) = &right.form {
            return self.each_way(ways, |lowering, way| lowering.compare(whole, op, left, way));
        }
        let (typed_left, typed_right) = (self.operand(left), self.operand(right));
        let (typed_left, typed_right) = (typed_left?, typed_right?);
        self.check_pair((left, &typed_left), (right, &typed_right))?;
        if op.orders() {
            self.check_order(whole, &typed_left, left)?;
            self.check_order(whole, &typed_right, right)?;
        }
        let comparison = Comparison { op, left: typed_left.operand, right: typed_right.operand };
        Some(Node::Compare(Box::new(comparison)))
    }

    pub(super) fn membership(&mut self, value: &Expr, list: &Expr) -> Option<Node> {
        if let Form::Choose(ways) = &value.form {
            return self.each_way(ways, |lowering, way| lowering.membership(way, list));
        }
        let items = match &list.form {
            Form::List(items) => items,
            Form::Bad => return None,
            _ => {
                let written = self.written(list);
                let hint = match written {
                    "attributes" | "resource" => format!("write has({written}[{}])", self.written(value)),
                    _ => "as in http.route in [\"/a\", \"/b\"]; contains() finds a part of a text".to_owned(),
                };
                return self.refuse(list, "a list stands behind `in`", Some(hint));
            }
        };
        let typed = self.operand(value);
        let operands: Vec<Option<Typed>> = items.iter().map(|item| self.operand(item)).collect();
        let operands: Vec<Typed> = operands.into_iter().collect::<Option<_>>()?;
        let typed = typed?;
        self.check_alike(items, &operands)?;
        for pair in items.iter().zip(&operands) {
            self.check_pair((value, &typed), pair)?;
        }
        let list = operands.into_iter().map(|one| one.operand).collect();
        Some(Node::In(Box::new(Membership { value: typed.operand, list })))
    }

    fn each_way(
        &mut self,
        ways: &[Expr; 3],
        mut lower: impl FnMut(&mut Self, &Expr) -> Option<Node>,
    ) -> Option<Node> {
        let [condition, then, otherwise] = ways;
        let condition = self.condition(condition);
        let (then, otherwise) = (lower(self, then), lower(self, otherwise));
        Some(Node::Choose(Box::new([condition?, then?, otherwise?])))
    }

    fn check_alike(&mut self, items: &[Expr], operands: &[Typed]) -> Option<()> {
        let known = || items.iter().zip(operands).filter(|(_, one)| one.ty != Type::Any);
        let Some((_, first)) = known().next() else {
            return Some(());
        };
        match known().find(|(_, one)| one.ty != first.ty) {
            None => Some(()),
            Some((item, odd)) => {
                let message = format!("the list mixes {} and {}", first.ty.described(), odd.ty.described());
                self.refuse(item, message, None)
            }
        }
    }

    /// Truths and the words of a closed vocabulary have no order that means anything.
    fn check_order(&mut self, whole: &Expr, typed: &Typed, expr: &Expr) -> Option<()> {
        let listed = matches!(&typed.operand, Operand::Variable(variable) if variable.values().is_some());
        if typed.ty != Type::Bool && !listed {
            return Some(());
        }
        let message = format!("`{}` has no order", self.written(expr));
        self.refuse(whole, message, Some("compare it with `==` or `!=`".to_owned()))
    }

    /// Whether the two can be equal at all.
    fn check_pair(&mut self, left: (&Expr, &Typed), right: (&Expr, &Typed)) -> Option<()> {
        let is_literal = |side: (&Expr, &Typed)| matches!(side.1.operand, Operand::Literal(_));
        let (named, other) = if is_literal(left) { (right, left) } else { (left, right) };
        if !named.1.ty.meets(other.1.ty) {
            let (first, first_is) = (self.written(named.0), named.1.ty.described());
            let (second, second_is) = (self.written(other.0), other.1.ty.described());
            let message =
                format!("`{first}` is {first_is} and does not compare with {second_is}, `{second}`");
            return self.refuse(other.0, message, instead(&named.1.operand, named.1.ty, &other.1.operand));
        }
        if let (Operand::Variable(variable), Operand::Literal(Literal::Text(text))) =
            (&named.1.operand, &other.1.operand)
            && let Some(values) = variable.values()
            && !values.contains(&&**text)
        {
            let message = format!("`{}` is never \"{text}\"", self.written(named.0));
            let hint = match nearest(text, values) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("it is {}", alternatives(values)),
            };
            return self.refuse(other.0, message, Some(hint));
        }
        Some(())
    }
}

/// How to write what `other` was probably meant to say.
fn instead(named: &Operand, ty: Type, other: &Operand) -> Option<String> {
    let literal = match other {
        Operand::Literal(literal) => Some(literal),
        _ => None,
    };
    Some(match (ty, literal) {
        (Type::Duration, Some(Literal::Int(ms))) => format!("write duration(\"{ms}ms\")"),
        (Type::Duration, Some(Literal::Double(seconds))) => format!("write duration(\"{seconds}s\")"),
        (Type::Duration, Some(Literal::Text(text))) if literal::duration(text).is_some() => {
            format!("write duration(\"{text}\")")
        }
        (Type::Duration, _) => "as in `duration > duration(\"500ms\")`".to_owned(),
        (Type::Time, Some(Literal::Text(text))) if literal::timestamp(text).is_ok() => {
            format!("write timestamp(\"{text}\")")
        }
        (Type::Time, _) => "as in `time > timestamp(\"2026-01-31T09:30:00Z\")`".to_owned(),
        (Type::Any, Some(Literal::Duration(_))) => {
            "only `duration` compares with durations; an attribute has a number in its sender's unit"
                .to_owned()
        }
        (Type::Any, Some(Literal::Time(_))) => "only `time` compares with times".to_owned(),
        _ => return by_variable(named, literal),
    })
}

fn by_variable(named: &Operand, literal: Option<&Literal>) -> Option<String> {
    let Operand::Variable(variable) = named else {
        return None;
    };
    match (variable, literal) {
        (Variable::Severity, Some(Literal::Text(text))) => Some(match severity_number(text) {
            Some(number) => format!("severity is OpenTelemetry's number, {number} for {text}"),
            None => "severity is OpenTelemetry's number: 9 for INFO, 13 for WARN, 17 for ERROR".to_owned(),
        }),
        _ => variable.values().map(|values| format!("it is {}", alternatives(values))),
    }
}

fn typed_literal(literal: Literal) -> Typed {
    let ty = match literal {
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) | Literal::Uint(_) | Literal::Double(_) => Type::Number,
        Literal::Text(_) => Type::Text,
        Literal::Duration(_) => Type::Duration,
        Literal::Time(_) => Type::Time,
    };
    Typed { operand: Operand::Literal(literal), ty }
}
