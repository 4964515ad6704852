//! What can not be replayed, and what is said then.

use serde_json::Value;

use super::{SHOP, calls, cut, replay};
use crate::program::{Scratch, program, ran};
use crate::requests::{as_frames, as_lines, gzip};

#[test]
fn a_broken_record_is_told_with_its_place_after_what_came_before_it() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let requests = cut(&calls(3), 600);
    let first = scratch.file("first.otlp.pb", &as_frames(&requests));
    let whole = replay(&[&first], &config, &["-o", "jsonl"]);
    let (lines, frames) = (as_lines(&requests[..2]), as_frames(&requests[..2]));
    let offset = as_frames(&requests[..1]).len();
    let span = |id: &str| {
        format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"traceId\":{id}}}]}}]}}]}}\n")
    };
    for (name, bytes, told) in [
        ("a.otlp.jsonl", [&lines[..], b"{\"resourceSpans\"\n{}\n"].concat(), "a.otlp.jsonl:3: "),
        (
            "b.otlp.jsonl",
            [span("\"ab\"").as_bytes(), b"\n", span("7").as_bytes()].concat(),
            "b.otlp.jsonl:3: resourceSpans[0]",
        ),
        ("c.otlp.jsonl.gz", gzip(&lines)[..200].to_vec(), "c.otlp.jsonl.gz:1: it can not be read on: "),
        (
            "d.otlp.pb",
            frames[..frames.len() - 1].to_vec(),
            &format!("d.otlp.pb: record 2 at byte {offset}: the file ends "),
        ),
        (
            "e.otlp.pb.gz",
            gzip(&[&frames[..offset], b"\x02\x0a\x7f"].concat()),
            &format!("e.otlp.pb.gz: record 2 at byte {offset}: protobuf, byte "),
        ),
        (
            "f.otlp.pb",
            b"\xff\xff\xff\xff\x7f".to_vec(),
            "f.otlp.pb: record 1 at byte 0: a request of more than ",
        ),
    ] {
        let file = scratch.file(name, &bytes);
        for workers in ["1", "8"] {
            let broken =
                replay(&[&first, &file, &first], &config, &["-o", "jsonl", "--counts", "--workers", workers]);
            let place = format!("error: {}", scratch.path("").join(told).display());
            assert_eq!(broken.code, Some(1), "{name}: {}", broken.err);
            assert!(broken.err.starts_with(&place), "{told}: {}", broken.err);
            assert!(broken.out.starts_with(&whole.out), "{name}: what came before is printed");
            assert!(!broken.out.contains("\"fact\":\"counts\""), "{name}: counts of a part are no counts");
        }
    }
    let object = replay(&[scratch.path("f.otlp.pb")], &config, &["-o", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&object.out).unwrap(), serde_json::json!({"facts": []}));
}

#[test]
fn what_can_not_be_replayed_is_refused_before_anything_is() {
    let scratch = Scratch::new();
    let config = scratch.write("shop.yaml", SHOP);
    let bad = scratch.write("bad.yaml", &SHOP.replace("service: shop", "servise: shop"));
    let good = scratch.file("calls.otlp.pb", &as_frames(&cut(&calls(3), 600)));
    let recording = scratch.file("a.ekrec", b"");
    for (files, told) in [
        (vec![good.clone(), scratch.path("none.otlp.pb")], "none.otlp.pb: No such file"),
        (vec![good.clone(), scratch.folder().to_owned()], "it is a folder"),
        (vec![good.clone(), recording], "recordings have a clock of their own"),
    ] {
        let refused = replay(&files, &config, &["-o", "jsonl"]);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{told}");
        assert!(refused.err.starts_with("error: ") && refused.err.contains(told), "{told}: {}", refused.err);
    }
    let refused = replay(&[&good], &bad, &["-o", "jsonl"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(78), ""));
    assert!(refused.err.starts_with("error[") && refused.err.contains("bad.yaml:17:3"), "{}", refused.err);
    for more in [
        &["--until", "yesterday"][..],
        &["--until", "1969-12-31T00:00:00Z"],
        &["--workers", "0"],
        &["--workers", "65"],
    ] {
        let refused = replay(&[&good], &config, more);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{more:?}: {}", refused.err);
    }
    assert_eq!(ran(program().arg("replay")).code, Some(2), "no file");
}

/// Scenario: a file that would be hundreds of times larger unpacked than the memory that is allowed, as one line.
/// Guarantees: it is refused at the bound, not held.
#[test]
fn a_line_without_end_is_refused_at_the_bound() {
    let scratch = Scratch::new();
    let bomb: Vec<u8> = gzip(&vec![b' '; 64 << 20]).repeat(40);
    let file = scratch.file("bomb.otlp.jsonl.gz", &bomb);
    let refused = ran(program().arg("replay").arg(&file));
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(
        refused.err.contains("bomb.otlp.jsonl.gz:1: a request of more than 20971520 bytes"),
        "{}",
        refused.err
    );
}
