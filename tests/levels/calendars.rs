//! Windows by the calendar of a time zone.

use super::world::{Call, DAY, START, World, slo};

fn calendar(duration: &str, start: &str, zone: &str) -> String {
    format!("{{duration: {duration}, isRolling: false, calendar: {{startTime: {start}, timeZone: {zone}}}}}")
}

/// Scenario: a day of Berlin ends at 23:00 UTC. Ten failures before, five after.
#[test]
fn a_budget_begins_anew_with_the_period_of_its_time_zone() {
    let window = calendar("1d", "2020-01-01 00:00:00", "Europe/Berlin");
    let mut world = World::new(&slo(&[], &window, "Occurrences", "target: 0.99"));
    world.now = 22 * 3_600 + 59 * 60 + 59;
    let before: Vec<Call> = (0..100).map(|call| Call::at(world.now, call >= 10)).collect();
    world.send(&before);
    assert_eq!((world.group().bad, world.group().total), (10, 100));
    world.now = 23 * 3_600 + 10;
    world.send(&(0..50).map(|call| Call::at(world.now, call >= 5)).collect::<Vec<_>>());
    assert_eq!((world.group().bad, world.group().total), (5, 50));
    let period = world.view().period.unwrap();
    assert_eq!((&*period.start, &*period.end), ("2023-11-14T23:00:00Z", "2023-11-15T23:00:00Z"));
}

/// The share of the month that is over scales what is spent, so one failure early in it spends little.
#[test]
fn what_is_spent_early_in_a_month_is_scaled_by_the_part_of_it_that_is_over() {
    let window = calendar("1M", "2020-01-14 00:00:00", "UTC");
    let mut world = World::new(&slo(&[], &window, "Occurrences", "target: 0.999"));
    world.send(&[Call::at(0, true)]);
    world.now = 3 * DAY;
    world.send(&(0..999).map(|call| Call::at(world.now, call >= 1)).collect::<Vec<_>>());
    let group = world.group();
    // One of a thousand failed, 3 of 30 days have gone by: all of the budget at this rate, a tenth of it so far.
    assert_eq!((&*group.budget.raw_spent, &*group.budget.spent, &*group.coverage), ("1", "0.1", "0.1"));
    assert_eq!(group.conditions[0].factor.as_deref(), Some("14.4"), "factors are those of 30 days");
}

/// Two of a thousand fail, which is twice what the budget allows: early in the month it is gone before its end, and late in
/// it the month ends first.
#[test]
fn a_budget_that_lasts_to_the_end_of_its_month_lasts_wherever_it_is_told() {
    let window = calendar("1M", "2020-01-14 00:00:00", "UTC");
    for (day, expected) in [(3, 14 * DAY..15 * DAY), (29, 0..0)] {
        let mut world = World::new(&slo(&[], &window, "Occurrences", "target: 0.999"));
        world.send(&vec![Call::at(0, true); 5_000]);
        world.now = day * DAY;
        world.send(&(0..1_000).map(|call| Call::at(world.now, call >= 2)).collect::<Vec<_>>());
        let explained = world.engine.explain("shop", None).unwrap().unwrap();
        let (level, told) = (&explained.levels[0], world.group().budget.exhausted_in_s);
        assert_eq!(level.exhausted_in_s, told, "day {day}");
        assert!(told.map_or(expected.is_empty(), |told| expected.contains(&told)), "day {day}: {told:?}");
        let lasts = level.text.contains("at this rate the 1M allowance lasts");
        assert_eq!(lasts, told.is_none(), "{}", level.text);
    }
}

/// March 2026 has 44,580 minutes in New York, so 99.9 % allow 44.58 bad ones.
#[test]
fn a_month_of_slices_has_the_minutes_that_its_clocks_show() {
    let window = calendar("1M", "2020-01-01 00:00:00", "America/New_York");
    let objective = "target: 0.999, timeSliceTarget: 0.9, timeSliceWindow: 1m";
    let mut world = World::new(&slo(&[], &window, "Timeslices", objective));
    // 7 March 2026, a day before the clocks change.
    let march = 1_772_841_600 - START;
    world.now = march;
    for minute in 0..3 {
        world.now = march + minute * 60;
        world.send(&[Call::at(world.now, minute > 0)]);
    }
    assert_eq!(world.group().bad, 1);
    // 1 / 44.58
    assert_eq!(world.group().budget.spent, "0.022432");
}

#[test]
fn late_events_go_into_the_period_of_their_own_time() {
    let window = calendar("1d", "2020-01-01 00:00:00", "UTC");
    let mut world = World::new(&slo(&[], &window, "Occurrences", "target: 0.9"));
    world.now = DAY - 10;
    world.send(&[Call::at(world.now, true)]);
    world.now = DAY + 100;
    world.send(&[Call::at(world.now, true)]);
    world.send(&[Call::at(DAY - 5, false)]);
    assert_eq!((world.group().bad, world.group().total), (0, 1), "not into today's");
    assert_eq!(world.facts(), [format!("{} budget.amended +0 +1", DAY + 100)]);
}
