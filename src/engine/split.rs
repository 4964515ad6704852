//! A batch in parts by event time, for a replay: its clock is the events' own, so time passes within a request too.

use std::collections::BTreeMap;

use super::batch::Batch;
use super::points::Points;

impl Batch {
    /// What is not after a second, with all that has no time; then what each later second holds. One after the other
    /// they count what the whole counts. The last has the fingerprint: a request comes after what it tells.
    pub fn by_second(mut self, clock_s: u64) -> (Self, Vec<(u64, Self)>) {
        if self.seconds.last().is_none_or(|(last, _)| *last <= clock_s) {
            return (self, Vec::new());
        }
        let (seconds, slos) = (std::mem::take(&mut self.seconds), std::mem::take(&mut self.slos));
        let (hits, points) = (std::mem::take(&mut self.hits), std::mem::take(&mut self.points));
        self.points.unusable = points.unusable;
        let mut split = Split { clock_s, whole: self, parts: BTreeMap::new() };
        for one in seconds {
            split.at(one.0).0.seconds.push(one);
        }
        for mut delta in slos {
            delta.group = split.group(delta.second, delta.group);
            split.at(delta.second).0.slos.push(delta);
        }
        for hit in hits {
            split.at(hit.second).0.hits.push(hit);
        }
        split.points(points);
        if let Some(mut last) = split.parts.last_entry() {
            last.get_mut().0.fingerprint = split.whole.fingerprint.take();
        }
        let parts = split.parts.into_iter().map(|(second, (part, _))| (second, part));
        (split.whole, parts.collect())
    }
}

/// Where a group of the whole stands in a part.
type Places = BTreeMap<u32, u32>;

struct Split {
    clock_s: u64,
    whole: Batch,
    parts: BTreeMap<u64, (Batch, Places)>,
}

impl Split {
    fn at(&mut self, second: u64) -> (&mut Batch, Option<&mut Places>) {
        if second <= self.clock_s {
            return (&mut self.whole, None);
        }
        let whole = &self.whole;
        let (part, places) = self
            .parts
            .entry(second)
            .or_insert_with(|| (Batch::empty(whole.plan_version, whole.signal), Places::new()));
        (part, Some(places))
    }

    fn group(&mut self, second: u64, group: u32) -> u32 {
        if second <= self.clock_s || group == 0 {
            return group;
        }
        let values = self.whole.groups[group as usize].clone();
        let (part, places) = self.at(second);
        let next = part.groups.len() as u32;
        let place = places.map_or(next, |places| *places.entry(group).or_insert(next));
        if place == next {
            part.groups.push(values);
        }
        place
    }

    /// Points of a series stay in their order: one that is out of it waits for those before it.
    fn points(&mut self, points: Points) {
        let mut newest = BTreeMap::new();
        for mut point in points.points {
            let second = newest.entry(point.series).or_insert(0);
            *second = point.time.seconds().max(*second);
            let second = *second;
            let uses = &points.uses[point.uses.0 as usize..point.uses.1 as usize];
            let uses: Vec<_> = uses.iter().map(|one| (*one, self.group(second, one.group))).collect();
            let to = &mut self.at(second).0.points;
            let first = to.uses.len() as u32;
            to.uses.extend(uses.into_iter().map(|(mut one, group)| {
                one.group = group;
                one
            }));
            point.uses = (first, to.uses.len() as u32);
            to.points.push(point);
        }
    }
}

#[cfg(test)]
mod tests;
