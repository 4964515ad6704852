//! Metrics: every data point is one item under its metric's name.

use super::Walk;
use super::items::Draft;
use super::wire::Reader;
use crate::decode::Malformed;

/// Which of a metric's five kinds of data its points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Number,
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

impl<'a> Walk<'a, '_> {
    pub(super) fn metric(&mut self, metric: Reader<'a>) -> Result<(), Malformed> {
        let (name, data) = head(metric)?;
        let Some(data) = data else { return Ok(()) };
        let mut fields = metric;
        while let Some(field) = fields.field()? {
            if field.number == data.number && data.from <= field.at {
                self.points(name, data.shape, field.message("Metric.data")?)?;
            }
        }
        Ok(())
    }

    fn points(&mut self, name: &'a [u8], shape: Shape, mut data: Reader<'a>) -> Result<(), Malformed> {
        while let Some(field) = data.field()? {
            if field.number == 1 {
                self.point(name, shape, field.message("data_points")?)?;
            }
        }
        Ok(())
    }

    fn point(&mut self, name: &'a [u8], shape: Shape, mut point: Reader<'a>) -> Result<(), Malformed> {
        let mut draft = Draft { name, named: "Metric.name", ..self.begin()? };
        if shape == Shape::Summary {
            // Not `optional` in the schema, so a sum that is not sent is zero.
            draft.value = Some(0.0);
        }
        while let Some(field) = point.field()? {
            match (field.number, shape) {
                (3, _) => draft.time_ns = field.fixed64("data_points.time_unix_nano")?,
                (4, Shape::Number) => draft.value = Some(field.double("NumberDataPoint.as_double")?),
                (6, Shape::Number) => {
                    let value = field.fixed64("NumberDataPoint.as_int")?.cast_signed();
                    draft.value = Some(value as f64);
                }
                (5, Shape::Histogram | Shape::ExponentialHistogram | Shape::Summary) => {
                    draft.value = Some(field.double("data_points.sum")?);
                }
                (7, Shape::Number | Shape::Summary)
                | (9, Shape::Histogram)
                | (1, Shape::ExponentialHistogram) => {
                    self.attribute(&mut draft, field.message("data_points.attributes")?)?;
                }
                _ => {}
            }
        }
        self.end(&draft);
        Ok(())
    }
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
            5 | 7 => Shape::Number,
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
