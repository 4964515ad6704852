//! Which of many predicates may hold for an item: those that demand one text of an attribute are found by it, so that
//! two thousand cost little more than twenty. Says no more than evaluating all of them would, nor less, mismatches
//! included.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Predicate;
use crate::model::{Item, ItemKind, Slot, Value};

/// Fewer predicates on one attribute are evaluated faster than looked up.
const WORTHWHILE: usize = 8;

/// Places of predicates, or of what asks several of them, by what they demand.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// In the order of the kinds.
    of_kind: Vec<Table>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    texts: Vec<Texts>,
    /// Those that must be asked of every item; ascending, as all lists here.
    always: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Texts {
    slot: Slot,
    by_text: HashMap<Box<str>, Vec<u32>, FixedState>,
    /// For a value that is no text: each comparison is a mismatch, which counts.
    all: Vec<u32>,
}

/// What is asked at one place: for items of one kind, if it says so, and then this.
pub type Asked<'p> = (Option<ItemKind>, &'p Predicate);

impl Index {
    /// `places`: all that may be asked first at each place of an item of a kind. What is asked only after one of those
    /// held is no matter.
    pub fn of<'p>(places: impl Fn(ItemKind) -> Vec<Vec<Asked<'p>>>) -> Self {
        Self { of_kind: ItemKind::ALL.iter().map(|kind| Table::of(*kind, &places(*kind))).collect() }
    }

    pub fn finder(&self) -> Finder<'_> {
        Finder { index: self, kind: None, last: Vec::new(), found: Vec::new() }
    }
}

impl Table {
    fn of(kind: ItemKind, places: &[Vec<Asked<'_>>]) -> Self {
        let mut table = Self::default();
        let mut demands: Vec<(Slot, &str, u32)> = Vec::new();
        for (place, asked) in (0..).zip(places) {
            let asked: Vec<&Predicate> =
                asked.iter().filter(|one| may_be(kind, one)).map(|(_, predicate)| *predicate).collect();
            let demanded: Option<Vec<_>> = asked.iter().map(|one| one.node.demand()).collect();
            match demanded {
                Some(demanded) => {
                    demands.extend(demanded.into_iter().map(|(slot, text)| (slot, text, place)))
                }
                None => table.always.push(place),
            }
        }
        demands.sort_unstable();
        for of_slot in demands.chunk_by(|a, b| a.0 == b.0) {
            let mut all: Vec<u32> = of_slot.iter().map(|(_, _, place)| *place).collect();
            all.sort_unstable();
            all.dedup();
            if all.len() < WORTHWHILE {
                table.always.append(&mut all);
                continue;
            }
            let mut by_text: HashMap<Box<str>, Vec<u32>, FixedState> = HashMap::default();
            for of_text in of_slot.chunk_by(|a, b| a.1 == b.1) {
                let mut of_text_places: Vec<u32> = of_text.iter().map(|(_, _, place)| *place).collect();
                of_text_places.dedup();
                by_text.insert(of_text[0].1.into(), of_text_places);
            }
            table.texts.push(Texts { slot: of_slot[0].0, by_text, all });
        }
        table.always.sort_unstable();
        table.always.dedup();
        table
    }
}

fn may_be(kind: ItemKind, (only, predicate): &Asked<'_>) -> bool {
    [*only, predicate.node.only_kind()].into_iter().flatten().all(|only| {
        // An event may be a log record.
        only == kind || (only, kind) == (ItemKind::Event, ItemKind::Log)
    })
}

/// Asks an index about one item after the other: most have what the last one had.
#[derive(Debug)]
pub struct Finder<'i> {
    index: &'i Index,
    kind: Option<ItemKind>,
    last: Vec<Last<'i>>,
    found: Vec<u32>,
}

#[derive(Debug)]
struct Last<'i> {
    /// `None`: there was none.
    text: Option<String>,
    found: &'i [u32],
}

impl<'i> Finder<'i> {
    /// The places that may hold for the item, ascending.
    pub fn find(&mut self, item: &Item<'_>) -> &[u32] {
        let index = self.index;
        let table = &index.of_kind[item.kind as usize];
        let mut differs = self.kind != Some(item.kind);
        if differs {
            self.kind = Some(item.kind);
            self.last.clear();
            self.last.resize_with(table.texts.len(), || Last { text: None, found: &[] });
        }
        for (texts, last) in table.texts.iter().zip(&mut self.last) {
            let before = last.found;
            match item.slots.get(texts.slot) {
                Some(Value::Str(text)) if last.text.as_deref() == Some(text) => continue,
                Some(Value::Str(text)) => last.remember(text, texts),
                Some(_) => (last.text, last.found) = (None, &texts.all),
                None => (last.text, last.found) = (None, &[]),
            }
            differs |= !std::ptr::eq(before, last.found);
        }
        if differs {
            self.found.clear();
            self.found.extend_from_slice(&table.always);
            self.found.extend(self.last.iter().flat_map(|last| last.found));
            self.found.sort_unstable();
            self.found.dedup();
        }
        &self.found
    }
}

impl<'i> Last<'i> {
    fn remember(&mut self, text: &str, texts: &'i Texts) {
        let kept = self.text.get_or_insert_default();
        kept.clear();
        kept.push_str(text);
        self.found = texts.by_text.get(text).map_or(&[], Vec::as_slice);
    }
}
