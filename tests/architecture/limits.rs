//! The tables of docs/limits.md tell the numbers that the code has.

use super::{nothing_in, read};

#[test]
fn the_documentation_tells_the_limits_of_the_code() {
    let row = regex::Regex::new(r"(?m)^\| ([^|]+) \| ([^|]+) \| `(src/[^`]+)` `([A-Za-z_]+)` \|").unwrap();
    let document = read("docs/limits.md");
    let mut violations = Vec::new();
    let mut rows = 0;
    for found in row.captures_iter(&document) {
        rows += 1;
        let (what, told, file, name) = (&found[1], told(&found[2]), &found[3], &found[4]);
        match in_code(&read(file), name) {
            None => violations.push(format!("docs/limits.md: {what}: {file} has no {name}")),
            number if number == told => {}
            number => violations.push(format!("docs/limits.md: {what}: {told:?}, {name} is {number:?}")),
        }
    }
    assert!(rows > 30, "{rows} rows were read");
    nothing_in(violations);
}

/// `20 MiB`, `200,000`, `30 s`: what stands before the first comma that is followed by a space.
fn told(text: &str) -> Option<u64> {
    let text = text.split(", ").next()?.trim();
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = number.replace(',', "").parse().ok()?;
    let unit = match unit {
        "" | "s" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    Some(number * unit)
}

/// The value of a constant, or of a field where it is set first: a number, a product, or seconds.
fn in_code(text: &str, name: &str) -> Option<u64> {
    let set = regex::Regex::new(&format!(
        r"\b{name}(?:: [A-Za-z0-9]+ =|:) ([0-9][0-9_ *]*|Duration::from_secs\(\d+\))[;,]"
    ))
    .unwrap();
    let value = set.captures(text)?[1].to_owned();
    let value = value.trim_start_matches("Duration::from_secs(").trim_end_matches(')').replace('_', "");
    value.split('*').map(|factor| factor.trim().parse::<u64>().ok()).product()
}
