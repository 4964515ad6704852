//! `slo suggest`: objectives that traffic in files would have met, and what they would have told people of it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Global, Output, SuggestArgs};
use super::count::counted;
use super::{Exit, times};
use crate::config::{World, load};
use crate::engine::What;
use crate::model::{SECOND_NS, Severity, rfc3339};
use crate::replay::{self, Replay, Survey};

/// From the strictest on, with the bad that each allows of ten thousand; an objective leaves at
/// least half of its budget.
const TARGETS: [(&str, u64); 8] = [
    ("0.9999", 1),
    ("0.9995", 5),
    ("0.999", 10),
    ("0.998", 20),
    ("0.995", 50),
    ("0.99", 100),
    ("0.95", 500),
    ("0.9", 1_000),
];
/// Milliseconds that people choose.
const LIMITS_MS: [u64; 18] =
    [5, 10, 20, 50, 100, 150, 200, 250, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000];
/// Fewer requests say little.
const REQUESTS_MIN: u64 = 1_000;

struct Proposal {
    name: String,
    document: String,
    why: String,
}

pub(super) fn suggest(global: &Global, args: &SuggestArgs) -> Exit {
    let unusable: Vec<_> = args.files.iter().filter_map(|file| replay::check(file).err()).collect();
    if !unusable.is_empty() {
        unusable.iter().for_each(|one| eprintln!("error: {one}"));
        return Exit::Usage;
    }
    if let Some(recording) = args.files.iter().find(|file| replay::is_recording(file)) {
        eprintln!(
            "error: {}: a recording holds requests folded, and a proposal needs each of them: name files of OTLP requests",
            recording.display()
        );
        return Exit::Usage;
    }
    let survey = match replay::survey(&args.files, &args.service) {
        Ok(survey) => survey,
        Err(broken) => {
            eprintln!("error: {broken}");
            return Exit::No;
        }
    };
    if survey.total == 0 {
        let seen = survey.services.join(", ");
        let seen =
            if seen.is_empty() { "the files hold no span".to_owned() } else { format!("seen: {seen}") };
        eprintln!("error: no server or consumer span of `{}` in these files\n  hint: {seen}", args.service);
        return Exit::No;
    }
    let proposals: Vec<Proposal> = [availability(&args.service, &survey), latency(&args.service, &survey)]
        .into_iter()
        .flatten()
        .collect();
    if proposals.is_empty() {
        eprintln!("no objective fits: more than a tenth of {} requests failed", survey.total);
        return Exit::No;
    }
    let seen_s = survey.last.zip(survey.first).map_or(0, |(last, first)| last.since_ns(first) / SECOND_NS);
    let mut answer = Vec::new();
    for proposal in &proposals {
        let told = match rehearse(args, &proposal.document) {
            Ok(told) => told,
            Err(mistake) => {
                eprintln!("error: {mistake}");
                return Exit::No;
            }
        };
        answer.push((proposal, told));
    }
    print(global, &survey, seen_s, &answer);
    Exit::Done
}

fn print(global: &Global, survey: &Survey, seen_s: u64, answer: &[(&Proposal, [u64; 3])]) {
    if global.output != Output::Human {
        let all = answer.iter().map(|(proposal, [pages, tickets, spent])| {
            serde_json::json!({"name": proposal.name, "why": proposal.why, "document": proposal.document,
                "would_have": {"paged": pages, "ticketed": tickets, "spent_budgets": spent}})
        });
        let all: Vec<_> = all.collect();
        let first = survey.first.map(|at| rfc3339(at.0));
        let json = serde_json::json!({"requests": survey.total, "failed": survey.failed, "from": first,
            "seconds": seen_s, "proposals": all});
        println!("{json}");
        return;
    }
    println!(
        "# From {} requests over {}, {} of them failed.",
        survey.total,
        times::span(seen_s),
        survey.failed
    );
    if survey.total < REQUESTS_MIN {
        println!("# So few requests say little: look again with more of them.");
    }
    for (proposal, [pages, tickets, spent]) in answer {
        println!("# {}: {}", proposal.name, proposal.why);
        println!(
            "# With it these files would have caused {}, {} and {}.",
            counted(pages, "page"),
            counted(tickets, "ticket"),
            counted(spent, "spent budget"),
        );
    }
    let documents: Vec<&str> = answer.iter().map(|(proposal, _)| proposal.document.as_str()).collect();
    print!("{}", documents.join("---\n"));
}

fn availability(service: &str, survey: &Survey) -> Option<Proposal> {
    let leaves_half =
        |allowed: u64| u128::from(survey.failed) * 20_000 <= u128::from(survey.total) * u128::from(allowed);
    let (text, _) = TARGETS.into_iter().find(|(_, allowed)| leaves_half(*allowed))?;
    let failed = survey.failed as f64 / survey.total as f64;
    let name = format!("{}-availability", label(service));
    let service = quoted(service);
    let total = format!("service.name == {service} && (kind == \"server\" || kind == \"consumer\")");
    let indicator = format!(
        "    spec:\n      ratioMetric:\n        counter: true\n        bad: {{metricSource: {{type: evenkeel, spec: {{spans: '{total} && status == \"error\"'}}}}}}\n        total: {{metricSource: {{type: evenkeel, spec: {{spans: '{total}'}}}}}}\n"
    );
    Some(Proposal {
        document: document(&name, &indicator, &format!("target: {text}")),
        why: format!("{:.4} % failed, {text} allows twice as much and more", failed * 100.0),
        name,
    })
}

fn latency(service: &str, survey: &Survey) -> Option<Proposal> {
    if survey.latency.is_empty() {
        return None;
    }
    // At the limit half of the allowed hundredth may be slower.
    let needed_us = survey.latency.value_at_quantile(0.995);
    let limit_ms = LIMITS_MS.into_iter().find(|limit| needed_us <= limit * 1_000)?;
    let name = format!("{}-latency", label(service));
    let service = quoted(service);
    let of = format!(
        "service.name == {service} && (kind == \"server\" || kind == \"consumer\") && status != \"error\""
    );
    let indicator = format!(
        "    spec:\n      thresholdMetric: {{metricSource: {{type: evenkeel, spec: {{spans: '{of}', value: duration}}}}}}\n"
    );
    let quantile = |share| survey.latency.value_at_quantile(share) as f64 / 1_000.0;
    Some(Proposal {
        document: document(
            &name,
            &indicator,
            &format!("target: 0.99, op: lte, value: {}", limit_ms as f64 / 1_000.0),
        ),
        why: format!(
            "half took up to {:.1} ms, 99 % up to {:.1} ms, 99.5 % up to {:.1} ms",
            quantile(0.5),
            quantile(0.99),
            quantile(0.995)
        ),
        name,
    })
}

fn document(name: &str, indicator: &str, objective: &str) -> String {
    let service = name.rsplit_once('-').map_or(name, |(service, _)| service);
    format!(
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}}}\nspec:\n  service: {service}\n  indicator:\n    metadata: {{name: {name}}}\n{indicator}  timeWindow: [{{duration: 28d, isRolling: true}}]\n  budgetingMethod: Occurrences\n  objectives: [{{{objective}}}]\n"
    )
}

/// A name that OpenSLO allows.
fn label(service: &str) -> String {
    let tame = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = service.chars().map(tame).take(48).collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "service".to_owned() } else { label.to_owned() }
}

/// A text of CEL within single quotes of YAML.
fn quoted(text: &str) -> String {
    format!("{text:?}").replace('\'', "''")
}

struct One<'t>(&'t str);

impl World for One<'_> {
    fn read(&self, _path: &Path) -> Result<String, String> {
        Ok(self.0.to_owned())
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

/// Pages, tickets and spent budgets that the document would have brought.
fn rehearse(args: &SuggestArgs, document: &str) -> Result<[u64; 3], String> {
    let loaded = load(&[PathBuf::from("proposal.yaml")], &One(document));
    let config = loaded.config.ok_or_else(|| {
        let why = loaded.findings.first().map_or("", |one| &one.message);
        format!("the service's name makes no sound document: {why}")
    })?;
    let (plan, files) = (Arc::new(config.plan), args.files.clone());
    let replay = Replay { plan, files, until: None, workers: 2, progress: Arc::default() };
    let mut told = [0; 3];
    let replayed = replay::replay(&replay, &mut |fact| {
        match &fact.what {
            What::EpisodeOpened(change) if change.episode.severity == Severity::Page => told[0] += 1,
            What::EpisodeOpened(_) => told[1] += 1,
            What::EpisodeEscalated(change) if change.episode.severity == Severity::Page => told[0] += 1,
            What::BudgetSpent(_) => told[2] += 1,
            _ => {}
        }
        ControlFlow::Continue(())
    });
    replayed.map_err(|broken| broken.to_string())?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;

    fn survey(total: u64, failed: u64, ms: u64) -> Survey {
        let mut latency = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        latency.record_n(ms * 1_000, total - failed).unwrap();
        Survey { total, failed, first: None, last: None, latency, services: Vec::new() }
    }

    #[test]
    fn the_strictest_target_that_leaves_half_of_its_budget_is_proposed() {
        let target = |failed| {
            let document = availability("shop", &survey(100_000, failed, 10))?.document;
            let (_, rest) = document.split_once("target: ")?;
            Some(rest.trim_end().trim_end_matches("}]").to_owned())
        };
        for (failed, expected) in [
            (0, Some("0.9999")),
            (5, Some("0.9999")),
            (6, Some("0.9995")),
            (50, Some("0.999")),
            (5_000, Some("0.9")),
            (5_001, None),
        ] {
            assert_eq!(target(failed).as_deref(), expected, "{failed}");
        }
    }

    #[test]
    fn a_limit_is_a_round_number_above_what_was_seen() {
        let value =
            |ms| latency("shop", &survey(1_000, 0, ms)).map(|one| one.document.contains("value: 0.3}"));
        assert_eq!(
            [value(251), value(299), value(301), value(20_000)],
            [Some(true), Some(true), Some(false), None]
        );
    }

    #[test]
    fn a_service_of_any_name_makes_a_sound_document() {
        for service in ["shop", "Shop/Front \"A\"", "it's", "…", "a\\b", &"x".repeat(200)] {
            let document = availability(service, &survey(10_000, 1, 10)).unwrap().document;
            let loaded = load(&[PathBuf::from("a.yaml")], &One(&document));
            assert_eq!(loaded.errors(), 0, "{service}: {:?}\n{document}", loaded.findings);
        }
    }
}
