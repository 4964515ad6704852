//! `--against`: how the pages of two configurations differ over the same files.

use serde_json::Value;

use super::{SHOP, calls, cut, lines, replay};
use crate::program::Scratch;
use crate::requests::as_frames;

/// Guarantees: a configuration differs from itself in nothing; what a looser target takes away a stricter one adds, at the
/// same times; facts that were printed stand for the configuration that they are of.
#[test]
fn pages_of_two_configurations_are_held_against_each_other() {
    let scratch = Scratch::new();
    let strict = scratch.write("strict.yaml", SHOP);
    let loose = scratch
        .write("loose.yaml", &SHOP.replace("objectives: [{target: 0.999}]", "objectives: [{target: 0.5}]"));
    let files = [scratch.file("calls.otlp.pb", &as_frames(&cut(&calls(3), 10)))];
    let against = |old: &std::path::Path, new: &std::path::Path, more: &[&str]| {
        let more = [&["--against", old.to_str().unwrap()], more].concat();
        replay(&files, new, &more)
    };
    let same = against(&strict, &strict, &[]);
    assert_eq!(same.code, Some(0), "{}", same.err);
    assert!(same.out.starts_with("0 added, 0 removed, 0 earlier, 0 later, 0 changed; "), "{}", same.out);
    assert!(!same.out.contains("; 0 the same"), "there were pages: {}", same.out);

    let of = |told: &str, what: &str| -> Vec<Value> {
        let all = lines(told).into_iter().filter(|one| one["difference"] == what && one["slo"] == "shop");
        all.map(|one| one["at"].clone()).collect()
    };
    let fewer = against(&strict, &loose, &["-o", "jsonl"]);
    let more = against(&loose, &strict, &["-o", "jsonl"]);
    assert_eq!((fewer.code, more.code), (Some(1), Some(1)), "{}", fewer.err);
    let removed = of(&fewer.out, "removed");
    assert!(!removed.is_empty(), "{}", fewer.out);
    assert_eq!(removed, of(&more.out, "added"));
    assert_eq!(against(&strict, &loose, &["-o", "jsonl", "--workers", "1"]).out, fewer.out, "the same bytes");

    let facts = scratch.file("strict.jsonl", replay(&files, &strict, &["-o", "jsonl"]).out.as_bytes());
    assert_eq!(against(&facts, &loose, &["-o", "jsonl"]).out, fewer.out);
    let other = scratch.file("other.jsonl", b"{\"at\"\n");
    let told = against(&other, &loose, &[]);
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("other.jsonl: line 1 is no fact"), "{}", told.err);
    let mistaken = scratch.write("mistaken.yaml", &SHOP.replace("service: shop", "servise: shop"));
    assert_eq!(against(&mistaken, &loose, &[]).code, Some(78));
}
