//! The first sentence of an explanation. Doubles are good enough to read.

use super::reasons::Reason;
use crate::engine::alerts::{AlertRecord, Decision};
use crate::engine::burning::condition;
pub(super) use crate::engine::burning_words::percent;
use crate::engine::burning_words::{exhaustion, share, silence, what_fails};
use crate::engine::level::{Cx, Level};
use crate::model::rfc3339;
use crate::slo::Check;

/// What is so, in words: what fails, what that means for the budget, and whether somebody is told.
pub(super) fn of(
    cx: Cx<'_>,
    level: &Level,
    place: Option<(usize, usize)>,
    verdict: &str,
    open: Option<(&AlertRecord, &Decision)>,
    reasons: &[Reason],
) -> String {
    let mut words = match open {
        Some((record, decision)) => {
            let what = match verdict {
                "paging" => "Paging",
                "ticket" => "A ticket",
                _ => "Logged",
            };
            let since = rfc3339(record.episode.opened_at.0);
            format!("{what} since {since}, {}.", decision.priority.as_str())
        }
        None => "Nobody is paged.".to_owned(),
    };
    let Some((judge, index)) = place else { return words };
    if open.is_some() && matches!(condition(&cx.plan.slo, judge, index).check, Check::NoData) {
        words.push_str(&format!(" {}, so nobody knows how it does.", capitalized(&silence(level))));
        return words;
    }
    let (_, short) = level.condition(cx, judge, index);
    if short.count.total() > 0 {
        words.push_str(&format!(
            " {} of {} fail; {}.",
            percent(share(&short)),
            what_fails(cx, level),
            exhaustion(cx, level, judge, short.raw),
        ));
    }
    if let Some(first) = reasons.first().filter(|_| open.is_none()) {
        words.push_str(&format!(" {}.", capitalized(&first.text)));
    }
    words
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
