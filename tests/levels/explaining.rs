//! Why it paged, and why it did not: the numbers of an explanation are those that decided, now and for a time that is past.

use evenkeel::engine::Explanation;
use evenkeel::model::{EventTime, SECOND_NS, Signal, parse_parts};

use super::world::{Call, ONCALL, START, World, request_of, rolling, slo};

fn availability(annotations: &[(&str, &str)]) -> String {
    slo(annotations, &rolling("28d"), "Occurrences", "target: 0.999")
}

fn explained(world: &World, at: Option<u64>) -> Explanation {
    let at = at.map(|at| EventTime((START + at) * SECOND_NS));
    world.engine.explain("shop", at).expect("a time that is held").expect("the SLO of the story")
}

/// Of each condition both windows: `1h/5m 1h 5220/360000 14.5 yes`.
fn numbers(explanation: &Explanation) -> Vec<String> {
    let conditions = explanation.levels.iter().flat_map(|level| &level.conditions);
    let windows = conditions.flat_map(|one| one.windows.iter().map(move |window| (one, window)));
    windows
        .map(|(one, window)| {
            let holds = if window.holds { "yes" } else { "no" };
            format!(
                "{} {} {}/{} {} {holds}",
                one.condition, window.window, window.bad, window.total, window.burn
            )
        })
        .collect()
}

fn codes(explanation: &Explanation) -> Vec<&'static str> {
    explanation.levels[0].reasons.iter().map(|reason| reason.code).collect()
}

/// 100 requests a second, 5 % of them bad after a day with 0.05 %: the hour crosses 13.44 after 937 s, and until then it is
/// the hour that says no.
#[test]
fn the_worked_example_is_told_in_its_own_numbers() {
    let mut world = World::with_busy_past(&availability(&[]), 28, 100);
    for _ in 0..3_600 / 20 {
        world.busy(19, 100, 0);
        world.busy(1, 100, 1);
    }
    world.busy(600, 100, 5);
    let explanation = explained(&world, None);
    let level = &explanation.levels[0];
    assert_eq!(
        (level.verdict, level.nearest.as_deref(), explanation.declared_at.as_str()),
        ("quiet", Some("1h/5m"), "story.yaml:8:1")
    );
    assert_eq!(numbers(&explanation)[..2], ["1h/5m 1h 3150/360000 8.75 no", "1h/5m 5m 1500/30000 50 yes"]);
    assert_eq!(codes(&explanation), ["long_window"]);
    assert_eq!(level.receivers, ["oncall"]);
    // Each minute brings 300 bad ones and takes three away: 4,838.4 are needed.
    assert_eq!(level.conditions[0].holds_in_s, Some(360));
    let told =
        "Nobody is paged. 5.0 % of shop events fail; at this rate the rest of the 28d allowance is gone in ";
    assert!(level.text.starts_with(told), "{}", level.text);
    let mut crossed = 0;
    while !world.facts().iter().any(|fact| fact.ends_with("alert.fired 1h/5m")) {
        crossed += 1;
        world.busy(1, 100, 5);
    }
    assert!((335..=365).contains(&crossed), "{crossed}");
    let explanation = explained(&world, None);
    let level = &explanation.levels[0];
    assert_eq!((level.verdict, codes(&explanation).len()), ("paging", 0));
    let alert = level.alert.as_ref().unwrap();
    let of_alert = world.engine.explain_alert(&alert.id).unwrap();
    assert_eq!(of_alert.evidence.len(), 1);
    assert_eq!(of_alert.evidence[0].conditions[..1], level.conditions[..1], "as it was when it was decided");
    assert_eq!((of_alert.hops.len(), of_alert.hops[0].state), (1, "pending"));
}

/// Guarantees: what an explanation says of now is what the API says. What it says later of that time is the same: the bad
/// events to the unit, and all of them but for those of one bucket where a window begins, whose width is that of its age.
#[test]
fn what_is_told_of_a_time_later_is_what_was_so_then() {
    let mut world = World::with_clean_past(&availability(&[("min-bad", "1")]), 28);
    let mut then = Vec::new();
    for (minutes, bad) in [(3, 0), (4, 2), (5, 0), (1, 10), (9, 0), (7, 1)] {
        for _ in 0..minutes {
            world.busy(60, 10, bad);
            let explanation = explained(&world, None);
            let level = &explanation.levels[0];
            let told = level.conditions.iter().map(|one| (&one.windows[0].burn, &one.windows[1].burn));
            let group = world.group();
            let of_api = group.conditions.iter().map(|one| (&one.burn_long, &one.burn_short));
            assert!(told.eq(of_api), "at {}", world.now);
            assert_eq!(level.budget_remaining, group.budget.remaining);
            then.push((world.now, explanation));
        }
    }
    let verdicts: Vec<&str> = then.iter().map(|(_, one)| one.levels[0].verdict).collect();
    assert!(verdicts.contains(&"paging") && verdicts.contains(&"quiet"), "{verdicts:?}");
    for (at, then) in then {
        let later = explained(&world, Some(at));
        assert_eq!((later.resolution_s, later.is_now), (1, at == world.now));
        let (then, later) = (&then.levels[0], &later.levels[0]);
        assert_eq!((later.verdict, &later.receivers), (then.verdict, &then.receivers), "at {at}");
        for (then, later) in then.conditions.iter().zip(&later.conditions) {
            for (then, later) in then.windows.iter().zip(&later.windows) {
                // One event a second where the long windows begin; ten where the short ones do.
                let missing = match then.window.as_str() {
                    "5m" | "30m" => 0,
                    "1h" | "2h" => 10,
                    "6h" => 60,
                    _ => 900,
                };
                assert_eq!((&later.window, later.bad), (&then.window, then.bad), "at {at}");
                let total = then.total.saturating_sub(missing)..=then.total;
                assert!(
                    total.contains(&later.total),
                    "{} at {at}: {} of {}",
                    then.window,
                    later.total,
                    then.total
                );
                assert_eq!(later.holds, then.holds, "{} at {at}", then.window);
            }
        }
    }
}

/// Two days later the minutes are still told apart, three days later stretches of five minutes, and then quarters of an hour.
#[test]
fn how_finely_the_past_is_told_apart_is_said() {
    let mut world = World::with_clean_past(&availability(&[]), 28);
    world.busy(60, 10, 3);
    let explanation = explained(&world, None);
    let told: Vec<(u64, u64)> =
        explanation.answerable.resolutions.iter().map(|one| (one.up_to_s, one.resolution_s)).collect();
    assert_eq!(told, [(3_599, 1), (21_590, 10), (172_800, 60), (258_900, 300), (2_418_300, 900)]);
    for (hours, resolution_s) in [(40, 60), (47, 60), (49, 300)] {
        let at = EventTime((START + world.now - hours * 3_600) * SECOND_NS);
        let then = world.engine.explain("shop", Some(at)).unwrap().unwrap();
        assert_eq!(then.resolution_s, resolution_s, "{hours} hours ago");
    }
    let days = 29 * 86_400;
    let refused = world.engine.explain("shop", Some(EventTime((START - days) * SECOND_NS))).unwrap_err();
    assert!(refused.contains("is not held any more: of `shop` the last 28d are"), "{refused}");
    assert!(world.engine.explain("shopping", None).unwrap().is_none());
}

#[test]
fn each_reason_for_silence_is_named() {
    // Too few: one bad event of a few burns fast, and is one.
    let mut world = World::with_clean_past(&availability(&[]), 28);
    world.quiet(3_700);
    world.run(1, false);
    assert_eq!(codes(&explained(&world, None)), ["too_few"]);
    // A young service level: what was not watched counts as clean.
    let mut world = World::new(&availability(&[]));
    world.busy(30, 10, 1);
    assert_eq!(codes(&explained(&world, None)), ["coverage", "coverage"], "both windows");
    // The trouble is over: the long window still burns, the short one does not.
    let week = slo(&[], &rolling("7d"), "Occurrences", "target: 0.999");
    let mut world = World::with_clean_past(&week, 7);
    world.busy(60, 10, 1);
    world.run(1_900, true);
    assert_eq!(codes(&explained(&world, None)), ["short_window"]);
    // Nothing came.
    let mut world = World::with_clean_past(&availability(&[]), 28);
    world.quiet(4_000);
    assert_eq!(codes(&explained(&world, None)), ["no_events"]);
    let world = World::new(&availability(&[]));
    assert_eq!(
        (codes(&explained(&world, None)), explained(&world, None).levels[0].verdict),
        (vec!["no_events"], "no-data")
    );
    // Nobody is told, whatever burns.
    let documents = availability(&[]).replace(ONCALL, "");
    let mut world = World::with_clean_past(&documents, 28);
    world.busy(1, 10, 0);
    assert_eq!(codes(&explained(&world, None))[0], "no_route");
    // It came too late to page then.
    let mut world = World::with_clean_past(&availability(&[]), 28);
    world.busy(1_800, 1, 0);
    let then = world.now - 1_200;
    world.send(&(0..40).map(|second| Call::at(then - second, false)).collect::<Vec<_>>());
    world.busy(10, 1, 0);
    let of_then = explained(&world, Some(then));
    assert!(codes(&of_then).contains(&"late_data"), "{:?}", of_then.levels[0].reasons);
    assert_eq!((of_then.data.came_later_good, of_then.data.came_later_bad), (0, 40));
    // Its time does not count.
    let annotations =
        [("exclusions", "[{start: 2023-11-14T00:00:00Z, end: 2023-11-14T01:00:00Z, reason: moving}]")];
    let mut world = World::with_clean_past(&availability(&annotations), 28);
    world.busy(120, 10, 10);
    assert!(codes(&explained(&world, None)).contains(&"excluded"));
}

/// A filter that drops what fails is the reason that nobody asks for.
#[test]
fn a_filter_that_drops_what_would_count_is_named_with_its_hits() {
    let filtered = "spec:\n  filter: [{name: no-servers, drop: 'span && kind == \"server\"'}]\n";
    let documents = availability(&[]).replacen("spec:\n", filtered, 1);
    let mut world = World::new(&documents);
    world.busy(30, 10, 10);
    let explanation = explained(&world, None);
    assert_eq!(codes(&explanation), ["no_events"]);
    let text = &explanation.levels[0].reasons[0].text;
    assert!(text.ends_with("filter rules drop events before they count: no-servers dropped 300"), "{text}");
}

/// Version 2 begins 90 s before its first failure, and only /pay fails.
#[test]
fn what_bad_events_share_and_what_changed_before_them_is_told_and_paged() {
    let mut world = World::with_clean_past(&availability(&[]), 28);
    let second = |world: &mut World, version: &str, bad: bool| {
        world.now += 1;
        let calls = [
            Call::at(world.now, true).to("/cart"),
            Call::at(world.now, true),
            Call::at(world.now, !bad).to("/pay"),
        ];
        world.send_bytes(Signal::Traces, &request_of(&calls, &[("service.version", version)]));
    };
    (0..600).for_each(|_| second(&mut world, "1", false));
    (0..90).for_each(|_| second(&mut world, "2", false));
    (0..300).for_each(|_| second(&mut world, "2", true));
    let explanation = explained(&world, None);
    let clues = &explanation.levels[0].clues;
    let of_route = clues.contributors.iter().find(|one| one.attribute == "http.route").expect("the route");
    assert_eq!((of_route.value.as_str(), of_route.bad, of_route.bad_of), ("/pay", 300, 300));
    assert!(of_route.good * 2 < of_route.good_of, "{of_route:?}");
    let change = clues.change.as_ref().expect("a change");
    assert_eq!(
        (change.version.as_str(), change.before.as_deref(), change.before_bad_s),
        ("2", Some("1"), Some(90))
    );
    assert_eq!(clues.traces, ["07070707070707070707070707070707"]);
    let alert = explanation.levels[0].alert.as_ref().expect("it pages");
    let text = &world.engine.explain_alert(&alert.id).unwrap().alert.decisions[0].text;
    assert!(text.contains("100 % of the bad ones have http.route /pay"), "{text}");
    assert!(
        text.ends_with(
            "shop runs version 2 since 2023-11-14T00:10:01Z, 90 s before the first bad event that is kept."
        ),
        "{text}"
    );
}

/// Mutation of the question: whatever an annotation changes, only what it is about changes in the answer.
#[test]
fn an_explanation_names_the_group_that_burns_first() {
    let mut world = World::new(&availability(&[("group-by", "http.route")]));
    for _ in 0..300 {
        world.now += 1;
        let at = world.now;
        world.send(&[
            Call::at(at, true).to("/cart"),
            Call::at(at, false).to("/pay"),
            Call::at(at, true).to("/a"),
        ]);
    }
    let explanation = explained(&world, None);
    assert_eq!(explanation.levels.len(), 3);
    assert_eq!(explanation.levels[0].group.values().collect::<Vec<_>>(), ["/pay"]);
}

/// A stricter target would have paged for what a lax one bears; the same target pages as often as it did.
#[test]
fn another_target_is_tried_on_what_is_held() {
    let mut world = World::with_clean_past(&availability(&[]), 28);
    world.busy(60, 10, 1);
    world.run(1_800, true);
    let opened = world.facts().iter().filter(|fact| fact.contains("episode.opened")).count() as u64;
    assert_eq!(opened, 1);
    let past = world.engine.past_of("shop").unwrap();
    let tried = |target: &str| past.what_if(parse_parts(target).unwrap(), None).unwrap();
    let same = tried("0.999");
    assert_eq!((same.as_is.pages, same.what_if.pages), (1, 1), "{same:#?}");
    assert_eq!(
        (&same.as_is.budget_remaining, &same.as_is.episodes.len()),
        (&same.what_if.budget_remaining, &1)
    );
    let (told, live): (f64, f64) =
        (same.as_is.budget_remaining.parse().unwrap(), world.group().budget.remaining.parse().unwrap());
    assert!((told - live).abs() < 0.0001, "but for a bucket where the window begins: {told} {live}");
    let lax = tried("0.99");
    assert_eq!((lax.what_if.pages, lax.what_if.tickets, lax.as_is.pages), (0, 0, 1));
    let strict = tried("0.9999");
    assert_eq!((strict.what_if.pages, strict.what_if.exhausted), (1, false), "{strict:#?}");
    assert!(strict.what_if.budget_remaining < strict.as_is.budget_remaining);
    let later =
        past.what_if(parse_parts("0.999").unwrap(), Some(EventTime((START + 1_000) * SECOND_NS))).unwrap();
    assert_eq!((later.as_is.pages, later.as_is.episodes.len()), (0, 0), "it began before");
    for impossible in ["0", "1"] {
        let refused = past.what_if(parse_parts(impossible).unwrap(), None).unwrap_err();
        assert!(refused.contains("above 0 and below 1"), "{refused}");
    }
    assert!(world.engine.past_of("shopping").is_none());
}
