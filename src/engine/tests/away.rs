//! What silence means after we were away.

use super::*;

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
