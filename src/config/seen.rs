//! What the readers ask for, as they come by: lists of known fields, required ones, words of closed lists. A test holds the
//! schema against it, so no list has to be kept in two places by hand.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

type Names = BTreeSet<String>;

#[derive(Clone, Default)]
pub(super) struct Seen {
    /// By what a message calls the mapping. One word may stand for several mappings.
    pub fields: BTreeMap<String, BTreeSet<Names>>,
    pub required: BTreeMap<String, Names>,
    /// By the field that takes one of them.
    pub words: BTreeMap<String, BTreeSet<Names>>,
}

thread_local! {
    static SEEN: RefCell<Seen> = RefCell::default();
}

pub(super) fn fields(what: &str, known: &[&str]) {
    let names = known.iter().map(|name| (*name).to_owned()).collect();
    SEEN.with_borrow_mut(|seen| seen.fields.entry(what.to_owned()).or_default().insert(names));
}

pub(super) fn required(what: &str, name: &str) {
    SEEN.with_borrow_mut(|seen| seen.required.entry(what.to_owned()).or_default().insert(name.to_owned()));
}

pub(super) fn words<'w>(name: &str, words: impl Iterator<Item = &'w str>) {
    let words = words.map(str::to_owned).collect();
    SEEN.with_borrow_mut(|seen| seen.words.entry(name.to_owned()).or_default().insert(words));
}

/// All of this thread.
pub(super) fn all() -> Seen {
    SEEN.with_borrow(Clone::clone)
}
