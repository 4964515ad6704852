//! The attributes that the loaded rules name. Everything else in a request is skipped unread.

use borsh::{BorshDeserialize, BorshSerialize};

use super::item::Value;

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
    /// By length of the name, all that are longer under the last; each in order.
    by_length: Vec<Vec<(Box<str>, Places)>>,
    len: u16,
}

const LENGTH_LAST: usize = 64;

impl Wanted {
    /// The slot of an attribute, a new one if nobody has asked for it before.
    /// At most 65,535 slots: a set of rules with more names than that is refused by its size first.
    pub fn slot(&mut self, origin: Origin, name: &str) -> Slot {
        let length = name.len().min(LENGTH_LAST);
        if self.by_length.len() <= length {
            self.by_length.resize_with(length + 1, Vec::new);
        }
        let names = &mut self.by_length[length];
        let index = names.binary_search_by(|(known, _)| (**known).cmp(name)).unwrap_or_else(|index| {
            names.insert(index, (name.into(), Places::default()));
            index
        });
        let places = &mut names[index].1;
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
        let names = self.by_length.get(name.len().min(LENGTH_LAST))?;
        let index = names.binary_search_by(|(known, _)| known.as_bytes().cmp(name)).ok()?;
        Some(names[index].1)
    }

    pub fn names(&self) -> impl Iterator<Item = (&str, Places)> {
        self.by_length.iter().flatten().map(|(name, places)| (&**name, *places))
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
