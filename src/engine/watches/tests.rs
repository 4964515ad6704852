//! Timelines: what comes at which second, and what the alert does.

use super::*;
use crate::classify::Key as KeyPart;
use crate::model::Priority;

const MINUTE: u64 = 60 * SECOND_NS;

struct World {
    watch: Watch,
    watches: Watches,
    now_s: u64,
    blind_until: Now,
    said: Vec<String>,
}

impl World {
    fn new(form: Form, keyed: bool) -> Self {
        let watch = Watch {
            rule: 0,
            name: "disk-full".to_owned(),
            category: Category::Exception,
            priority: Priority::P3,
            key: if keyed { vec![KeyPart::new("host.name", &mut Default::default())] } else { Vec::new() },
            form,
            once_within_ns: 0,
            identity: 0,
            declared_at: "a.yaml:1:1".to_owned(),
        };
        let watches = Watches::new(std::slice::from_ref(&watch), Now(1_000 * SECOND_NS));
        Self { watch, watches, now_s: 1_000, blind_until: Now::default(), said: Vec::new() }
    }

    /// `at` seconds after the start: as many events of a host, or ones that end it.
    fn event(&mut self, at: u64, host: &str, count: u64, ended: bool) -> &mut Self {
        let second = 1_000 + at;
        self.tick(self.now_s.max(second));
        let hit = WatchHit {
            watch: 0,
            key: self.watch.key.iter().map(|_| host.to_owned()).collect(),
            second,
            ended,
            count,
            newest: EventTime(second * SECOND_NS),
            service: "shop".to_owned(),
            example: "No space left".to_owned(),
        };
        let changed = self.watches.observe(&self.watch, &hit, Now(self.now_s * SECOND_NS));
        self.say(&changed);
        self
    }

    fn fails(&mut self, at: u64, host: &str) -> &mut Self {
        self.event(at, host, 1, false)
    }

    fn ends(&mut self, at: u64, host: &str) -> &mut Self {
        self.event(at, host, 1, true)
    }

    fn until(&mut self, at: u64) -> &mut Self {
        self.tick(1_000 + at);
        self
    }

    fn tick(&mut self, now_s: u64) {
        self.now_s = now_s;
        for changed in self.watches.follow(0, &self.watch, Now(now_s * SECOND_NS), self.blind_until) {
            self.say(&changed);
        }
    }

    fn say(&mut self, changed: &Changed) {
        for change in &changed.changes {
            let what = match change {
                Change::Step { step: Step::Open(one), .. } => format!("open {}.{}", one.number, one.sequence),
                Change::Step { step: Step::Close(one), .. } => {
                    format!("close {}.{}", one.number, one.sequence)
                }
                Change::Step { step: Step::Escalate(_), .. } => "escalate".to_owned(),
                Change::FlappingStarted { .. } => "flaps".to_owned(),
                Change::FlappingEnded => "calm".to_owned(),
            };
            let at = changed.at.seconds() - 1_000;
            self.said.push(format!(
                "{at} {}{what}",
                changed.key.iter().map(|one| format!("{one} ")).collect::<String>()
            ));
        }
    }

    fn told(&mut self) -> String {
        std::mem::take(&mut self.said).join(", ")
    }
}

fn seen(count: u64, within_s: u64) -> Form {
    Form::Seen { count, within_ns: within_s * SECOND_NS, quiet_ns: 10 * MINUTE, until: None, flapping: None }
}

fn flapping() -> Form {
    Form::Seen {
        count: 1,
        within_ns: 0,
        quiet_ns: 10 * MINUTE,
        until: None,
        flapping: Some(Flapping { changes: 4, within_ns: 2 * MINUTE }),
    }
}

#[test]
fn each_key_opens_once_and_closes_after_its_own_silence() {
    let mut world = World::new(seen(1, 0), true);
    world.fails(0, "a").fails(1, "b").fails(2, "a").fails(300, "a").until(2_000);
    assert_eq!(world.told(), "0 a open 1.1, 1 b open 1.1, 601 b close 1.2, 900 a close 1.2");
}

#[test]
fn three_in_a_minute_opens_at_the_third_and_not_for_three_in_two_minutes() {
    let mut world = World::new(seen(3, 60), false);
    world.fails(0, "").fails(30, "").fails(60, "").fails(120, "");
    assert_eq!(world.told(), "");
    world.fails(121, "").fails(170, "");
    assert_eq!(world.told(), "170 open 1.1");
}

#[test]
fn events_of_one_request_and_events_out_of_order_count_by_their_own_time() {
    let mut world = World::new(seen(3, 60), false);
    world.event(50, "", 2, false).fails(10, "");
    assert_eq!(world.told(), "10 open 1.1");
    let mut world = World::new(seen(3, 60), false);
    world.event(100, "", 2, false).fails(10, "");
    assert_eq!(world.told(), "");
}

#[test]
fn what_is_over_by_its_own_quiet_time_opens_nothing() {
    let mut world = World::new(seen(1, 0), false);
    world.until(5_000).fails(4_000, "").until(10_000);
    assert_eq!(world.told(), "");
}

#[test]
fn opening_again_soon_keeps_the_number_and_later_takes_the_next_even_if_the_key_was_forgotten() {
    let mut world = World::new(seen(1, 0), true);
    world.fails(0, "a").until(700).fails(700, "a").until(5_000);
    assert_eq!(world.told(), "0 a open 1.1, 600 a close 1.2, 700 a open 1.3, 1300 a close 1.4");
    assert_eq!(world.watches.keys(), 0);
    world.fails(5_000, "a");
    assert_eq!(world.told(), "5000 a open 2.1");
}

#[test]
fn once_within_an_hour_opens_once_an_hour() {
    let mut world = World::new(seen(1, 0), false);
    world.watch.once_within_ns = 3_600 * SECOND_NS;
    world.fails(0, "").fails(700, "").fails(3_599, "").fails(3_600, "");
    assert_eq!(world.told(), "0 open 1.1, 600 close 1.2, 3600 open 2.1");
}

#[test]
fn an_event_that_ends_it_closes_at_once_and_an_older_one_does_not() {
    let mut world = World::new(flapping(), false);
    world.fails(10, "").ends(5, "").ends(20, "");
    assert_eq!(world.told(), "10 open 1.1, 20 close 1.2");
}

#[test]
fn what_flaps_stays_open_and_is_told_once_until_it_is_calm() {
    let mut world = World::new(flapping(), false);
    world
        .fails(0, "")
        .ends(10, "")
        .fails(20, "")
        .ends(30, "")
        .fails(40, "")
        .ends(50, "")
        .fails(60, "")
        .ends(70, "");
    assert_eq!(world.told(), "0 open 1.1, 10 close 1.2, 20 open 1.3, 30 flaps");
    world.until(189);
    assert_eq!(world.told(), "");
    world.until(190);
    assert_eq!(world.told(), "190 calm, 190 close 1.4");
}

#[test]
fn absence_without_a_key_is_watched_from_the_start_and_with_one_from_its_first_event() {
    let mut world = World::new(Form::Absent { after_ns: 5 * MINUTE }, false);
    world.until(299);
    assert_eq!(world.told(), "");
    world.until(400).fails(450, "").fails(500, "").until(799);
    assert_eq!(world.told(), "300 open 1.1, 450 close 1.2");
    world.until(800);
    assert_eq!(world.told(), "800 open 2.1");
    let mut world = World::new(Form::Absent { after_ns: 5 * MINUTE }, true);
    world.until(1_000).fails(1_000, "a").until(2_000);
    assert_eq!(world.told(), "1300 a open 1.1");
}

#[test]
fn a_flood_of_keys_is_bounded_and_shares_one_alert() {
    let mut world = World::new(seen(1, 0), true);
    for host in 0..10_000 {
        world.fails(0, &host.to_string());
    }
    assert_eq!(world.watches.keys(), KEYS_MAX + 1);
    assert_eq!(world.said.len(), KEYS_MAX + 1);
    assert!(world.said.last().is_some_and(|last| last == "0 overflow open 1.1"));
}

/// Scenario: a host that speaks each five minutes; nobody listened for an hour.
/// Guarantees: its absence counts from when we listen again, and an event before that ends the wait.
#[test]
fn silence_while_nobody_listened_is_no_absence() {
    let mut world = World::new(Form::Absent { after_ns: 5 * MINUTE }, true);
    world.fails(0, "a").fails(0, "b");
    world.blind_until = Now((1_000 + 3_600) * SECOND_NS);
    world.until(3_600 + 200).fails(3_600 + 200, "a").until(3_600 + 299);
    assert_eq!(world.said, Vec::<String>::new());
    world.until(3_600 + 301);
    assert_eq!(world.said.len(), 1, "b is absent: {:?}", world.said);
    world.until(3_600 + 501);
    assert_eq!(world.said.len(), 2, "a is absent: {:?}", world.said);
}
