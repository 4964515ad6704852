//! `evenkeel slo suggest`: objectives out of traffic, sound, and honest about what they would have told.

use crate::program::{Scratch, program, ran};
use crate::requests::{Event, SECOND_NS, as_lines, gzip, spans};

const START: u64 = 1_699_920_000;

/// Two calls a second for six hours; of those of ten minutes in the middle a tenth fails.
fn traffic(service: &str) -> Vec<u8> {
    let call = |number: u64| {
        let second = number / 2;
        let trouble = (10_800..11_400).contains(&second);
        Event {
            at_ns: (START + second) * SECOND_NS,
            failed: trouble && number.is_multiple_of(10),
            number: number + 1,
        }
    };
    let calls: Vec<Event> = (0..43_200).map(call).collect();
    let requests: Vec<_> = calls.chunks(200).map(|calls| spans(service, calls)).collect();
    gzip(&as_lines(&requests))
}

#[test]
fn proposals_are_sound_and_say_what_they_would_have_told() {
    let scratch = Scratch::new();
    let file = scratch.file("traffic.otlp.jsonl.gz", &traffic("shop"));
    let suggested = ran(program().args(["slo", "suggest", "--service", "shop"]).arg(&file));
    assert_eq!(suggested.code, Some(0), "{}", suggested.err);
    assert!(
        suggested.out.contains("# From 43200 requests over 6.0 h, 120 of them failed."),
        "{}",
        suggested.out
    );
    // 0.28 % failed: 99 % is the strictest target that allows twice as much.
    assert!(suggested.out.contains("target: 0.99}"), "{}", suggested.out);
    assert!(suggested.out.contains("0 pages"), "{}", suggested.out);
    let proposed = scratch.write("proposed.yaml", &suggested.out);
    let checked = ran(program().args(["check", "--deny-warnings"]).arg(&proposed));
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    let replayed =
        ran(program().args(["replay", "-o", "jsonl", "--counts"]).arg(&file).arg("-c").arg(&proposed));
    assert_eq!(replayed.code, Some(0), "{}", replayed.err);
    assert!(replayed.out.contains(r#""good":43080,"bad":120"#), "{}", replayed.out);
}

#[test]
fn a_service_that_is_not_in_the_files_is_answered_with_those_that_are() {
    let scratch = Scratch::new();
    let file = scratch.file("traffic.otlp.jsonl.gz", &traffic("shop"));
    let suggested = ran(program().args(["slo", "suggest", "--service", "chop"]).arg(&file));
    assert_eq!(suggested.code, Some(1));
    assert!(
        suggested.err.contains("no server or consumer span of `chop`")
            && suggested.err.contains("seen: shop")
    );
    let missing = ran(program().args(["slo", "suggest", "--service", "shop", "nowhere.otlp.pb"]));
    assert_eq!(missing.code, Some(2), "{}", missing.err);
}
