//! What service levels make of the items that follow each other, for as long as all of them hold the same conditions: the
//! answers are the same, and only what is measured is looked at again.

use super::fold::Counter;
use super::plan::{Indicator, Marks, Plan};
use crate::classify::Finder;
use crate::model::Item;

#[derive(Debug, Default)]
pub(super) struct Course<'p> {
    /// Of the finder.
    turn: Option<u64>,
    /// Something must be asked of each item.
    asks: bool,
    steps: Vec<Step<'p>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'p> {
    pub(super) to: Counter,
    how: How<'p>,
}

#[derive(Clone, Copy, Debug)]
enum How<'p> {
    Counts(Marks),
    /// It is selected; what it counts as depends on its measure.
    Measured(&'p Indicator),
}

impl<'p> Course<'p> {
    /// The steps for an item that the finder has read; `None` where each must be asked.
    pub(super) fn steps(
        &mut self,
        plan: &'p Plan,
        finder: &Finder<'_>,
        item: &Item<'_>,
    ) -> Option<&[Step<'p>]> {
        if self.turn != Some(finder.turn()) {
            self.turn = Some(finder.turn());
            self.steps.clear();
            self.asks = self.plot(plan, finder, item).is_none();
        }
        (!self.asks).then_some(&self.steps)
    }

    fn plot(&mut self, plan: &'p Plan, finder: &Finder<'_>, item: &Item<'_>) -> Option<()> {
        let numbered = plan.numbered();
        for index in plan.concerned(finder) {
            let slo = plan.slos.get(index).filter(|slo| slo.group_by.is_none())?;
            let before = numbered.tracks_before[index];
            for (track, indicator) in slo.indicators.iter().enumerate() {
                let flat = before + track;
                let first = numbered.first_of_track[flat];
                let mut is_known = true;
                let selects = |place: usize| {
                    let known = finder.knows(first + place);
                    is_known &= known.is_some();
                    known.unwrap_or_default()
                };
                let how = Self::how(indicator, item, selects);
                if !is_known {
                    return None;
                }
                let to = Counter { slo: index as u32, track: track as u16, group: 0, flat };
                self.steps.extend(how.map(|how| Step { to, how }));
            }
        }
        Some(())
    }

    fn how(
        indicator: &'p Indicator,
        item: &Item<'_>,
        mut selects: impl FnMut(usize) -> bool,
    ) -> Option<How<'p>> {
        match indicator {
            Indicator::Threshold { .. } | Indicator::Raw { .. } => {
                selects(0).then_some(How::Measured(indicator))
            }
            _ => indicator.judge(item, |place, _| selects(place)).map(How::Counts),
        }
    }
}

impl Step<'_> {
    /// `None` where the item does not have what is measured.
    #[inline]
    pub(super) fn marks(&self, item: &Item<'_>) -> Option<Marks> {
        match self.how {
            How::Counts(marks) => Some(marks),
            How::Measured(indicator) => indicator.judge(item, |_, _| true),
        }
    }
}
