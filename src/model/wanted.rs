//! The attributes that the loaded rules name. Everything else in a request is skipped unread.

use borsh::{BorshDeserialize, BorshSerialize};

use super::item::Value;
use super::text::same;

/// Where an attribute is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Origin {
    /// `service.name`: the item first, then its scope, then its resource.
    Nearest,
    /// `attributes["k"]`: the item alone.
    Item,
    /// `resource["k"]`: the resource alone.
    Resource,
}

/// An index into [`Slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Slot(pub u16);

/// The slots that one attribute name fills, by where the attribute is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    pub nearest: Option<Slot>,
    pub item: Option<Slot>,
    pub resource: Option<Slot>,
}

/// Names to slots. Built once while rules are compiled, then asked for every attribute of every item:
/// most names in a request differ in length from those that rules name, so length is the first key.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// By length, all that are longer as the last; in order among those of one length.
    names: Vec<Name>,
    /// Where the names of each length begin; empty where there are none at all.
    begins: Vec<usize>,
    len: u16,
}

#[derive(Clone, Debug)]
struct Name {
    /// Most comparisons end with these.
    ends: (u64, u64),
    name: Box<str>,
    places: Places,
}

const LENGTH_LAST: usize = 64;
/// So many names of one length are looked through faster than searched.
const FEW: usize = 8;

/// The first and the last bytes: all of a name of at most 16, and of no other of its length.
#[inline(always)]
fn ends(name: &[u8]) -> (u64, u64) {
    let of_8 = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let of_4 = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => (of_8(first), of_8(last)),
        _ => match (name.first_chunk(), name.last_chunk()) {
            (Some(first), Some(last)) => (of_4(first), of_4(last)),
            _ => (name.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
        },
    }
}

/// Where the ends and the lengths are the same.
#[inline(always)]
fn is(known: &Name, name: &[u8]) -> bool {
    name.len() <= 16 || same(known.name.as_bytes(), name)
}

impl Wanted {
    /// The slot of an attribute, a new one if nobody has asked for it before.
    /// At most 65,535 slots: a set of rules with more names than that is refused by its size first.
    pub fn slot(&mut self, origin: Origin, name: &str) -> Slot {
        let length = name.len().min(LENGTH_LAST);
        self.begins.resize(LENGTH_LAST + 2, 0);
        let (begin, end) = (self.begins[length], self.begins[length + 1]);
        let known = self.names[begin..end].binary_search_by(|known| (*known.name).cmp(name));
        let index = begin + known.unwrap_or_else(|index| index);
        if known.is_err() {
            let ends = ends(name.as_bytes());
            self.names.insert(index, Name { ends, name: name.into(), places: Places::default() });
            self.begins[length + 1..].iter_mut().for_each(|begin| *begin += 1);
        }
        let places = &mut self.names[index].places;
        let place = match origin {
            Origin::Nearest => &mut places.nearest,
            Origin::Item => &mut places.item,
            Origin::Resource => &mut places.resource,
        };
        *place.get_or_insert_with(|| {
            let slot = Slot(self.len);
            self.len += 1;
            slot
        })
    }

    pub fn places(&self, name: &str) -> Option<Places> {
        self.places_of_bytes(name.as_bytes())
    }

    /// For names as they come off the wire, which may not even be UTF-8.
    #[inline]
    pub fn places_of_bytes(&self, name: &[u8]) -> Option<Places> {
        let [begin, end] = *self.begins.get(name.len().min(LENGTH_LAST)..)?.first_chunk()?;
        let names = self.names.get(begin..end).filter(|names| !names.is_empty())?;
        let ends = ends(name);
        let found = match names.len() {
            ..=FEW => names.iter().find(|known| known.ends == ends && is(known, name))?,
            _ => &names[names.binary_search_by(|known| known.name.as_bytes().cmp(name)).ok()?],
        };
        Some(found.places)
    }

    pub fn names(&self) -> impl Iterator<Item = (&str, Places)> {
        self.names.iter().map(|known| (&*known.name, known.places))
    }

    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The values of one item, by slot.
#[derive(Clone, Debug, Default)]
pub struct Slots<'a> {
    values: Vec<Option<Value<'a>>>,
}

impl<'a> Slots<'a> {
    pub fn with_len(len: usize) -> Self {
        Self { values: vec![None; len] }
    }

    pub fn get(&self, slot: Slot) -> Option<Value<'a>> {
        self.values[usize::from(slot.0)]
    }

    #[inline]
    pub fn peek(&self, slot: Slot) -> Option<&Value<'a>> {
        self.values[usize::from(slot.0)].as_ref()
    }

    pub fn set(&mut self, slot: Slot, value: Value<'a>) {
        self.values[usize::from(slot.0)] = Some(value);
    }

    /// Takes over the values of an outer block (resource, then scope), allocating nothing.
    pub fn copy_from(&mut self, outer: &Self) {
        self.values.clear();
        self.values.extend_from_slice(&outer.values);
    }
}
