//! What silence means after we were away.

use super::*;
use crate::engine::watch::Form;
use crate::model::{Category, Priority};

/// Scenario: an outage is paged; the daemon is away for a while, and nothing comes after it.
/// Guarantees: for as long again silence ends nothing, five minutes at most, then it does.
#[test]
fn silence_after_we_were_away_ends_nothing_until_senders_may_have_come_back() {
    for (away, silent) in [(600, 298), (100, 97)] {
        let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
        for _ in 0..120 {
            world.second(false);
        }
        assert!(world.facts().contains("episode.opened"));
        // So that the short window is empty as soon as silence counts.
        world.quiet(1);
        world.clock_s += away;
        world.step(Input::Away);
        world.quiet(silent);
        assert_eq!(world.facts(), "", "away for {away} s");
        world.quiet(400);
        assert!(world.facts().contains("alert.resolved"), "away for {away} s");
    }
}

/// Guarantees: after we were away events end an episode as ever.
#[test]
fn events_after_we_were_away_decide_as_ever() {
    let mut world = World::with_clean_past(plan(28, "0.999", None));
    for _ in 0..120 {
        world.second(false);
    }
    assert!(world.facts().contains("episode.opened"));
    world.clock_s += 600;
    world.step(Input::Away);
    world.step(Input::Tick);
    for _ in 0..120 {
        world.second(true);
    }
    assert!(world.facts().contains("alert.resolved"), "the short windows have seen only good events");
}

fn kafka(world: &mut World, why: Option<&str>) {
    let why = why.map(str::to_owned);
    world.step(Input::Troubled { trouble: Trouble::KafkaNotRead, why });
}

/// Scenario: an outage is paged; then topics are not read for a while, and nothing comes after it.
/// Guarantees: silence ends nothing as long as that lasts, and for as long again, five minutes at most.
#[test]
fn silence_while_topics_are_not_read_ends_nothing_nor_for_as_long_again() {
    for (away, silent) in [(600, 299), (100, 99)] {
        let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
        (0..120).for_each(|_| world.second(false));
        assert!(world.facts().contains("episode.opened"));
        kafka(&mut world, Some("no broker is reachable"));
        assert!(world.facts().contains("episode.opened"), "of Kafka");
        world.quiet(away);
        assert_eq!(world.facts(), "", "away for {away} s");
        kafka(&mut world, None);
        assert!(world.facts().contains("episode.closed"), "of Kafka");
        world.quiet(silent);
        assert_eq!(world.facts(), "", "back for {silent} s, away for {away} s");
        world.quiet(400);
        assert!(world.facts().contains("alert.resolved"), "away for {away} s");
    }
}

/// Scenario: something is to be heard of each minute, by Kafka, which is away for a while.
/// Guarantees: it is absent a minute after silence means something again, and no sooner.
#[test]
fn nothing_is_absent_while_topics_are_not_read_nor_for_as_long_again() {
    let mut plan = plan(28, "0.999", None);
    plan.watches.push(Watch {
        rule: 0,
        name: "heartbeat".to_owned(),
        category: Category::Exception,
        priority: Priority::P2,
        key: Vec::new(),
        form: Form::Absent { after_ns: 60 * SECOND_NS },
        once_within_ns: 0,
        identity: 0,
        declared_at: "a.yaml:1:1".to_owned(),
    });
    let mut world = World::new(plan);
    kafka(&mut world, Some("no broker is reachable"));
    world.facts();
    world.quiet(100);
    assert_eq!(world.facts(), "");
    kafka(&mut world, None);
    world.facts();
    world.quiet(100 + 59);
    assert_eq!(world.facts(), "");
    world.quiet(2);
    assert!(world.facts().contains("episode.opened"));
}

/// Guarantees: while topics are not read events end an episode as ever, and who reads the state back is as blind.
#[test]
fn events_while_topics_are_not_read_decide_as_ever_and_a_restart_changes_nothing() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    (0..120).for_each(|_| world.second(false));
    kafka(&mut world, Some("no broker is reachable"));
    world.facts();
    let image = world.engine.image(true).written();
    world.engine = Engine::restore(&image, &mut Vec::new()).unwrap();
    world.quiet(600);
    assert_eq!(world.facts(), "");
    (0..400).for_each(|_| world.second(true));
    assert!(world.facts().contains("alert.resolved"));
}

/// Guarantees: the end of a trouble that nobody knows of is not even written down.
#[test]
fn the_end_of_no_trouble_is_nothing() {
    let mut world = World::new(plan(28, "0.999", None));
    world.effects.records = Records::on();
    let before = world.effects.records.take();
    kafka(&mut world, None);
    assert_eq!(world.effects.records.take(), before);
    assert_eq!(world.facts(), "");
}

#[test]
fn a_state_that_was_lost_is_paged_for_an_hour() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    let why = Some("A part of the state was lost before this start: it is gone.".to_owned());
    world.step(Input::Troubled { trouble: Trouble::StateDamaged, why });
    let own = |world: &World| {
        let mut alerts = world.engine.alerts().into_iter();
        alerts.find(|one| one.rule.as_deref() == Some("evenkeel-state-damaged")).expect("it is told")
    };
    assert_eq!((own(&world).state, own(&world).severity), ("open", "page"));
    world.quiet(3_599);
    assert_eq!(own(&world).state, "open");
    let why = Some("A part of the state was lost before this start: so is this.".to_owned());
    world.effects = Effects::default();
    world.step(Input::Troubled { trouble: Trouble::StateDamaged, why });
    let told = world.effects.requests.iter().filter_map(|one| match one {
        Effect::Notify(one) => Some((one.transition, one.explain.text.clone())),
        _ => None,
    });
    let told: Vec<_> = told.filter(|(transition, _)| *transition == Transition::Trigger).collect();
    assert!(matches!(&told[..], [(_, text)] if text.contains("so is this")), "{told:?}");
    world.quiet(3_599);
    assert_eq!(own(&world).state, "open");
    world.quiet(2);
    assert_eq!(own(&world).state, "closed");
}
