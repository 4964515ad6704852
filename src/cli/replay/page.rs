//! Facts and counts on standard output.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::args::Output;
use crate::cli::show::shown;
use crate::engine::Fact;
use crate::engine::view::Counts;

/// What is printed, as it comes. A reader that goes away has read enough.
pub(super) struct Page {
    output: Output,
    out: BufWriter<io::Stdout>,
    gone: bool,
    facts: u64,
    counts: String,
}

/// As the contract has the last line.
#[derive(Serialize)]
struct Last<'a> {
    fact: &'static str,
    #[serde(flatten)]
    counts: &'a Counts,
}

impl Page {
    pub(super) fn begin(output: Output) -> Self {
        let mut page =
            Self { output, out: BufWriter::new(io::stdout()), gone: false, facts: 0, counts: String::new() };
        if output == Output::Json {
            page.write("{\"facts\":[");
        }
        page
    }

    pub(super) fn fact(&mut self, fact: &Fact) -> ControlFlow<()> {
        let json = serde_json::to_string(fact).unwrap_or_default();
        match self.output {
            Output::Jsonl => self.write(&(json + "\n")),
            Output::Json => self.write(&format!("{}\n{json}", if self.facts > 0 { "," } else { "" })),
            Output::Human => self.write(&fact_line(&serde_json::from_str(&json).unwrap_or_default())),
        }
        self.facts += 1;
        if self.gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    pub(super) fn counts(&mut self, counts: &Counts) {
        let json = |counts| serde_json::to_string(counts).unwrap_or_default();
        match self.output {
            Output::Jsonl => {
                let last = serde_json::to_string(&Last { fact: "counts", counts }).unwrap_or_default();
                self.write(&(last + "\n"));
            }
            Output::Json => self.counts = format!(",\"counts\":{}", json(counts)),
            Output::Human => self.write(&counts_lines(counts)),
        }
    }

    pub(super) fn end(mut self) {
        if self.output == Output::Json {
            let end = format!("\n]{}}}\n", self.counts);
            self.write(&end);
        }
        let _reader_gone = self.out.flush();
    }

    fn write(&mut self, text: &str) {
        self.gone = self.gone || self.out.write_all(text.as_bytes()).is_err();
    }
}

/// `2026-01-31T09:00:52Z  alert.fired  slo shop  condition=1h/5m …`
fn fact_line(fact: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut all = fact.iter();
    let mut next = || all.next().map(|(name, value)| (name.as_str(), text(value))).unwrap_or_default();
    let ((_, at), (_, name), (kind, subject)) = (next(), next(), next());
    let mut line = format!("{at:<24}  {name:<20}  {kind} {subject}");
    for (name, value) in all {
        match (name.as_str(), value) {
            ("group", Value::Object(group)) => {
                let parts: Vec<String> =
                    group.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
                let group =
                    if parts.is_empty() { String::new() } else { format!(" {{{}}}", parts.join(", ")) };
                line.push_str(&group);
            }
            (name, value) => line.push_str(&format!("  {name} {}", text(value))),
        }
    }
    shown(&line) + "\n"
}

fn counts_lines(counts: &Counts) -> String {
    let mut lines = String::new();
    for (name, items) in counts.items.iter().filter(|(_, items)| items.offered > 0) {
        lines.push_str(&format!("{name:<10} {} accepted of {} offered\n", items.accepted, items.offered));
    }
    let events = &counts.events;
    lines.push_str(&format!(
        "events     {} informational, {} warnings, {} exceptions, {} filtered\n",
        events.informational, events.warning, events.exception, events.filtered
    ));
    for slo in &counts.slos {
        let group: Vec<String> = slo.group.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let name = [&[slo.name.clone()][..], slo.objective.as_slice(), &group].concat().join(" ");
        let line = format!("slo        {name}: {} good, {} bad of {}", slo.good, slo.bad, slo.total);
        lines.push_str(&(shown(&line) + "\n"));
    }
    lines
}
