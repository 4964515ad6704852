//! Points as they are written down: a request of metrics has thousands, most of one time and start, with tallies that are
//! one whole number. Numbers are of 7 bits a byte, least first, as in protobuf.

use std::io::{Error, ErrorKind, Read, Result, Write};

use borsh::{BorshDeserialize, BorshSerialize};

use super::points::{Points, Role, SeriesPoint, Use};
use super::tally::{Tally, UNIT};
use crate::model::EventTime;

/// Formats 1 and 2 have the number of points here, which never was as high.
const SHORT: u32 = u32::MAX;

// Bits of a point's first byte.
const CUMULATIVE: u8 = 1;
/// The tally is one number.
const SINGLE: u8 = 2;
/// The numbers of the tally are whole events.
const WHOLE: u8 = 4;
/// Its uses begin where those of the point before it end.
const FOLLOWS: u8 = 8;
/// It has the start of the point before it.
const SAME_START: u8 = 16;

impl BorshSerialize for Points {
    fn serialize<W: Write>(&self, out: &mut W) -> Result<()> {
        (SHORT, self.unusable, self.points.len() as u32, self.uses.len() as u32).serialize(out)?;
        let mut before = Before::default();
        for point in &self.points {
            let flags = before.flags(point);
            (flags, point.series).serialize(out)?;
            number(out, zigzag(point.time.0.wrapping_sub(before.time)))?;
            if flags & SAME_START == 0 {
                point.start_ns.serialize(out)?;
            }
            if flags & FOLLOWS == 0 {
                number(out, u64::from(point.uses.0))?;
            }
            number(out, u64::from(point.uses.1 - point.uses.0))?;
            let Tally { total, good, low, high, layout } = point.tally;
            let numbers = [total, good, low, high];
            for billionths in &numbers[..if flags & SINGLE == 0 { 4 } else { 1 }] {
                match flags & WHOLE {
                    0 => billionths.serialize(out)?,
                    _ => number(out, (billionths / UNIT) as u64)?,
                }
            }
            if flags & SINGLE == 0 {
                layout.serialize(out)?;
            }
            before = Before::of(point);
        }
        self.uses.iter().try_for_each(|one| {
            number(out, u64::from(one.slo))?;
            number(out, u64::from(one.track))?;
            number(out, u64::from(one.group))?;
            one.role.serialize(out)
        })
    }
}

impl BorshDeserialize for Points {
    fn deserialize_reader<R: Read>(from: &mut R) -> Result<Self> {
        let first = u32::deserialize_reader(from)?;
        if first != SHORT {
            return long(from, first);
        }
        let (unusable, points, uses) = <(u64, u32, u32)>::deserialize_reader(from)?;
        let mut read = Self { unusable, ..Self::default() };
        let mut before = Before::default();
        for _ in 0..points {
            let point = before.point(from)?;
            before = Before::of(&point);
            read.points.push(point);
        }
        for _ in 0..uses {
            let (slo, track, group) = (small(from)?, small(from)?, small(from)?);
            let track = u16::try_from(track).map_err(|_| invalid())?;
            read.uses.push(Use { slo, track, group, role: Role::deserialize_reader(from)? });
        }
        Ok(read)
    }
}

/// As formats 1 and 2 have them.
fn long<R: Read>(from: &mut R, points: u32) -> Result<Points> {
    let points = (0..points).map(|_| SeriesPoint::deserialize_reader(from)).collect::<Result<_>>()?;
    let (uses, unusable) = <(Vec<Use>, u64)>::deserialize_reader(from)?;
    Ok(Points { points, uses, unusable })
}

/// What a point may have from the one before it.
#[derive(Default)]
struct Before {
    time: u64,
    start_ns: u64,
    uses_end: u32,
}

impl Before {
    fn of(point: &SeriesPoint) -> Self {
        Self { time: point.time.0, start_ns: point.start_ns, uses_end: point.uses.1 }
    }

    fn flags(&self, point: &SeriesPoint) -> u8 {
        let Tally { total, good, low, high, layout } = point.tally;
        let is_single = [good, low, high] == [total; 3] && layout == 0;
        let is_whole =
            [total, good, low, high].iter().all(|one| one % UNIT == 0 && u64::try_from(one / UNIT).is_ok());
        let bits = [
            (point.cumulative, CUMULATIVE),
            (is_single, SINGLE),
            (is_whole, WHOLE),
            (point.uses.0 == self.uses_end, FOLLOWS),
            (point.start_ns == self.start_ns, SAME_START),
        ];
        bits.iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit).sum()
    }

    fn point<R: Read>(&self, from: &mut R) -> Result<SeriesPoint> {
        let (flags, series) = <(u8, u128)>::deserialize_reader(from)?;
        let time = EventTime(self.time.wrapping_add(unzigzag(read_number(from)?)));
        let start_ns = match flags & SAME_START {
            0 => u64::deserialize_reader(from)?,
            _ => self.start_ns,
        };
        let first = if flags & FOLLOWS == 0 { small(from)? } else { self.uses_end };
        let uses = (first, first.checked_add(small(from)?).ok_or_else(invalid)?);
        let mut one = || match flags & WHOLE {
            0 => u128::deserialize_reader(from),
            _ => read_number(from).map(|events| u128::from(events) * UNIT),
        };
        let total = one()?;
        let tally = match flags & SINGLE {
            0 => Tally {
                total,
                good: one()?,
                low: one()?,
                high: one()?,
                layout: u64::deserialize_reader(from)?,
            },
            _ => Tally { total, good: total, low: total, high: total, layout: 0 },
        };
        Ok(SeriesPoint { series, start_ns, time, cumulative: flags & CUMULATIVE != 0, tally, uses })
    }
}

fn zigzag(difference: u64) -> u64 {
    let signed = difference.cast_signed();
    ((signed << 1) ^ (signed >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

fn number<W: Write>(out: &mut W, mut value: u64) -> Result<()> {
    let (mut bytes, mut len) = ([0; 10], 0);
    while value >= 0x80 {
        bytes[len] = value as u8 | 0x80;
        (value, len) = (value >> 7, len + 1);
    }
    bytes[len] = value as u8;
    out.write_all(&bytes[..=len])
}

fn read_number<R: Read>(from: &mut R) -> Result<u64> {
    let mut value = 0;
    for place in 0..10 {
        let byte = u8::deserialize_reader(from)?;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(invalid())
}

fn small<R: Read>(from: &mut R) -> Result<u32> {
    u32::try_from(read_number(from)?).map_err(|_| invalid())
}

fn invalid() -> Error {
    Error::new(ErrorKind::InvalidData, "a point that can not be read")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tally() -> impl Strategy<Value = Tally> {
        let billionths = || prop_oneof![any::<u128>(), (0..2_000_u128).prop_map(|events| events * UNIT)];
        prop_oneof![
            billionths().prop_map(|total| Tally { total, good: total, low: total, high: total, layout: 0 }),
            ([billionths(), billionths(), billionths(), billionths()], any::<u64>())
                .prop_map(|([total, good, low, high], layout)| Tally { total, good, low, high, layout }),
        ]
    }

    fn points() -> impl Strategy<Value = Points> {
        let time = || prop_oneof![any::<u64>(), 1_000..1_003_u64];
        let point =
            (any::<u128>(), time(), time(), any::<bool>(), tally(), 0..3_u32, prop::bool::weighted(0.9));
        let one_use = (any::<u32>(), any::<u16>(), any::<u32>(), 0..4_usize);
        (prop::collection::vec(point, 0..20), prop::collection::vec(one_use, 0..20), any::<u64>()).prop_map(
            |(points, uses, unusable)| {
                let mut end = 0;
                let points =
                    points.into_iter().map(|(series, start_ns, time, cumulative, tally, count, follows)| {
                        let first = if follows { end } else { end + 7 };
                        end = first + count;
                        SeriesPoint {
                            series,
                            start_ns,
                            time: EventTime(time),
                            cumulative,
                            tally,
                            uses: (first, end),
                        }
                    });
                let roles = [Role::Total, Role::Good, Role::Bad, Role::Threshold];
                let uses = uses.into_iter().map(|(slo, track, group, role)| Use {
                    slo,
                    track,
                    group,
                    role: roles[role],
                });
                Points { points: points.collect(), uses: uses.collect(), unusable }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn points_are_read_as_they_were_written_in_either_form(points in points()) {
            let short = borsh::to_vec(&points).unwrap();
            prop_assert_eq!(&Points::try_from_slice(&short).unwrap(), &points);
            let long = borsh::to_vec(&(&points.points, &points.uses, points.unusable)).unwrap();
            prop_assert_eq!(&Points::try_from_slice(&long).unwrap(), &points);
            for len in 0..short.len() {
                prop_assert!(Points::try_from_slice(&short[..len]).is_err());
            }
        }
    }

    #[test]
    fn a_counters_point_takes_about_twenty_bytes() {
        let point = |series, events| SeriesPoint {
            series,
            start_ns: 1_700_000_000_000_000_000,
            time: EventTime(1_700_000_060_000_000_000),
            cumulative: true,
            tally: Tally::of_count(events),
            uses: (0, 0),
        };
        let points = (0..1_000).map(|place| point(u128::from(place) << 64, place)).collect();
        let bytes = borsh::to_vec(&Points { points, ..Points::default() }).unwrap().len();
        assert!(bytes < 23_000, "{bytes}");
    }
}
