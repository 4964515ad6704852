//! Metrics: every data point is one item under its metric's name.

use super::Walk;
use super::packed;
use super::series::{Identity, Series};
use super::wire::Reader;
use crate::decode::Malformed;
use crate::model::{Buckets, Exponential, Histogram, Number, Point, PointData, Temporality};

/// Tags of one byte each, that all points have in common.
const START: u8 = 0x11;
const TIME: u8 = 0x19;
/// In a tag: length-delimited.
const BYTES: u8 = 2;

/// Which of a metric's five kinds of data its points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

/// The metric's data: a field number, and the offset from which it counts. Of two different kinds in
/// one metric the later one replaces the earlier, as for any protobuf `oneof`.
#[derive(Clone, Copy, Debug)]
struct Data {
    number: u32,
    shape: Shape,
    from: usize,
}

/// What the points of one metric have from it.
#[derive(Clone, Copy, Debug)]
struct Metric<'a> {
    name: &'a [u8],
    shape: Shape,
    temporality: Temporality,
    monotonic: bool,
    series: Option<Series>,
}

impl<'a> Walk<'a, '_> {
    pub(super) fn metric(&mut self, metric: Reader<'a>) -> Result<(), Malformed> {
        self.block()?;
        let (name, data) = head(metric)?;
        let Some(data) = data else { return Ok(()) };
        let mut of = Metric {
            name,
            shape: data.shape,
            temporality: Temporality::Unspecified,
            monotonic: false,
            series: None,
        };
        let mut fields = metric;
        while let Some(field) = fields.field()? {
            if field.number == data.number && data.from <= field.at {
                of.read_head(field.message("Metric.data")?)?;
            }
        }
        of.series = self
            .scope_series
            .map(|scope| scope.metric(name, data.number, of.temporality as u8 | u8::from(of.monotonic) << 4));
        let mut fields = metric;
        while let Some(field) = fields.field()? {
            if field.number == data.number && data.from <= field.at {
                self.points(&of, field.message("Metric.data")?)?;
            }
        }
        Ok(())
    }

    fn points(&mut self, of: &Metric<'a>, mut data: Reader<'a>) -> Result<(), Malformed> {
        while let Some(field) = data.field()? {
            if field.number == 1 {
                self.point(of, field.message("data_points")?)?;
            }
        }
        Ok(())
    }

    fn point(&mut self, of: &Metric<'a>, mut point: Reader<'a>) -> Result<(), Malformed> {
        let mut draft = self.begin("Metric.name")?;
        draft.name = of.name;
        let mut read = Point { start_ns: 0, flags: 0, series: 0, data: of.empty() };
        let mut attributes = Identity::default();
        if of.shape == Shape::Summary {
            // Not `optional` in the schema, so a sum that is not sent is zero.
            draft.value = Some(0.0);
        }
        // Encoders write fields in the order of their numbers. Whatever comes otherwise is read below.
        if let Some(time) = point.next_fixed64(START) {
            read.start_ns = time;
        }
        if let Some(time) = point.next_fixed64(TIME) {
            draft.time_ns = time;
        }
        while let Some(field) = point.field()? {
            match (field.number, of.shape) {
                (2, _) => read.start_ns = field.fixed64("data_points.start_time_unix_nano")?,
                (3, _) => draft.time_ns = field.fixed64("data_points.time_unix_nano")?,
                (5, Shape::Histogram | Shape::ExponentialHistogram | Shape::Summary) => {
                    draft.value = Some(field.double("data_points.sum")?);
                }
                (8, Shape::Gauge | Shape::Sum | Shape::Summary)
                | (10, Shape::Histogram | Shape::ExponentialHistogram) => {
                    read.flags = field.varint("data_points.flags")? as u32;
                }
                (7, Shape::Gauge | Shape::Sum | Shape::Summary)
                | (9, Shape::Histogram)
                | (1, Shape::ExponentialHistogram) => {
                    let mut pair = field.message("data_points.attributes")?;
                    loop {
                        if let Some(series) = of.series {
                            attributes.add(series, pair)?;
                        }
                        self.attribute(&mut draft, pair)?;
                        let Some(next) = point.next_block((field.number as u8) << 3 | BYTES) else { break };
                        pair = next;
                    }
                }
                (4 | 6, Shape::Gauge | Shape::Sum) => {
                    let number = match field.number {
                        4 => Number::Double(field.double("NumberDataPoint.as_double")?),
                        _ => Number::Int(field.fixed64("NumberDataPoint.as_int")?.cast_signed()),
                    };
                    draft.value = Some(number.double());
                    read.data.set_number(number);
                }
                _ => read_data(&mut read.data, &field)?,
            }
        }
        read.series = of.series.map_or(0, |series| series.point(attributes));
        self.end_point(&draft, &read);
        Ok(())
    }
}

impl Metric<'_> {
    fn read_head(&mut self, mut data: Reader<'_>) -> Result<(), Malformed> {
        while let Some(field) = data.field()? {
            match (field.number, self.shape) {
                (2, Shape::Sum | Shape::Histogram | Shape::ExponentialHistogram) => {
                    let number = field.varint("aggregation_temporality")? & 0xffff_ffff;
                    self.temporality = Temporality::from_number(number);
                }
                (3, Shape::Sum) => self.monotonic = field.varint("Sum.is_monotonic")? != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn empty<'a>(&self) -> PointData<'a> {
        let (temporality, monotonic) = (self.temporality, self.monotonic);
        match self.shape {
            Shape::Gauge => PointData::Gauge(None),
            Shape::Sum => PointData::Sum { value: None, monotonic, temporality },
            Shape::Histogram => PointData::Histogram { temporality, histogram: Histogram::default() },
            Shape::ExponentialHistogram => {
                PointData::Exponential { temporality, histogram: Exponential::default() }
            }
            Shape::Summary => PointData::Summary { count: 0 },
        }
    }
}

/// The fields that one kind of point has for itself.
fn read_data<'a>(data: &mut PointData<'a>, field: &super::wire::Field<'a>) -> Result<(), Malformed> {
    match (data, field.number) {
        (PointData::Histogram { histogram, .. }, 4) => {
            histogram.count = field.fixed64("HistogramDataPoint.count")?;
        }
        (PointData::Histogram { histogram, .. }, 6) => {
            packed::fixed64(&mut histogram.counts, field, "HistogramDataPoint.bucket_counts")?;
        }
        (PointData::Histogram { histogram, .. }, 7) => {
            packed::fixed64(&mut histogram.bounds, field, "HistogramDataPoint.explicit_bounds")?;
        }
        (PointData::Exponential { histogram, .. }, 4) => {
            histogram.count = field.fixed64("ExponentialHistogramDataPoint.count")?;
        }
        (PointData::Exponential { histogram, .. }, 6) => {
            histogram.scale = zigzag(field.varint("ExponentialHistogramDataPoint.scale")?);
        }
        (PointData::Exponential { histogram, .. }, 7) => {
            histogram.zero_count = field.fixed64("ExponentialHistogramDataPoint.zero_count")?;
        }
        (PointData::Exponential { histogram, .. }, 8) => {
            buckets(&mut histogram.positive, field.message("ExponentialHistogramDataPoint.positive")?)?;
        }
        (PointData::Exponential { histogram, .. }, 9) => {
            buckets(&mut histogram.negative, field.message("ExponentialHistogramDataPoint.negative")?)?;
        }
        (PointData::Exponential { histogram, .. }, 14) => {
            histogram.zero_threshold = field.double("ExponentialHistogramDataPoint.zero_threshold")?;
        }
        (PointData::Summary { count }, 4) => *count = field.fixed64("SummaryDataPoint.count")?,
        _ => {}
    }
    Ok(())
}

fn buckets<'a>(into: &mut Buckets<'a>, mut buckets: Reader<'a>) -> Result<(), Malformed> {
    while let Some(field) = buckets.field()? {
        match field.number {
            1 => into.offset = zigzag(field.varint("Buckets.offset")?),
            2 => packed::varints(&mut into.counts, &field, "Buckets.bucket_counts")?,
            _ => {}
        }
    }
    Ok(())
}

fn zigzag(varint: u64) -> i32 {
    let low = varint as u32;
    (low >> 1).cast_signed() ^ -(low & 1).cast_signed()
}

/// The metric's name and where its data is: both may come after the data itself.
fn head<'a>(mut metric: Reader<'a>) -> Result<(&'a [u8], Option<Data>), Malformed> {
    let (mut name, mut data): (&[u8], Option<Data>) = (&[], None);
    while let Some(field) = metric.field()? {
        let shape = match field.number {
            1 => {
                name = field.bytes("Metric.name")?;
                continue;
            }
            5 => Shape::Gauge,
            7 => Shape::Sum,
            9 => Shape::Histogram,
            10 => Shape::ExponentialHistogram,
            11 => Shape::Summary,
            _ => continue,
        };
        if data.is_none_or(|data| data.number != field.number) {
            data = Some(Data { number: field.number, shape, from: field.at });
        }
    }
    Ok((name, data))
}
