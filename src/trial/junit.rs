//! Outcomes as JUnit's XML, the form that build servers read.

use std::fmt::Write as _;

/// One test for a build server.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// `FILE:LINE:COLUMN`
    pub declared_at: String,
    /// What it took by our own clock, in milliseconds.
    pub took_ms: u64,
    /// What is wrong, if anything.
    pub failure: Option<String>,
    /// The test itself is wrong, and was not run.
    pub broken: bool,
}

pub fn junit(cases: &[Case]) -> String {
    let count = |broken| cases.iter().filter(|case| case.failure.is_some() && case.broken == broken).count();
    let took: u64 = cases.iter().map(|case| case.took_ms).sum();
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\"",
        cases.len(),
        count(false),
        count(true),
        seconds(took)
    );
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites {totals}>\n  <testsuite name=\"evenkeel\" {totals}>");
    for case in cases {
        let file = case.declared_at.rsplitn(3, ':').last().unwrap_or_default();
        let _ = write!(
            out,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
            escaped(file),
            escaped(&case.name),
            seconds(case.took_ms)
        );
        match &case.failure {
            None => out.push_str("/>\n"),
            Some(text) => {
                let element = if case.broken { "error" } else { "failure" };
                let first = text.lines().find(|line| !line.starts_with("    ")).unwrap_or_default();
                let _ = writeln!(
                    out,
                    ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
                    escaped(first.trim()),
                    escaped(text)
                );
            }
        }
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Text and attributes alike; what XML can not hold becomes a question mark.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(one),
            one if one.is_control() || matches!(one, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            one => out.push(one),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_gives_a_meaning_is_written_otherwise() {
        let case = |name: &str, failure: Option<&str>, broken| Case {
            name: name.to_owned(),
            declared_at: "a/b.yaml:3:1".to_owned(),
            took_ms: 1_012,
            failure: failure.map(str::to_owned),
            broken,
        };
        let text = junit(&[
            case("calm", None, false),
            case("a<b & \"c\"", Some("  - 2m  page x\u{1b}\n"), false),
            case("bad", Some("unknown SLO `y`"), true),
        ]);
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" errors="1" time="3.036">
  <testsuite name="evenkeel" tests="3" failures="1" errors="1" time="3.036">
    <testcase classname="a/b.yaml" name="calm" time="1.012"/>
    <testcase classname="a/b.yaml" name="a&lt;b &amp; &quot;c&quot;" time="1.012">
      <failure message="- 2m  page x?">  - 2m  page x?
</failure>
    </testcase>
    <testcase classname="a/b.yaml" name="bad" time="1.012">
      <error message="unknown SLO `y`">unknown SLO `y`</error>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(text, expected);
    }
}
