//! Random expressions against a naive twin: the generator's own tree is written down as text, and
//! what `classify` says of the text is compared with what a plain interpreter says of the tree.

use proptest::prelude::*;

use super::*;

/// Names that samples may or may not have.
pub(super) const NAMES: &[&str] = &["a", "b.c", "service.name", "event.name"];
const TEXTS: &[&str] = &["", "x", "xy", "é", "\"'\\\n"];
const INTS: &[i64] = &[0, 1, -1, 500, (1 << 53) + 1, i64::MAX, i64::MIN];
/// Halves, so that the twin can compare them as doubled integers.
const DOUBLES: &[f64] = &[0.0, 0.5, -1.5, 1.0, 500.0, 9_007_199_254_740_992.0, 9_223_372_036_854_775_808.0];
const OPS: &[&str] = &["==", "!=", "<", "<=", ">", ">="];
const METHODS: &[&str] = &["startsWith", "endsWith", "contains"];

#[derive(Clone, Debug)]
pub(super) enum Tree {
    Const(bool),
    Flag(usize),
    Has(usize),
    Compare(usize, usize, Value<'static>),
    Pair(usize, usize, usize),
    In(usize, Vec<Value<'static>>),
    Method(usize, usize, &'static str),
    Size(usize, usize, i64),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Choose(Box<[Tree; 3]>),
}

fn value() -> BoxedStrategy<Value<'static>> {
    prop_oneof![
        prop::sample::select(TEXTS).prop_map(Value::Str),
        prop::sample::select(INTS).prop_map(Value::Int),
        prop::sample::select(DOUBLES).prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
    ]
    .boxed()
}

fn list() -> BoxedStrategy<Vec<Value<'static>>> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(TEXTS).prop_map(Value::Str), 0..4),
        prop::collection::vec(prop::sample::select(INTS).prop_map(Value::Int), 0..4),
    ]
    .boxed()
}

pub(super) fn tree() -> impl Strategy<Value = Tree> {
    let name = || 0..NAMES.len();
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Tree::Const),
        1 => name().prop_map(Tree::Flag),
        1 => name().prop_map(Tree::Has),
        6 => (name(), 0..OPS.len(), value()).prop_map(|(name, op, value)| match value {
            Value::Bool(_) => Tree::Compare(name, op % 2, value),
            _ => Tree::Compare(name, op, value),
        }),
        2 => (name(), 0..OPS.len(), name()).prop_map(|(left, op, right)| Tree::Pair(left, op, right)),
        2 => (name(), list()).prop_map(|(name, list)| Tree::In(name, list)),
        2 => (name(), 0..METHODS.len(), prop::sample::select(TEXTS)).prop_map(|(n, m, t)| Tree::Method(n, m, t)),
        1 => (name(), 0..OPS.len(), 0..3_i64).prop_map(|(name, op, size)| Tree::Size(name, op, size)),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Tree::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Tree::Any),
            [inner.clone(), inner.clone(), inner].prop_map(|ways| Tree::Choose(Box::new(ways))),
        ]
    })
}

impl Tree {
    /// How tightly it binds; parentheses are written only where CEL's precedence asks for them.
    fn power(&self) -> u8 {
        match self {
            Self::Choose(_) => 0,
            Self::Any(_) => 1,
            Self::All(_) => 2,
            Self::Compare(..) | Self::Pair(..) | Self::In(..) | Self::Size(..) => 3,
            Self::Not(_) => 4,
            Self::Const(_) | Self::Flag(_) | Self::Has(_) | Self::Method(..) => 5,
        }
    }

    pub(super) fn within(&self, power: u8) -> String {
        if self.power() < power { format!("({})", self.text()) } else { self.text() }
    }

    fn text(&self) -> String {
        let joined = |parts: &[Self], by: &str, power| {
            parts.iter().map(|part| part.within(power)).collect::<Vec<_>>().join(by)
        };
        match self {
            Self::Const(value) => value.to_string(),
            Self::Flag(name) => NAMES[*name].to_owned(),
            Self::Has(name) => format!("has({})", NAMES[*name]),
            Self::Compare(name, op, value) => format!("{} {} {}", NAMES[*name], OPS[*op], literal(value)),
            Self::Pair(left, op, right) => format!("{}{}{}", NAMES[*left], OPS[*op], NAMES[*right]),
            Self::In(name, list) => {
                let list: Vec<String> = list.iter().map(literal).collect();
                format!("{} in [{}]", NAMES[*name], list.join(", "))
            }
            Self::Method(name, method, part) => {
                format!("{}.{}({})", NAMES[*name], METHODS[*method], literal(&Value::Str(part)))
            }
            Self::Size(name, op, size) => format!("{}.size() {} {size}", NAMES[*name], OPS[*op]),
            Self::Not(inner) => format!("!{}", inner.within(4)),
            Self::All(parts) => joined(parts, " && ", 2),
            Self::Any(parts) => joined(parts, " || ", 1),
            Self::Choose(ways) => {
                let [condition, then, otherwise] = &**ways;
                format!("{} ? {} : {}", condition.within(1), then.within(1), otherwise.within(0))
            }
        }
    }

    fn truth(&self, values: &[Option<Value<'_>>]) -> bool {
        match self {
            Self::Const(value) => *value,
            Self::Flag(name) => values[*name] == Some(Value::Bool(true)),
            Self::Has(name) => values[*name].is_some(),
            Self::Compare(name, op, value) => compared(values[*name], *op, Some(*value)),
            Self::Pair(left, op, right) => compared(values[*left], *op, values[*right]),
            Self::In(name, list) => list.iter().any(|one| compared(values[*name], 0, Some(*one))),
            Self::Method(name, method, part) => match values[*name] {
                Some(Value::Str(text)) => match METHODS[*method] {
                    "startsWith" => text.get(..part.len()) == Some(part),
                    "endsWith" => {
                        text.len() >= part.len()
                            && &text.as_bytes()[text.len() - part.len()..] == part.as_bytes()
                    }
                    _ => part.is_empty() || text.as_bytes().windows(part.len()).any(|w| w == part.as_bytes()),
                },
                _ => false,
            },
            Self::Size(name, op, size) => match values[*name] {
                Some(Value::Str(text)) => {
                    compared(Some(Value::Int(text.chars().count() as i64)), *op, Some(Value::Int(*size)))
                }
                _ => false,
            },
            Self::Not(inner) => !inner.truth(values),
            Self::All(parts) => parts.iter().all(|part| part.truth(values)),
            Self::Any(parts) => parts.iter().any(|part| part.truth(values)),
            Self::Choose(ways) => ways[if ways[0].truth(values) { 1 } else { 2 }].truth(values),
        }
    }
}

fn literal(value: &Value<'_>) -> String {
    match value {
        Value::Str(text) => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("\"{escaped}\"")
        }
        Value::Int(int) => int.to_string(),
        Value::Double(double) => format!("{double:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Other => unreachable!("has no literal"),
    }
}

fn compared(left: Option<Value<'_>>, op: usize, right: Option<Value<'_>>) -> bool {
    let doubled = |value| match value {
        Value::Int(int) => Some(i128::from(int) * 2),
        Value::Double(double) if !double.is_nan() => Some((double * 2.0) as i128),
        _ => None,
    };
    let (Some(left), Some(right)) = (left, right) else {
        return false;
    };
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => told(op, a.as_bytes() == b.as_bytes(), a.as_bytes() < b.as_bytes()),
        (Value::Bool(a), Value::Bool(b)) => op < 2 && told(op, a == b, false),
        (a, b) => match (doubled(a), doubled(b)) {
            (Some(a), Some(b)) => told(op, a == b, a < b),
            _ => false,
        },
    }
}

fn told(op: usize, same: bool, less: bool) -> bool {
    match OPS[op] {
        "==" => same,
        "!=" => !same,
        "<" => less,
        "<=" => less || same,
        ">" => !less && !same,
        _ => !less,
    }
}

pub(super) fn attributes() -> impl Strategy<Value = Vec<Option<Value<'static>>>> {
    let sent = prop_oneof![
        8 => value(),
        1 => Just(Value::Other),
        1 => Just(Value::Double(f64::NAN)),
    ];
    prop::collection::vec(prop::option::of(sent), NAMES.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Guarantees: precedence, short circuits, absent and mistyped values, and the exactness of numbers are
    /// those of the twin, for whatever is written down.
    #[test]
    fn expressions_mean_what_their_twin_means(tree in tree(), values in attributes()) {
        let text = match &tree {
            Tree::Flag(_) => format!("true && {}", tree.text()),
            _ => tree.text(),
        };
        let mut sample = log();
        sample.attributes = NAMES.iter().zip(&values).filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        prop_assert_eq!(evaluate(&text, &sample).0, tree.truth(&values), "{}", text);
    }

    /// Guarantees: any text is compiled or refused with places inside of it, and nothing panics.
    #[test]
    fn any_text_is_compiled_or_refused(
        text in r#"([a-c]|name|span|duration|time|kind|attributes|resource|has|size|in|and|not|true|[0-9.eux-]|[ "'\\()\[\],.!?:&|=<>+*/{}é“`#-]){0,24}"#,
    ) {
        let texts = [&text, &format!("kind in [\"a\", {text}]"), &format!("matches(name, r\"{text}\")")].map(String::clone);
        for text in texts {
            let compiled = Predicate::compile(&text, Some(ItemKind::Span), &mut Wanted::default());
            for error in compiled.err().unwrap_or_default() {
                prop_assert!(text.get(error.at.clone()).is_some(), "{:?} in {}", error, text);
            }
        }
    }
}
