//! Attempts of notifications that are still under way.

use super::*;

/// Guarantees: each attempt is a fact with its answer, and shows at the alert until the next; it settles nothing.
#[test]
fn attempts_are_facts_and_show_at_the_alert() {
    let mut world = World::with_clean_past(plan(28, "0.999", None));
    for _ in 0..120 {
        world.second(false);
    }
    world.effects.facts.clear();
    let told = |world: &World| world.engine.alerts()[0].receivers["oncall"].clone();
    let outcome = |attempts| Outcome::Trying { attempts, reason: "answered 503".to_owned() };
    for (attempts, shown) in
        [(1, "pending: 1 attempt: answered 503"), (2, "pending: 2 attempts, the last one: answered 503")]
    {
        world.step(Input::Settled { id: NotificationId(1), outcome: outcome(attempts) });
        assert_eq!(told(&world), shown);
        assert_eq!(world.effects.facts.pop().unwrap().what.name(), "notification.attempted");
        assert_eq!(world.engine.counts().notifications.pending, 1);
    }
    world.step(Input::Settled { id: NotificationId(1), outcome: Outcome::Delivered { attempts: 3 } });
    assert_eq!(told(&world), "delivered");
    world.step(Input::Settled { id: NotificationId(1), outcome: outcome(4) });
    assert_eq!((told(&world).as_str(), world.effects.facts.len()), ("delivered", 1), "it comes too late");
}
