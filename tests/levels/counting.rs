//! What is counted: the same whatever the requests' sizes, and only once.

use super::world::{Call, World, rolling, slo};

fn calls(count: u64) -> Vec<Call> {
    let mixed = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) % 1_000;
    let bad = |index: u64| if (3_000..3_400).contains(&index) { 700 } else { 3 };
    let call = |index: u64| {
        Call::at(index / 4, mixed(index) >= bad(index)).to(["/a", "/b", "/c"][index as usize % 3])
    };
    (0..count).map(call).collect()
}

/// Guarantees: requests that end where a second ends decide the same, whatever their size; any other cut counts the same.
#[test]
fn how_traffic_is_cut_into_requests_changes_no_count_and_at_second_edges_no_fact() {
    let documents = slo(&[("group-by", "http.route")], &rolling("28d"), "Occurrences", "target: 0.999");
    let all = calls(8_000);
    let run = |sizes: &dyn Fn(u64) -> usize| {
        let mut world = World::new(&documents);
        let (mut rest, mut number) = (&all[..], 0);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(sizes(number).min(rest.len()));
            world.now = now.last().map_or(0, |call| call.at);
            world.send(now);
            (rest, number) = (later, number + 1);
        }
        (world.facts(), serde_json::to_string(&world.engine.counts().slos).unwrap(), world.counted())
    };
    let one_second = run(&|_| 4);
    assert!(one_second.0.len() > 6, "{:?}", one_second.0);
    for seconds in [2, 5, 10] {
        assert_eq!(run(&|_| seconds * 4), one_second, "{seconds} seconds a request");
    }
    let ragged = run(&|number| 1 + (number as usize * 7) % 13);
    assert_eq!(ragged.1, one_second.1);
}

#[test]
fn a_request_that_comes_twice_counts_once_and_a_future_one_not_at_all() {
    let mut world = World::new(&slo(&[], &rolling("1h"), "Occurrences", "target: 0.99"));
    world.send(&[Call::at(0, true)]);
    world.send(&[Call::at(0, true)]);
    world.send(&[Call::at(601, false)]);
    assert_eq!(world.counted(), (1, 0));
    let counts = world.engine.counts();
    assert_eq!((counts.items["spans"].duplicate, counts.events.future), (1, 1));
}
