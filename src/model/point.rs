//! One metric point as its sender gave it, borrowed from the request's bytes.

use std::borrow::Cow;

/// How the values of successive points of one series relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Temporality {
    #[default]
    Unspecified,
    /// Each point holds what came since the one before.
    Delta,
    /// Each point holds all since the series began.
    Cumulative,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Double(f64),
}

/// A `repeated` number field as it is packed on the wire. Borrowed, unless a sender split it in pieces.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Packed<'a>(pub Cow<'a, [u8]>);

#[derive(Clone, Debug, PartialEq)]
pub struct Point<'a> {
    /// Nanoseconds; 0 where the sender does not know when the series began.
    pub start_ns: u64,
    pub flags: u32,
    /// Of tenant, metric, resource, scope and attributes; 0 where nobody asked for it.
    pub series: u128,
    pub data: PointData<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PointData<'a> {
    Gauge(Option<Number>),
    Sum { value: Option<Number>, monotonic: bool, temporality: Temporality },
    Histogram { temporality: Temporality, histogram: Histogram<'a> },
    Exponential { temporality: Temporality, histogram: Exponential<'a> },
    Summary { count: u64 },
}

/// Bucket `i` holds the values in `(bounds[i-1], bounds[i]]`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Histogram<'a> {
    pub count: u64,
    /// 8 bytes each.
    pub bounds: Packed<'a>,
    /// 8 bytes each, one more than there are bounds.
    pub counts: Packed<'a>,
}

/// Bucket `i` holds the values in `(base^i, base^(i+1)]`, base = 2^(2^-scale).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Exponential<'a> {
    pub count: u64,
    pub scale: i32,
    pub zero_count: u64,
    pub zero_threshold: f64,
    pub positive: Buckets<'a>,
    pub negative: Buckets<'a>,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Buckets<'a> {
    /// The index of the first count.
    pub offset: i32,
    /// Varints.
    pub counts: Packed<'a>,
}

impl Number {
    pub fn double(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Double(number) => number,
        }
    }
}

impl PointData<'_> {
    /// Gauges and sums have one; of several the last counts.
    pub fn set_number(&mut self, number: Number) {
        if let Self::Gauge(value) | Self::Sum { value, .. } = self {
            *value = Some(number);
        }
    }
}

impl Temporality {
    /// From OTLP's number; what is unknown counts as unspecified.
    pub fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unspecified,
        }
    }
}

impl Packed<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As 8 bytes each.
    pub fn fixed(&self) -> impl Iterator<Item = u64> {
        self.0.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes))
    }

    pub fn doubles(&self) -> impl Iterator<Item = f64> {
        self.fixed().map(f64::from_bits)
    }

    /// As varints, which were checked when the point was read.
    pub fn varints(&self) -> impl Iterator<Item = u64> {
        let mut bytes = self.0.iter().copied();
        std::iter::from_fn(move || {
            let (mut value, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes.next()?;
                value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                shift += 7;
                if byte < 0x80 {
                    return Some(value);
                }
            }
        })
    }
}

impl Point<'_> {
    /// Set where the sender says that there is no value: the series went away.
    pub fn has_no_value(&self) -> bool {
        self.flags & 1 != 0
    }
}
