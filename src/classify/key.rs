//! What sets the events of a rule's alert apart: one attribute each, as text.

use std::borrow::Cow;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::model::{Item, Origin, Slot, Value, Wanted};

#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Key {
    pub name: String,
    source: Source,
}

#[derive(Clone, Copy, Debug, BorshSerialize, BorshDeserialize)]
enum Source {
    Service,
    Name,
    Attribute(Slot),
}

impl Key {
    /// `service.name` and `name` are the item's own; every other name is an attribute.
    pub fn new(name: &str, wanted: &mut Wanted) -> Self {
        let source = match name {
            "service.name" => Source::Service,
            "name" => Source::Name,
            _ => Source::Attribute(wanted.slot(Origin::Nearest, name)),
        };
        Self { name: name.to_owned(), source }
    }

    /// Empty where the item does not have it.
    pub fn of<'i>(&self, item: &Item<'i>) -> Cow<'i, str> {
        match self.source {
            Source::Service => Cow::Borrowed(item.service),
            Source::Name => Cow::Borrowed(item.name),
            Source::Attribute(slot) => match item.slots.get(slot) {
                None => Cow::Borrowed(""),
                Some(Value::Str(text)) => Cow::Borrowed(text),
                Some(Value::Int(number)) => Cow::Owned(number.to_string()),
                Some(Value::Double(number)) => Cow::Owned(number.to_string()),
                Some(Value::Bool(truth)) => Cow::Borrowed(if truth { "true" } else { "false" }),
                Some(Value::Other) => Cow::Borrowed("(structured)"),
            },
        }
    }
}
