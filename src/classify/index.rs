//! Which of many conditions hold for an item. Each is taken apart into parts that read one thing of the item; what a part
//! says is kept for as long as the items that follow have the same there. Of many parts that demand a text of one thing
//! those are found that the text concerns, so that two thousand conditions cost little more than twenty. Says what
//! evaluating all of them would, mismatches included.

use std::ops::Range;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Predicate;
use super::eval::{Node, Val};
use super::subject::{Reads, Subject};
use crate::model::text::same;
use crate::model::{Item, ItemKind, Value};

/// Different tests of one thing, equality with a text aside. Conditions with further ones are asked for every item that
/// nothing else excludes.
const TESTS_MAX: usize = 64;
/// Things that parts of conditions read. What reads further ones is asked as well.
const READINGS_MAX: usize = 64;
/// Bytes of a text that is kept to be compared with the next item's.
const KEPT_TEXT_MAX: usize = 256;

/// Conditions by their numbers, from 0 in the order in which they were given.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// In the order of the kinds.
    of_kind: Vec<Table>,
}

/// A condition: for items of one kind, if it says so, and then this.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'p> {
    pub kind: Option<ItemKind>,
    pub predicate: &'p Predicate,
    /// It is among those that [`Finder::leading`] finds. Others are asked once one of those holds.
    pub leads: bool,
}

#[derive(Clone, Debug, Default)]
struct Table {
    /// Those that may hold for items of the kind.
    possible: Set,
    /// Those that hold where no part that is in `readings` says otherwise.
    whole: Set,
    leading: Set,
    readings: Vec<Reading>,
}

/// The parts of all conditions that read one thing.
#[derive(Clone, Debug)]
struct Reading {
    subject: Subject,
    /// Those that demand a text of it, and by the text.
    demanding: Marks,
    by_text: HashMap<Box<str>, Marks, FixedState>,
    /// Of those texts: one bit for each that there is, all from 63 on as one.
    lengths: u64,
    tests: Vec<(Node, Marks)>,
}

/// One bit for each condition.
type Set = Vec<u64>;

/// A few of many: words and the bits in each.
#[derive(Clone, Debug, Default, PartialEq)]
struct Marks(Vec<(u32, u64)>);

impl Marks {
    fn mark(&mut self, number: usize) {
        let (word, bit) = ((number / 64) as u32, 1 << (number % 64));
        match self.0.last_mut() {
            Some((last, bits)) if *last == word => *bits |= bit,
            _ => self.0.push((word, bit)),
        }
    }

    /// Whether the number is there that was marked last.
    fn has(&self, number: usize) -> bool {
        self.0
            .last()
            .is_some_and(|(word, bits)| *word as usize == number / 64 && bits & (1 << (number % 64)) != 0)
    }

    fn add_to(&self, set: &mut [u64]) {
        self.0.iter().for_each(|(word, bits)| set[*word as usize] |= bits);
    }

    fn take_from(&self, set: &mut [u64]) {
        self.0.iter().for_each(|(word, bits)| set[*word as usize] &= !bits);
    }
}

fn length(text: &str) -> u64 {
    1 << text.len().min(63)
}

fn mark(set: &mut [u64], number: usize) {
    set[number / 64] |= 1 << (number % 64);
}

fn has(set: &[u64], number: usize) -> bool {
    set[number / 64] & (1 << (number % 64)) != 0
}

impl Index {
    pub fn of(asked: &[Asked<'_>]) -> Self {
        Self { of_kind: ItemKind::ALL.iter().map(|kind| Table::of(*kind, asked)).collect() }
    }

    pub fn finder(&self) -> Finder<'_> {
        Finder {
            index: self,
            kind: None,
            kept: Vec::new(),
            allowed: Vec::new(),
            odd: Vec::new(),
            may_hold: Vec::new(),
            hold: Vec::new(),
            leading: Vec::new(),
            scratch: Vec::new(),
            turn: 0,
        }
    }
}

impl Table {
    fn of(kind: ItemKind, asked: &[Asked<'_>]) -> Self {
        let none = vec![0; asked.len().div_ceil(64)];
        let mut table =
            Self { possible: none.clone(), whole: none.clone(), leading: none, readings: Vec::new() };
        for (number, one) in asked.iter().enumerate() {
            table.take(kind, number, one);
        }
        table
    }

    fn take(&mut self, kind: ItemKind, number: usize, asked: &Asked<'_>) {
        let of_kind = asked.kind.map(Node::IsKind);
        let parts: Vec<&Node> = of_kind.iter().chain(asked.predicate.node.parts()).collect();
        let impossible = |part: &&Node| match part {
            Node::Const(truth) => !truth,
            Node::IsKind(ItemKind::Event) if kind == ItemKind::Log => false,
            Node::IsKind(only) => *only != kind,
            _ => false,
        };
        // What a part before it compares may be a mismatch, which counts.
        if parts.iter().take_while(|part| part.is_sure()).any(impossible) {
            return;
        }
        mark(&mut self.possible, number);
        if asked.leads {
            mark(&mut self.leading, number);
        }
        let (mut whole, mut excludes) = (true, false);
        for part in parts {
            let is_constant = matches!(part, Node::Const(_) | Node::IsKind(_));
            let is_taken = match part.reads(kind) {
                Reads::Nothing => is_constant && !impossible(&part),
                // Where something cheaper decides most of the time, a search is better not made at all.
                Reads::One(_) if excludes && part.searches() => false,
                Reads::One(subject) => self.read(subject, part, number),
                Reads::Several => false,
            };
            excludes |= is_taken && !is_constant;
            whole &= is_taken;
            if !is_taken && !part.is_sure() {
                break;
            }
        }
        if whole {
            mark(&mut self.whole, number);
        }
    }

    /// Whether the part is taken into those that are read with this.
    fn read(&mut self, subject: Subject, part: &Node, number: usize) -> bool {
        let known = self.readings.iter().position(|one| one.subject == subject);
        if known.is_none() && self.readings.len() >= READINGS_MAX {
            return false;
        }
        let place = known.unwrap_or_else(|| {
            self.readings.push(Reading {
                subject,
                demanding: Marks::default(),
                by_text: HashMap::default(),
                lengths: 0,
                tests: Vec::new(),
            });
            self.readings.len() - 1
        });
        let reading = &mut self.readings[place];
        if let Some(text) = part.demands()
            && !reading.demanding.has(number)
        {
            reading.demanding.mark(number);
            reading.by_text.entry(text.into()).or_default().mark(number);
            reading.lengths |= length(text);
            return true;
        }
        if let Some((_, marks)) = reading.tests.iter_mut().find(|(test, _)| test == part) {
            marks.mark(number);
            return true;
        }
        let has_room = reading.tests.len() < TESTS_MAX;
        if has_room {
            let mut marks = Marks::default();
            marks.mark(number);
            reading.tests.push((part.clone(), marks));
        }
        has_room
    }
}

/// Asks an index about one item after the other.
#[derive(Debug)]
pub struct Finder<'i> {
    index: &'i Index,
    kind: Option<ItemKind>,
    /// What the last item had, for each reading of its kind.
    kept: Vec<Kept>,
    /// For each reading: the conditions that it does not exclude, and those with a mismatch.
    allowed: Vec<u64>,
    odd: Vec<u64>,
    /// Those that may hold, and of them those that hold.
    may_hold: Set,
    hold: Set,
    leading: Vec<u32>,
    scratch: Set,
    turn: u64,
}

impl<'i> Finder<'i> {
    /// Reads the item: everything else here speaks of it.
    pub fn find(&mut self, item: &Item<'_>) {
        let table = &self.index.of_kind[item.kind as usize];
        let mut differs = self.kind != Some(item.kind);
        if differs {
            self.begin(item.kind, table);
        }
        for (place, reading) in table.readings.iter().enumerate() {
            let is_kept = match reading.subject {
                Subject::Attribute(slot) => self.kept[place].is_attribute(item.slots.peek(slot)),
                Subject::Variable(variable) => self.kept[place].is(variable.of(item)),
            };
            if !is_kept {
                let value = reading.subject.of(item);
                self.kept[place].keep(value);
                differs |= self.read(place, reading, value, item);
            }
        }
        if differs {
            self.combine(table);
        }
    }

    /// The leading conditions with a number in the range that may hold, ascending.
    pub fn leading(&self, numbers: Range<usize>) -> &[u32] {
        let place = |number: usize| self.leading.partition_point(|one| (*one as usize) < number);
        &self.leading[place(numbers.start)..place(numbers.end)]
    }

    /// Whether a condition holds: `ask` is asked where that is not known.
    #[inline]
    pub fn holds(&self, number: usize, ask: impl FnOnce() -> bool) -> bool {
        self.knows(number).unwrap_or_else(ask)
    }

    /// Whether a condition holds, where that is known without asking it.
    #[inline]
    pub fn knows(&self, number: usize) -> Option<bool> {
        match (has(&self.may_hold, number), has(&self.hold, number)) {
            (false, _) => Some(false),
            (true, true) => Some(true),
            (true, false) => None,
        }
    }

    /// Another number whenever something else may hold.
    pub fn turn(&self) -> u64 {
        self.turn
    }

    fn begin(&mut self, kind: ItemKind, table: &Table) {
        let (readings, words) = (table.readings.len(), table.possible.len());
        self.kind = Some(kind);
        self.kept.clear();
        self.kept.resize_with(readings, Kept::default);
        for sets in [&mut self.allowed, &mut self.odd] {
            sets.clear();
            sets.resize(readings * words, 0);
        }
        for set in [&mut self.may_hold, &mut self.hold, &mut self.scratch] {
            set.clear();
            set.resize(words, 0);
        }
    }

    /// Whether the value changes what is allowed or odd.
    fn read(&mut self, place: usize, reading: &Reading, value: Option<Val<'_>>, item: &Item<'_>) -> bool {
        let words = self.may_hold.len();
        let (allowed, odd) = (&mut self.scratch, &mut self.odd[place * words..][..words]);
        allowed.fill(!0);
        let was_odd = odd.iter().any(|word| *word != 0);
        if was_odd {
            odd.fill(0);
        }
        let mut is_odd = false;
        reading.demanding.take_from(allowed);
        match value {
            Some(Val::Text(text)) if reading.lengths & length(text) != 0 => {
                reading.by_text.get(text).into_iter().for_each(|marks| marks.add_to(allowed));
            }
            Some(Val::Text(_)) | None => {}
            Some(_) => {
                is_odd |= !reading.by_text.is_empty();
                reading.demanding.add_to(odd);
            }
        }
        for (test, marks) in &reading.tests {
            let mut mismatches = 0;
            let quick = value.and_then(|value| test.of_value(value));
            if !quick.unwrap_or_else(|| test.holds(item, &mut mismatches)) {
                marks.take_from(allowed);
            }
            if mismatches > 0 {
                is_odd = true;
                marks.add_to(odd);
            }
        }
        let before = &mut self.allowed[place * words..][..words];
        let differs = was_odd || is_odd || *before != **allowed;
        before.copy_from_slice(allowed);
        differs
    }

    fn combine(&mut self, table: &Table) {
        self.turn += 1;
        let words = table.possible.len();
        if words == 0 {
            return;
        }
        self.may_hold.copy_from_slice(&table.possible);
        self.scratch.fill(0);
        for (allowed, odd) in self.allowed.chunks_exact(words).zip(self.odd.chunks_exact(words)) {
            self.may_hold.iter_mut().zip(allowed).for_each(|(word, allowed)| *word &= allowed);
            self.scratch.iter_mut().zip(odd).for_each(|(word, odd)| *word |= odd);
        }
        self.leading.clear();
        for word in 0..words {
            let odd = self.scratch[word] & table.possible[word];
            self.hold[word] = self.may_hold[word] & table.whole[word] & !odd;
            self.may_hold[word] |= odd;
            let mut leading = self.may_hold[word] & table.leading[word];
            while leading != 0 {
                self.leading.push(word as u32 * 64 + leading.trailing_zeros());
                leading &= leading - 1;
            }
        }
    }
}

/// A value, to be compared with the next item's.
#[derive(Debug, Default)]
struct Kept {
    known: Known,
    text: String,
}

#[derive(Debug, Default, PartialEq)]
enum Known {
    /// Not read yet, or not worth to be kept.
    #[default]
    Nothing,
    Absent,
    Text,
    Bool(bool),
    Int(i64),
    Double(u64),
    Duration(i64),
    Time(u64),
    Other,
}

impl Kept {
    #[inline]
    fn is(&self, value: Option<Val<'_>>) -> bool {
        match (&self.known, value) {
            (Known::Text, Some(Val::Text(text))) => same(self.text.as_bytes(), text.as_bytes()),
            (Known::Absent, None) => true,
            (_, value) => Known::of(value).is_some_and(|known| known == self.known),
        }
    }

    /// As [`Self::is`], of most values without a copy.
    #[inline]
    fn is_attribute(&self, value: Option<&Value<'_>>) -> bool {
        match (&self.known, value) {
            (Known::Text, Some(Value::Str(text))) => same(self.text.as_bytes(), text.as_bytes()),
            (Known::Absent, None) => true,
            (Known::Int(known), Some(Value::Int(number))) => known == number,
            (_, None | Some(Value::Str(_) | Value::Int(_))) => false,
            (_, Some(value)) => self.is(Some(Val::of_attribute(*value))),
        }
    }

    fn keep(&mut self, value: Option<Val<'_>>) {
        self.known = Known::of(value).unwrap_or_default();
        if let Some(Val::Text(text)) = value
            && text.len() <= KEPT_TEXT_MAX
        {
            self.known = Known::Text;
            self.text.clear();
            self.text.push_str(text);
        }
    }
}

impl Known {
    /// `None` for a text: it is kept beside.
    fn of(value: Option<Val<'_>>) -> Option<Self> {
        Some(match value {
            None => Self::Absent,
            Some(Val::Text(_) | Val::Uint(_)) => return None,
            Some(Val::Bool(truth)) => Self::Bool(truth),
            Some(Val::Int(number)) => Self::Int(number),
            Some(Val::Double(number)) => Self::Double(number.to_bits()),
            Some(Val::Duration(ns)) => Self::Duration(ns),
            Some(Val::Time(ns)) => Self::Time(ns),
            Some(Val::Other) => Self::Other,
        })
    }
}
