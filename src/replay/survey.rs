//! A look at the requests that one service answered, as far as files tell.

use std::path::PathBuf;
use std::sync::Arc;

use hdrhistogram::Histogram;

use super::record::{Broken, Place, Record};
use super::source;
use crate::decode::{Limits, decode, signal_of};
use crate::model::{EventTime, Item, ItemKind, Signal, SpanKind, SpanStatus, Wanted};

/// Microseconds, up to an hour, three digits that count.
const LONGEST_US: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// Server and consumer spans of a service.
#[derive(Debug)]
pub struct Survey {
    pub total: u64,
    pub failed: u64,
    pub first: Option<EventTime>,
    pub last: Option<EventTime>,
    /// In microseconds, of those that did not fail.
    pub latency: Histogram<u64>,
    /// Names of services that were seen, the first few.
    pub services: Vec<String>,
}

const SERVICES_MAX: usize = 20;

pub fn survey(files: &[PathBuf], service: &str) -> Result<Survey, Broken> {
    let latency = Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("bounds of a sound histogram");
    let mut survey = Survey { total: 0, failed: 0, first: None, last: None, latency, services: Vec::new() };
    let progress = Arc::default();
    for file in files {
        let records =
            source::records(file, &progress).map_err(|error| Place::of_file(file).unread(&error))?;
        for record in records {
            survey.take(&record?, service)?;
        }
    }
    Ok(survey)
}

impl Survey {
    fn take(&mut self, record: &Record, service: &str) -> Result<(), Broken> {
        let signal = signal_of(record.encoding, &record.body).map_err(|error| record.malformed(error))?;
        if signal != Some(Signal::Traces) {
            return Ok(());
        }
        let each = &mut |item: &Item<'_>| self.look(item, service);
        decode(Signal::Traces, record.encoding, &record.body, &Wanted::default(), Limits::DEFAULT, each)
            .map_err(|error| record.malformed(error))?;
        Ok(())
    }

    fn look(&mut self, item: &Item<'_>, service: &str) {
        if self.services.len() < SERVICES_MAX && !self.services.iter().any(|one| one == item.service) {
            self.services.push(item.service.to_owned());
        }
        let answers = matches!(item.span_kind, SpanKind::Server | SpanKind::Consumer);
        if item.kind != ItemKind::Span || !answers || item.service != service {
            return;
        }
        self.total += 1;
        self.first = self.first.map_or(item.time, |first| Some(item.time.map_or(first, |at| at.min(first))));
        self.last = self.last.max(item.time);
        if item.status == SpanStatus::Error {
            self.failed += 1;
        } else if let Some(ns) = item.duration_ns {
            self.latency.saturating_record((ns / 1_000).max(1));
        }
    }
}
