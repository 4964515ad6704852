//! Two counts to an indicator: a ratio, or a threshold where a histogram's bound tells good from bad.

use super::cel;
use super::promql::{Expr, Form, Refusal};
use super::series::{Counted, Piece, Style, Sum, sum};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indicator {
    Ratio {
        part: Part,
        counted: String,
        total: String,
    },
    Both {
        good: String,
        bad: String,
    },
    /// Values of data points, good up to a limit.
    Threshold {
        metrics: String,
        op: &'static str,
        limit: String,
    },
    /// A ratio that is computed elsewhere.
    Raw {
        metrics: String,
        success: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Good,
    Bad,
}

/// What an indicator says, and the attributes that its groups are told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub indicator: Indicator,
    pub group_by: Vec<String>,
}

pub fn of_total(part: Part, counted: Sum, total: Sum) -> Result<Found, Refusal> {
    let refuse = |why: &str| Err(Refusal::new(0, why));
    if counted.by != total.by {
        return refuse("it is grouped by other labels than the total");
    }
    let group_by = counted.by.iter().map(|label| cel::name_of(label).to_owned()).collect();
    let (counted, total) = (counted.settled(), total.settled());
    let mut all = [&counted.plus, &counted.minus, &total.plus, &total.minus].into_iter().flatten();
    if all.any(|piece| matches!(piece.counted, Counted::UpTo(_))) {
        return Ok(Found { indicator: latency(part, &counted, &total)?, group_by });
    }
    let all_less_good = part == Part::Bad
        && !counted.minus.is_empty()
        && total.minus.is_empty()
        && Sum::is_same(&counted.plus, &total.plus);
    let (part, expression) = match all_less_good {
        true => (Part::Good, cel::expression(&counted.minus, &[])?),
        false => (part, cel::expression(&counted.plus, &counted.minus)?),
    };
    let total = cel::expression(&total.plus, &total.minus)?;
    Ok(Found { indicator: Indicator::Ratio { part, counted: expression, total }, group_by })
}

/// Good and bad, where there is no total.
pub fn of_both(good: Sum, bad: Sum) -> Result<Found, Refusal> {
    if good.by != bad.by {
        return Err(Refusal::new(0, "good and bad are grouped by different labels"));
    }
    let group_by = good.by.iter().map(|label| cel::name_of(label).to_owned()).collect();
    let (good, bad) = (good.settled(), bad.settled());
    let good = cel::expression(&good.plus, &good.minus)?;
    let bad = cel::expression(&bad.plus, &bad.minus)?;
    Ok(Found { indicator: Indicator::Both { good, bad }, group_by })
}

/// `bad / total`, or `1 - good / total`.
pub fn of_error_ratio(expr: &Expr) -> Result<Found, Refusal> {
    let (part, ratio) = match &expr.form {
        Form::Binary { op: "-", left, right, .. } if is_one(left) => (Part::Good, &**right),
        _ => (Part::Bad, expr),
    };
    let Form::Binary { op: "/", matching: false, left, right } = &ratio.form else {
        return Err(Refusal::new(ratio.at, "it is no quotient of two counts"));
    };
    of_total(part, sum(left, Style::Rates)?, sum(right, Style::Rates)?)
}

fn is_one(expr: &Expr) -> bool {
    matches!(&expr.form, Form::Number(number) if number.parse::<f64>() == Ok(1.0))
}

fn latency(part: Part, counted: &Sum, total: &Sum) -> Result<Indicator, Refusal> {
    let refuse = |why: &str| Err(Refusal::new(0, why));
    let is_all = |pieces: &[Piece]| pieces.iter().all(|piece| piece.counted == Counted::Values);
    let fast = match part {
        Part::Good if counted.minus.is_empty() => &counted.plus,
        Part::Bad if Sum::is_same(&counted.plus, &total.plus) => &counted.minus,
        Part::Bad => return refuse("of buckets, bad is all values less those up to a bound"),
        Part::Good => return refuse("of buckets, good is the values up to a bound"),
    };
    if !total.minus.is_empty() || !is_all(&total.plus) {
        return refuse("the total is not all values of a histogram");
    }
    let mut bounds = fast.iter().map(|piece| match &piece.counted {
        Counted::UpTo(bound) => Some(bound),
        _ => None,
    });
    let Some(Some(limit)) = bounds.next() else { return refuse("it counts more than values up to a bound") };
    if bounds.any(|bound| bound != Some(limit)) {
        return refuse("there are several bounds");
    }
    let whole: Vec<Piece> =
        fast.iter().map(|piece| Piece { counted: Counted::Values, ..piece.clone() }).collect();
    if !Sum::is_same(&whole, &total.plus) {
        return refuse("what is fast enough and the total differ in more than the bound `le`");
    }
    let metrics = cel::expression(&total.plus, &[])?;
    Ok(Indicator::Threshold { metrics, op: "lte", limit: limit.clone() })
}
