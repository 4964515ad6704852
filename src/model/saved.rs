//! How a state is written down where a derived form will not do: times of a calendar as text, doubles by their bits
//! (`borsh` refuses one that is no number), tables without their order.

use std::hash::{BuildHasher, Hash};
use std::io::{Error, ErrorKind, Read, Result, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use hashbrown::HashMap;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

fn invalid(reason: impl ToString) -> Error {
    Error::new(ErrorKind::InvalidData, reason.to_string())
}

pub fn write_time<W: Write>(time: &DateTime, out: &mut W) -> Result<()> {
    time.to_string().serialize(out)
}

pub fn read_time<R: Read>(from: &mut R) -> Result<DateTime> {
    String::deserialize_reader(from)?.parse().map_err(invalid)
}

/// By its name in the IANA database; one without a name is an offset.
pub fn write_zone<W: Write>(zone: &TimeZone, out: &mut W) -> Result<()> {
    let offset = zone.to_fixed_offset().map_or(0, |offset| offset.seconds());
    (zone.iana_name().unwrap_or_default().to_owned(), offset).serialize(out)
}

pub fn read_zone<R: Read>(from: &mut R) -> Result<TimeZone> {
    let (name, offset) = <(String, i32)>::deserialize_reader(from)?;
    match &*name {
        "" => jiff::tz::Offset::from_seconds(offset).map(TimeZone::fixed).map_err(invalid),
        name => TimeZone::get(name).map_err(invalid),
    }
}

pub fn write_days<W: Write>(days: &[(i8, Weekday)], out: &mut W) -> Result<()> {
    let days: Vec<(i8, i8)> = days.iter().map(|(which, day)| (*which, day.to_monday_zero_offset())).collect();
    days.serialize(out)
}

pub fn read_days<R: Read>(from: &mut R) -> Result<Vec<(i8, Weekday)>> {
    let days = Vec::<(i8, i8)>::deserialize_reader(from)?;
    let day = |(which, day)| Weekday::from_monday_zero_offset(day).map(|day| (which, day)).map_err(invalid);
    days.into_iter().map(day).collect()
}

pub fn write_double<W: Write>(double: &f64, out: &mut W) -> Result<()> {
    double.to_bits().serialize(out)
}

pub fn read_double<R: Read>(from: &mut R) -> Result<f64> {
    u64::deserialize_reader(from).map(f64::from_bits)
}

pub fn write_measured<W: Write>(double: &Option<f64>, out: &mut W) -> Result<()> {
    double.map(f64::to_bits).serialize(out)
}

pub fn read_measured<R: Read>(from: &mut R) -> Result<Option<f64>> {
    Ok(Option::<u64>::deserialize_reader(from)?.map(f64::from_bits))
}

/// Ascending by key, so that equal tables are equal bytes.
pub fn write_map<K, V, S, W>(map: &HashMap<K, V, S>, out: &mut W) -> Result<()>
where
    K: BorshSerialize + Ord,
    V: BorshSerialize,
    W: Write,
{
    let mut entries: Vec<(&K, &V)> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries.serialize(out)
}

pub fn read_map<K, V, S, R>(from: &mut R) -> Result<HashMap<K, V, S>>
where
    K: BorshDeserialize + Eq + Hash,
    V: BorshDeserialize,
    S: BuildHasher + Default,
    R: Read,
{
    Ok(Vec::<(K, V)>::deserialize_reader(from)?.into_iter().collect())
}
