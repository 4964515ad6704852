//! One export request, read in place. The three signals have one shape: resources hold scopes, scopes
//! hold items. Nothing is allocated per item, and fields that nobody reads are skipped unread.
//!
//! Protobuf lets fields come in any order, a resource after its spans too, so each block is walked
//! twice: for what its items inherit, then for the items.

mod attributes;
mod fault;
mod items;
mod metrics;
mod packed;
mod series;
mod signal;
mod wire;

use self::attributes::{fill, read_key, read_value};
use self::fault::{Fault, Level};
use self::items::Draft;
use self::series::{Identity, Series};
pub use self::signal::signal;
use self::wire::Reader;
use super::{Decoded, Limits, Malformed};
use crate::model::{EventTime, Item, Point, Signal, Slots, Value, Wanted};

const UNKNOWN_SERVICE: &str = "unknown_service";

/// Bytes of a service's name; what is beyond is cut, since every total is kept by this name.
const SERVICE_BYTES_MAX: usize = 256;

pub fn walk(
    signal: Signal,
    body: &[u8],
    wanted: &Wanted,
    limits: Limits,
    series_key: Option<u64>,
    each: &mut dyn FnMut(&Item<'_>),
) -> Result<Decoded, Malformed> {
    let mut walk = Walk::new(signal, wanted, limits, each);
    walk.series = series_key.map(Series::new);
    let mut request = Reader::new(body);
    while let Some(field) = request.field()? {
        if field.number == 1 {
            walk.resource_block(field.message("resource_spans, resource_logs or resource_metrics")?)?;
        }
    }
    Ok(Decoded { identifiable: walk.decoded.items > 0 && !walk.anonymous, ..walk.decoded })
}

struct Walk<'a, 'c> {
    signal: Signal,
    wanted: &'c Wanted,
    limits: Limits,
    blocks: u64,
    each: &'c mut dyn FnMut(&Item<'_>),
    decoded: Decoded,
    /// Some item has neither a time nor an id.
    anonymous: bool,
    nothing: Slots<'a>,
    resource: Inherited<'a>,
    scope: Inherited<'a>,
    slots: Slots<'a>,
    /// `None` where nobody asks which series a point belongs to.
    series: Option<Series>,
    resource_series: Option<Series>,
    scope_series: Option<Series>,
}

/// What a block's items have from it.
struct Inherited<'a> {
    slots: Slots<'a>,
    service: &'a str,
    /// Rejects every item of the block.
    fault: Option<Fault<'a>>,
}

impl<'a, 'c> Walk<'a, 'c> {
    fn new(signal: Signal, wanted: &'c Wanted, limits: Limits, each: &'c mut dyn FnMut(&Item<'_>)) -> Self {
        let slots = || Slots::with_len(wanted.len());
        let inherited = || Inherited { slots: slots(), service: UNKNOWN_SERVICE, fault: None };
        Self {
            signal,
            wanted,
            limits,
            blocks: 0,
            each,
            decoded: Decoded::default(),
            anonymous: false,
            nothing: slots(),
            resource: inherited(),
            scope: inherited(),
            slots: slots(),
            series: None,
            resource_series: None,
            scope_series: None,
        }
    }

    fn resource_block(&mut self, block: Reader<'a>) -> Result<(), Malformed> {
        self.block()?;
        self.resource.slots.copy_from(&self.nothing);
        (self.resource.service, self.resource.fault) = (UNKNOWN_SERVICE, None);
        let mut identity = Identity::default();
        let mut fields = block;
        while let Some(field) = fields.field()? {
            if field.number == 1 {
                self.read_resource(field.message("resource")?, &mut identity)?;
            }
        }
        self.resource_series = self.series.map(|series| series.within(identity, &[], &[]));
        let mut fields = block;
        while let Some(field) = fields.field()? {
            if field.number == 2 {
                self.scope_block(field.message("scope_spans, scope_logs or scope_metrics")?)?;
            }
        }
        Ok(())
    }

    fn read_resource(&mut self, mut resource: Reader<'a>, identity: &mut Identity) -> Result<(), Malformed> {
        while let Some(field) = resource.field()? {
            if field.number != 1 {
                continue;
            }
            let pair = field.message("Resource.attributes")?;
            if read_key(pair)? == b"service.name" {
                self.read_service(pair)?;
            }
            if let Some(series) = self.series {
                identity.add(series, pair)?;
            }
            let Inherited { slots, fault, .. } = &mut self.resource;
            fill(pair, Level::Resource, self.wanted, slots, fault)?;
        }
        Ok(())
    }

    fn read_service(&mut self, pair: Reader<'a>) -> Result<(), Malformed> {
        let Some(raw) = read_value(pair)? else { return Ok(()) };
        self.resource.service = match raw.checked() {
            Some(Value::Str("")) => UNKNOWN_SERVICE,
            Some(Value::Str(name)) => &name[..name.floor_char_boundary(SERVICE_BYTES_MAX)],
            Some(_) => UNKNOWN_SERVICE,
            None => {
                self.resource.fault.get_or_insert(Fault::Attribute(Level::Resource, b"service.name"));
                UNKNOWN_SERVICE
            }
        };
        Ok(())
    }

    fn scope_block(&mut self, block: Reader<'a>) -> Result<(), Malformed> {
        self.block()?;
        self.scope.slots.copy_from(&self.resource.slots);
        (self.scope.service, self.scope.fault) = (self.resource.service, self.resource.fault);
        let (mut identity, mut named) = (Identity::default(), [&[][..]; 2]);
        let mut fields = block;
        while let Some(field) = fields.field()? {
            if field.number == 1 {
                self.read_scope(field.message("scope")?, &mut identity, &mut named)?;
            }
        }
        self.scope_series = self.resource_series.map(|series| series.within(identity, named[0], named[1]));
        let mut fields = block;
        while let Some(field) = fields.field()? {
            if field.number != 2 {
                continue;
            }
            match self.signal {
                Signal::Traces => self.span(field.message("ScopeSpans.spans")?)?,
                Signal::Logs => self.log_record(field.message("ScopeLogs.log_records")?)?,
                Signal::Metrics => self.metric(field.message("ScopeMetrics.metrics")?)?,
            }
        }
        Ok(())
    }

    fn read_scope(
        &mut self,
        mut scope: Reader<'a>,
        identity: &mut Identity,
        named: &mut [&'a [u8]; 2],
    ) -> Result<(), Malformed> {
        while let Some(field) = scope.field()? {
            match (field.number, self.series) {
                (1, Some(_)) => named[0] = field.bytes("InstrumentationScope.name")?,
                (2, Some(_)) => named[1] = field.bytes("InstrumentationScope.version")?,
                (3, series) => {
                    let pair = field.message("InstrumentationScope.attributes")?;
                    if let Some(series) = series {
                        identity.add(series, pair)?;
                    }
                    let Inherited { slots, fault, .. } = &mut self.scope;
                    fill(pair, Level::Scope, self.wanted, slots, fault)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Counts a resource, a scope or a metric.
    pub(super) fn block(&mut self) -> Result<(), Malformed> {
        self.blocks += 1;
        if self.limits.blocks_max < self.blocks {
            let most = self.limits.blocks_max;
            return Err(Malformed::TooMuch(format!("{most} resources, scopes and metrics")));
        }
        Ok(())
    }

    /// Begins an item: counts it, and gives it what it inherits.
    #[inline]
    fn begin(&mut self, named: &'static str) -> Result<Draft<'a>, Malformed> {
        self.decoded.items += 1;
        if self.limits.items_max < self.decoded.items {
            return Err(Malformed::TooMuch(format!("{} items", self.limits.items_max)));
        }
        self.slots.copy_from(&self.scope.slots);
        Ok(Draft { named, fault: self.scope.fault, ..Draft::default() })
    }

    #[inline]
    fn attribute(&mut self, draft: &mut Draft<'a>, pair: Reader<'a>) -> Result<(), Malformed> {
        fill(pair, Level::Item, self.wanted, &mut self.slots, &mut draft.fault)
    }

    /// Those short ones of this tag that follow each other.
    #[inline]
    fn attributes(&mut self, draft: &mut Draft<'a>, item: &mut Reader<'a>, tag: u8) -> Result<(), Malformed> {
        while let Some(pair) = item.next_block(tag) {
            self.attribute(draft, pair)?;
        }
        Ok(())
    }

    /// Hands the item out, or counts why not.
    fn end(&mut self, draft: &Draft<'a>) {
        self.hand_out(draft, None);
    }

    fn end_point(&mut self, draft: &Draft<'a>, point: &Point<'a>) {
        self.hand_out(draft, Some(point));
    }

    fn hand_out(&mut self, draft: &Draft<'a>, point: Option<&Point<'a>>) {
        self.anonymous |= draft.time_ns == 0 && draft.trace_id.is_empty() && draft.span_id.is_empty();
        let (name, body) = match draft.checked() {
            Ok(texts) => texts,
            Err(fault) => return self.reject(fault),
        };
        (self.each)(&Item {
            kind: self.signal.item_kind(),
            time: (draft.time_ns != 0).then_some(EventTime(draft.time_ns)),
            duration_ns: draft.duration_ns,
            name,
            span_kind: draft.span_kind,
            status: draft.status,
            severity: draft.severity,
            body,
            value: draft.value,
            point,
            has_exception_event: draft.has_exception_event,
            trace_id: draft.trace_id,
            span_id: draft.span_id,
            service: self.scope.service,
            slots: &self.slots,
        });
    }

    #[cold]
    fn reject(&mut self, fault: Fault<'_>) {
        self.decoded.rejected += 1;
        let index = self.decoded.items - 1;
        let (reason, kind) = (&mut self.decoded.reason, self.signal.item_kind());
        reason.get_or_insert_with(|| format!("{kind} {index} of the request: {fault}"));
    }
}
