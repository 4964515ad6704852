//! Records of a topic: each counts once.

use super::*;
use crate::classify::Decider;
use crate::engine::{Mark, Offsets, Placed, Placing};
use crate::model::Category;

fn records(from: i64, to: i64) -> Batch {
    let last = Some(Mark { offset: to - 1, digest: 1 });
    let offsets = Offsets { topic: "spans".to_owned(), partition: 0, from, to, records: 1, poison: 0, last };
    let decided = vec![(Decider::Nothing, Category::Informational, 1)];
    Batch { items: 1, decided, offsets: Some(offsets), ..Batch::empty(0, Signal::Traces) }
}

fn place(world: &mut World, next: i64) {
    let placing = Placing { topic: "spans".to_owned(), partition: 0, next, why: Placed::Start };
    world.step(Input::Placed { token: AckToken(0), placing });
    world.effects.requests.clear();
}

fn offered(world: &mut World, batch: Batch) -> Ack {
    world.step(Input::Observed { token: AckToken(0), batch: Box::new(batch) });
    match world.effects.requests.drain(..).next() {
        Some(Effect::Acknowledge { ack, .. }) => ack,
        other => panic!("no answer: {other:?}"),
    }
}

#[test]
fn records_that_come_again_count_once_and_a_gap_is_sent_back() {
    let mut world = World::new(plan(28, "0.999", None));
    assert_eq!(offered(&mut world, records(0, 3)), Ack::Elsewhere { next: None });
    place(&mut world, 0);
    let taken = Ack::Accepted { rejected: 0, reason: None };
    assert_eq!(offered(&mut world, records(0, 3)), taken);
    assert_eq!(offered(&mut world, records(0, 3)), Ack::Elsewhere { next: Some(3) });
    assert_eq!(offered(&mut world, records(4, 6)), Ack::Elsewhere { next: Some(3) });
    assert_eq!(offered(&mut world, records(3, 6)), taken);
    assert_eq!(world.engine.counts().items["spans"].accepted, 2);
    assert_eq!(world.engine.position("spans", 0).map(|one| (one.next, one.records)), Some((6, 2)));
}

#[test]
fn an_image_and_the_journal_after_it_know_what_was_read() {
    let mut world = World::new(plan(28, "0.999", None));
    world.effects.records = Records::on();
    place(&mut world, 7);
    offered(&mut world, records(7, 9));
    let image = world.engine.image(true).written();
    world.effects.records.take();
    offered(&mut world, records(9, 12));
    let journal = world.effects.records.take();
    let mut report = Vec::new();
    let mut again = Engine::restore(&image, &mut report).unwrap();
    assert_eq!(again.position("spans", 0).map(|one| one.next), Some(9));
    again.replay(&journal, Outcomes::Known, &mut Effects::default()).unwrap();
    assert_eq!(again.position("spans", 0), world.engine.position("spans", 0));
    assert_eq!(again.counts().items["spans"].accepted, 2);
}
