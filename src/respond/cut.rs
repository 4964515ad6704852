//! Texts within the limits of a service. What is cut is noted by name, so that its reader knows.
//!
//! Lengths are counted in units of UTF-16, never fewer than characters: within them a text fits however the
//! other side counts.

use serde_json::{Map, Value};

/// Names that a note tells; the rest is a number.
const TOLD_MAX: usize = 20;
const TOLD_CHARS_MAX: usize = 60;

/// Room for a note: its names, with quotes and commas.
const NOTE_BYTES_MAX: usize = TOLD_MAX * (TOLD_CHARS_MAX + 3) + 64;

/// A value of which less is left tells nobody anything.
const WORTH_BYTES_MIN: usize = 32;

#[derive(Default)]
pub(super) struct Cut {
    names: Vec<String>,
    more: usize,
}

impl Cut {
    /// The text, or its beginning and `…`.
    pub fn text(&mut self, name: &str, text: &str, units_max: usize) -> String {
        if units(text) <= units_max {
            return text.to_owned();
        }
        self.note(name);
        beginning(text, units_max)
    }

    pub fn list<T>(&mut self, name: &str, mut items: Vec<T>, max: usize) -> Vec<T> {
        if items.len() > max {
            self.note(name);
            items.truncate(max);
        }
        items
    }

    /// The details that fit into `room` bytes of JSON, in their order; with a member `truncated` if anything was cut,
    /// here or before. A list where `nested`, else a text.
    pub fn details(
        &mut self,
        details: Vec<(String, String)>,
        value_max: usize,
        room: usize,
        nested: bool,
    ) -> Map<String, Value> {
        let mut map = Map::new();
        let mut left = room.saturating_sub(NOTE_BYTES_MAX);
        for (name, value) in details {
            let overhead = json_bytes(&name) + 2;
            let value = self.text(&name, &value, value_max);
            let room = left.saturating_sub(overhead);
            let value = match json_bytes(&value) <= room {
                true => value,
                false => {
                    self.note(&name);
                    // A unit takes up to six bytes when it is escaped.
                    let value = beginning(&value, room.saturating_sub(2) / 6);
                    if room < WORTH_BYTES_MIN {
                        continue;
                    }
                    value
                }
            };
            left = left.saturating_sub(overhead + json_bytes(&value));
            map.insert(name, Value::String(value));
        }
        if let Some(note) = self.told() {
            let note = if nested { Value::from(note) } else { Value::from(note.join(", ")) };
            map.insert("truncated".to_owned(), note);
        }
        map
    }

    pub fn happened(&self) -> bool {
        !self.names.is_empty()
    }

    /// What was cut, for people.
    pub fn told(&self) -> Option<Vec<String>> {
        let mut told = self.names.clone();
        if self.more > 0 {
            told.push(format!("and {} more", self.more));
        }
        self.happened().then_some(told)
    }

    pub fn note(&mut self, name: &str) {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-/ ".contains(c) { c } else { '_' };
        let name: String = name.chars().take(TOLD_CHARS_MAX).map(plain).collect();
        if self.names.contains(&name) {
        } else if self.names.len() < TOLD_MAX {
            self.names.push(name);
        } else {
            self.more += 1;
        }
    }
}

pub(super) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// All of a text that fits; else as much as fits with `…` after it.
pub(super) fn beginning(text: &str, units_max: usize) -> String {
    if units(text) <= units_max {
        return text.to_owned();
    }
    let mut room = units_max.saturating_sub(1);
    let fits = |c: &char| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        fits
    };
    let mut beginning: String = text.chars().take_while(fits).collect();
    beginning.extend((units_max > 0).then_some('…'));
    beginning
}

fn json_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_never_longer_than_allowed() {
        for text in ["short", "exactly ten", &"ä€𝄞".repeat(500), "\0\0\0\0\0\0\0\0\0\0\0\0"] {
            for max in 0..20 {
                let cut = beginning(text, max);
                assert!(units(&cut) <= max, "{text:?} {max}");
                assert_eq!(cut == text, units(text) <= max, "{text:?} {max}");
            }
        }
    }

    #[test]
    fn details_keep_their_order_fit_their_room_and_tell_what_is_missing() {
        let long = |name: &str| (name.to_owned(), "\u{1}".repeat(2_000));
        let details = vec![("first".to_owned(), "1".to_owned()), long("a"), long("b"), long("c")];
        let mut cut = Cut::default();
        let map = cut.details(details, 1_500, 16_000, true);
        assert!(serde_json::to_string(&map).unwrap().len() <= 16_000);
        assert_eq!(map.keys().collect::<Vec<_>>(), ["first", "a", "b", "truncated"]);
        assert_eq!(map["truncated"], serde_json::json!(["a", "b", "c"]));
        let whole = Cut::default().details(vec![("x".to_owned(), "y".to_owned())], 10, 10_000, true);
        assert_eq!(Value::from(whole), serde_json::json!({"x": "y"}));
    }

    #[test]
    fn a_note_is_short_however_much_was_cut() {
        let mut cut = Cut::default();
        (0..500).for_each(|number| cut.note(&format!("{number} {}", "x".repeat(500))));
        let told = cut.told().unwrap();
        assert_eq!((told.len(), &*told[20]), (21, "and 480 more"));
        assert!(told.join(", ").len() < NOTE_BYTES_MAX);
    }
}
