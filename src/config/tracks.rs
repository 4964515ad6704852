//! What the objectives of an SLO count: an indicator of the SLO, or one of each objective; each thing once.

use super::reader::Fields;
use super::set::{self, Set};
use super::{Reading, indicator};
use crate::engine::Indicator;

pub(super) struct Tracks {
    pub indicators: Vec<Indicator>,
    /// By objective, a place among the indicators.
    pub of_objective: Vec<usize>,
    /// Of everything that says which events count and when they are good.
    pub identity: u64,
}

pub(super) fn read(
    ctx: &mut Reading<'_>,
    set: &Set,
    spec: Fields<'_>,
    objectives: &[Fields<'_>],
) -> Option<Tracks> {
    let has_one =
        |holder: &Fields<'_>| holder.get("indicator").is_some() || holder.get("indicatorRef").is_some();
    let common = match has_one(&spec) {
        true => Some(indicator::find(ctx, set, spec)),
        false => None,
    };
    if common.is_none() && !objectives.iter().any(has_one) {
        ctx.report.error("E0202", spec.at, "an SLO needs `indicator` or `indicatorRef`");
        return None;
    }
    let (mut indicators, mut of_objective, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for objective in objectives {
        let sli = match (&common, has_one(objective)) {
            (Some(_), true) => {
                let key = if objective.get("indicator").is_some() { "indicator" } else { "indicatorRef" };
                let message = "an SLO has one indicator, or one for each objective, not both";
                ctx.report.error("E0304", objective.place_of(key), message);
                None
            }
            (Some(common), false) => *common,
            (None, true) => indicator::find(ctx, set, *objective),
            (None, false) => {
                let message = "an objective needs an indicator where others have their own";
                ctx.report.error("E0202", objective.at, message);
                None
            }
        };
        let Some(sli) = sli else {
            of_objective.push(None);
            continue;
        };
        let is_threshold = sli.get("thresholdMetric").is_some();
        let limit = |key| objective.get(key).filter(|_| is_threshold);
        let identity =
            set::identity([sli.get("ratioMetric"), sli.get("thresholdMetric"), limit("op"), limit("value")]);
        let place = known.iter().position(|one| *one == identity);
        if place.is_none() || !is_threshold {
            // Every objective's `op` and `value` are looked at, though what counts for it be known.
            let indicator = indicator::read(ctx, set, sli, *objective);
            if place.is_none() {
                known.push(identity);
                indicators.push(indicator);
            }
        }
        of_objective.push(Some(place.unwrap_or(known.len() - 1)));
    }
    let identity = known.iter().fold(0_u64, |sum, one| sum.rotate_left(7) ^ one);
    Some(Tracks {
        indicators: indicators.into_iter().collect::<Option<_>>()?,
        of_objective: of_objective.into_iter().collect::<Option<_>>()?,
        identity,
    })
}
