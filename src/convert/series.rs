//! What a query counts: sums and differences of series, each with the conditions that choose it. Refuses what is no
//! plain count, and says why.

use std::collections::BTreeSet;

use regex::Regex;

use super::decimal::decimal;
use super::promql::{Expr, Form, Grouping, Matcher, Op, Refusal, Selector};

/// What of a metric is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// What a counter counts.
    Itself,
    /// The values of a histogram.
    Values,
    /// Those up to a bound.
    UpTo(String),
}

/// Series of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// As it arrives over OTLP: a histogram's without the suffix of its parts.
    pub metric: String,
    pub counted: Counted,
    pub matchers: Vec<Matcher>,
}

/// Series added up, less other ones, for each combination of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub plus: Vec<Piece>,
    pub minus: Vec<Piece>,
    pub by: Vec<String>,
}

/// How counters stand in a source's queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Within `rate` or `increase`.
    Rates,
    /// By themselves as well.
    Plain,
}

pub fn sum(expr: &Expr, style: Style) -> Result<Sum, Refusal> {
    let refuse = |why: String| Err(Refusal::new(expr.at, why));
    match &expr.form {
        Form::Aggregate { name, grouping, args } if name == "sum" => {
            summed(expr, grouping.as_ref(), args, style)
        }
        Form::Binary { op: "or", matching: false, left, right } if is_zero(right) => sum(left, style),
        Form::Binary { op: "+" | "-", matching: true, .. } => {
            refuse("labels to match by are not converted".to_owned())
        }
        Form::Binary { op: op @ ("+" | "-"), left, right, .. } => {
            let (left, right) = (sum(left, style)?, sum(right, style)?);
            if left.by != right.by {
                return refuse(format!("the two sides of `{op}` are grouped by different labels"));
            }
            let (plus, minus) =
                if *op == "+" { (right.plus, right.minus) } else { (right.minus, right.plus) };
            let by = left.by;
            Ok(Sum { plus: [left.plus, plus].concat(), minus: [left.minus, minus].concat(), by })
        }
        Form::Selector(selector) if style == Style::Plain && selector.range.is_none() => {
            Ok(Sum { plus: vec![piece(selector, expr.at)?], ..Sum::default() })
        }
        Form::Call { name, .. } if is_rate(name) => {
            refuse(format!("`{name}` without `sum`: each series would be a service level of its own"))
        }
        form => refuse(format!("{} is no plain count", described(form))),
    }
}

fn summed(expr: &Expr, grouping: Option<&Grouping>, args: &[Expr], style: Style) -> Result<Sum, Refusal> {
    let by: BTreeSet<&String> = match grouping {
        Some(Grouping { without: true, .. }) => {
            return Err(Refusal::new(expr.at, "`without` leaves open which labels there are"));
        }
        Some(Grouping { labels, .. }) => labels.iter().collect(),
        None => BTreeSet::new(),
    };
    let by: Vec<String> = by.into_iter().cloned().collect();
    let [inner] = args else { return Err(Refusal::new(expr.at, "`sum` takes one argument")) };
    let of_one = |piece| Ok(Sum { plus: vec![piece], minus: Vec::new(), by: by.clone() });
    match &inner.form {
        Form::Call { name, args } if is_rate(name) => match args.as_slice() {
            [Expr { at, form: Form::Selector(selector) }] if selector.range.is_some() => {
                of_one(piece(selector, *at)?)
            }
            _ => Err(Refusal::new(inner.at, format!("`{name}` of something that is no window of a series"))),
        },
        Form::Selector(selector) if style == Style::Plain && selector.range.is_none() => {
            of_one(piece(selector, inner.at)?)
        }
        Form::Selector(_) => Err(Refusal::new(inner.at, "a sum of the counters themselves, without `rate`")),
        Form::Aggregate { name, .. } if name == "sum" => {
            let sum = sum(inner, style)?;
            match by.iter().all(|label| sum.by.contains(label)) {
                true => Ok(Sum { by, ..sum }),
                false => Err(Refusal::new(inner.at, "the inner `sum` drops labels of the outer one")),
            }
        }
        Form::Binary { op: "or", matching: false, left, right } if is_zero(right) => {
            summed(expr, grouping, std::slice::from_ref(left), style)
        }
        form => Err(Refusal::new(inner.at, format!("a `sum` of {} is no plain count", described(form)))),
    }
}

fn is_rate(name: &str) -> bool {
    ["rate", "increase", "irate"].contains(&name)
}

/// `vector(0)`, or a plain zero.
fn is_zero(expr: &Expr) -> bool {
    match &expr.form {
        Form::Number(number) => number.parse::<f64>() == Ok(0.0),
        Form::Call { name, args } if name == "vector" => matches!(args.as_slice(), [zero] if is_zero(zero)),
        _ => false,
    }
}

pub fn described(form: &Form) -> String {
    match form {
        Form::Number(number) => format!("the number {number}"),
        Form::Text => "a text".to_owned(),
        Form::Selector(_) => "a series itself".to_owned(),
        Form::Call { name, .. } | Form::Aggregate { name, .. } => format!("`{name}(…)`"),
        Form::Binary { op, .. } => format!("`… {op} …`"),
        Form::Negative(_) => "`-…`".to_owned(),
    }
}

/// The series of a selector, by the names that they have over OTLP.
pub fn piece(selector: &Selector, at: usize) -> Result<Piece, Refusal> {
    let Selector { metric, matchers, shifted, .. } = selector;
    let why = match () {
        () if *shifted => "`offset` and `@` ask for another time".to_owned(),
        () if matchers.iter().any(|one| one.label == "__name__") => {
            "the metric is chosen by a pattern".to_owned()
        }
        () if metric.is_empty() => "the metric is not named".to_owned(),
        () if metric.contains(':') => {
            format!("`{metric}` is made by a recording rule: its counters are not named here")
        }
        () if metric.ends_with("_sum") => format!("`{metric}` adds up values and counts nothing"),
        () => return counted(metric, matchers).map_err(|why| Refusal::new(at, why)),
    };
    Err(Refusal::new(at, why))
}

fn counted(metric: &str, matchers: &[Matcher]) -> Result<Piece, String> {
    for one in matchers.iter().filter(|one| matches!(one.op, Op::Matches | Op::MatchesNot)) {
        anchored(&one.value).ok_or_else(|| format!("the pattern `{}` is not understood", one.value))?;
    }
    let piece = |metric: &str, counted, matchers: Vec<Matcher>| {
        Ok(Piece { metric: metric.to_owned(), counted, matchers })
    };
    let Some(histogram) = metric.strip_suffix("_bucket") else {
        return match metric.strip_suffix("_count") {
            Some(histogram) => piece(histogram, Counted::Values, matchers.to_vec()),
            None => piece(metric, Counted::Itself, matchers.to_vec()),
        };
    };
    let (bounds, matchers): (Vec<_>, Vec<_>) = matchers.iter().cloned().partition(|one| one.label == "le");
    match bounds.as_slice() {
        [Matcher { op: Op::Equal, value, .. }] if value == "+Inf" => {
            piece(histogram, Counted::Values, matchers)
        }
        [Matcher { op: Op::Equal, value, .. }] => match decimal(value) {
            Some(bound) => piece(histogram, Counted::UpTo(bound), matchers),
            None => Err(format!("the bound le=\"{value}\" is no number")),
        },
        [] => Err(format!("`{metric}` without `le` counts every value once for each bucket")),
        _ => Err("`le` is not one bound".to_owned()),
    }
}

/// A pattern that has to match the whole of a value, as in Prometheus.
pub fn anchored(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).ok()
}

impl Piece {
    pub fn conditions(&self) -> BTreeSet<&Matcher> {
        self.matchers.iter().collect()
    }

    pub fn is_same(&self, other: &Self) -> bool {
        (&self.metric, &self.counted, self.conditions())
            == (&other.metric, &other.counted, other.conditions())
    }

    /// No series is in both.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        let of = |matchers: &[Matcher], other: &[Matcher]| {
            matchers.iter().any(|one| other.iter().any(|two| one.label == two.label && excludes(one, two)))
        };
        (&self.metric, &self.counted) != (&other.metric, &other.counted)
            || of(&self.matchers, &other.matchers)
            || of(&other.matchers, &self.matchers)
    }
}

/// Whether two conditions on one label can not hold together, as far as that is plain.
fn excludes(one: &Matcher, two: &Matcher) -> bool {
    let matches =
        |pattern: &str, value: &str| anchored(pattern).is_some_and(|pattern| pattern.is_match(value));
    match (one.op, two.op) {
        (Op::Equal, Op::Equal) => one.value != two.value,
        (Op::Equal, Op::NotEqual) | (Op::Matches, Op::MatchesNot) => one.value == two.value,
        (Op::Equal, Op::Matches) => !matches(&two.value, &one.value),
        (Op::Equal, Op::MatchesNot) => matches(&two.value, &one.value),
        _ => false,
    }
}

impl Sum {
    /// Without what is both added and taken away.
    pub fn settled(mut self) -> Self {
        self.minus.retain(|minus| match self.plus.iter().position(|plus| plus.is_same(minus)) {
            Some(place) => {
                self.plus.remove(place);
                false
            }
            None => true,
        });
        self
    }

    /// The same series in any order.
    pub fn is_same(one: &[Piece], two: &[Piece]) -> bool {
        let within = |one: &[Piece], two: &[Piece]| one.iter().all(|a| two.iter().any(|b| a.is_same(b)));
        one.len() == two.len() && within(one, two) && within(two, one)
    }
}
