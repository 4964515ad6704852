//! One configuration after the other, on the ledger of `engine::tests`.

use super::super::tests::{World, plan};
use super::super::*;

/// Burning since `seconds`, paged.
fn burning(seconds: u64) -> World {
    let mut world = World::with_clean_past(plan(28, "0.999", None));
    for _ in 0..seconds {
        world.second(false);
    }
    assert!(world.facts().contains("episode.opened 1.1"));
    world
}

fn told(world: &World) -> Vec<(&'static str, u32)> {
    let told = world.effects.requests.iter().filter_map(|request| match request {
        Effect::Notify(one) => Some((one.transition.as_str(), one.sequence)),
        Effect::Acknowledge { .. } | Effect::Run(_) | Effect::Answer { .. } => None,
    });
    told.collect()
}

fn with_identity(mut plan: Plan, version: u64, identity: u64, indicator: u64) -> Arc<Plan> {
    plan.version = version;
    plan.slos[0].identity = identity;
    plan.slos[0].indicator_identity = indicator;
    Arc::new(plan)
}

#[test]
fn what_did_not_change_goes_on_and_nobody_is_told_again() {
    let mut world = burning(120);
    let before = (world.engine.slo("shop").map(|one| format!("{one:?}")), told(&world));
    world.step(Input::Configured(with_identity(plan(28, "0.999", None), 1, 0, 0)));
    assert_eq!(world.facts(), "120 config.applied");
    assert_eq!((world.engine.slo("shop").map(|one| format!("{one:?}")), told(&world)), before);
}

#[test]
fn another_target_keeps_the_events_and_the_open_episode() {
    let mut world = burning(120);
    let counted = world.engine.counts().slos[0].total;
    let held = |world: &World| {
        let view = world.engine.slo("shop").unwrap();
        let group = &view.objectives[0].groups[0];
        (group.good, group.bad)
    };
    let before = held(&world);
    world.step(Input::Configured(with_identity(plan(28, "0.9999", None), 1, 7, 0)));
    let facts = world.facts();
    assert!(facts.contains("alert.fired 1h/5m") && !facts.contains("episode.closed"), "{facts}");
    assert_eq!(world.engine.counts().slos[0].total, counted);
    assert_eq!((held(&world), before.1), (before, 120));
    assert_eq!(told(&world).iter().filter(|(what, _)| *what == "trigger").count(), 1);
}

#[test]
fn a_level_that_is_gone_resolves_and_its_next_episode_has_another_number() {
    let mut world = burning(120);
    let (empty, back) =
        (Plan { version: 1, ..Plan::empty() }, with_identity(plan(28, "0.999", None), 0, 0, 0));
    world.step(Input::Configured(Arc::new(empty)));
    assert_eq!(world.facts(), "120 episode.closed 1.2 P2, 120 config.applied");
    assert_eq!(told(&world).last(), Some(&("resolve", 2)));
    world.step(Input::Configured(back));
    world.quiet(400);
    let counts = (1..=28 * 86_400).map(|ago| (world.clock_s - ago, 1, 0)).rev().collect();
    world.step(Input::Injected(History { slo: "shop".to_owned(), counts }));
    for _ in 0..120 {
        world.second(false);
    }
    let facts = world.facts();
    assert!(facts.contains("episode.opened 2.1"), "{facts}");
}

#[test]
fn another_indicator_begins_anew() {
    let mut world = burning(120);
    world.step(Input::Configured(with_identity(plan(28, "0.999", None), 1, 7, 7)));
    assert_eq!(world.facts(), "120 episode.closed 1.2 P2, 120 config.applied");
    assert_eq!(world.engine.counts().slos[0].total, 0);
}

#[test]
fn a_batch_that_was_folded_under_the_old_plan_counts_nothing_and_is_asked_for_again() {
    let mut world = World::new(plan(28, "0.999", None));
    world.step(Input::Configured(with_identity(plan(28, "0.999", None), 1, 0, 0)));
    world.event(true, 0);
    let stale = Effect::Acknowledge { token: AckToken(0), ack: Ack::StalePlan };
    assert!(world.effects.requests.contains(&stale));
    assert_eq!(world.engine.counts().slos[0].total, 0);
}

/// Scenario: the page could not be delivered; another configuration comes, then once more the same; then one with
/// another receiver, after somebody has heard.
/// Guarantees: whoever is to hear of what is open and nobody has heard of is told, by the same key, as often as it takes;
/// once somebody has heard, nobody is told again.
#[test]
fn what_is_open_and_nobody_has_heard_of_is_told_anew() {
    let mut world = burning(120);
    let notifications = |world: &World| -> Vec<(u64, String, String, u32)> {
        let told = world.effects.requests.iter().filter_map(|request| match request {
            Effect::Notify(one) => {
                Some((one.id.0, one.receiver.clone(), one.dedup_key.clone(), one.sequence))
            }
            Effect::Acknowledge { .. } | Effect::Run(_) | Effect::Answer { .. } => None,
        });
        told.collect()
    };
    let settle = |world: &mut World, id: u64, outcome: Outcome| {
        world.step(Input::Settled { id: NotificationId(id), outcome });
    };
    let failed = || Outcome::Failed { attempts: 1, reason: "401".to_owned() };
    let (_, _, key, _) = notifications(&world)[0].clone();
    let renamed = |version: u64| {
        let mut plan = plan(28, "0.999", None);
        (plan.version, plan.route.as_mut().unwrap().receiver) = (version, "sre".to_owned());
        Arc::new(plan)
    };
    let receivers = |world: &mut World, known: &[&str], changed: &[&str]| {
        let [known, changed] =
            [known, changed].map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        world.step(Input::Receivers { known, changed });
    };
    receivers(&mut world, &["oncall"], &["oncall"]);
    assert_eq!(notifications(&world).len(), 1, "it is still being told");
    settle(&mut world, 1, failed());
    receivers(&mut world, &["oncall"], &[]);
    assert_eq!(notifications(&world).len(), 1, "it has refused, and is the same");
    receivers(&mut world, &["oncall"], &["oncall"]);
    assert_eq!(notifications(&world).last(), Some(&(2, "oncall".to_owned(), key.clone(), 1)));
    world.step(Input::Configured(renamed(2)));
    receivers(&mut world, &["sre"], &["sre"]);
    assert_eq!(
        notifications(&world).last(),
        Some(&(3, "sre".to_owned(), key, 1)),
        "nobody is there to be told"
    );
    settle(&mut world, 2, failed());
    settle(&mut world, 3, Outcome::Delivered { attempts: 1 });
    receivers(&mut world, &["sre"], &["sre"]);
    assert_eq!(notifications(&world).len(), 3, "somebody has heard");
    let told = world.engine.counts().notifications;
    assert_eq!((told.triggered, told.failed, told.delivered, told.pending), (3, 2, 1, 0));
}
