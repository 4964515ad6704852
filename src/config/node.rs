//! A YAML document as a tree in which every node knows its place. Holds text, not meaning:
//! whether `28d` is a duration is for its reader to say.

/// Where something is written. `file` is an index into [`super::report::Report`]'s list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub file: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// In characters, on this line.
    pub width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// After substitution.
    pub text: String,
    pub style: Style,
    /// As written, where a substitution changed the text: messages quote this, not the secret that came in.
    pub written: Option<String>,
    /// The scalar begins and ends on one line.
    pub single_line: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub text: String,
    pub at: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub at: Place,
    pub value: Value,
}

impl Scalar {
    /// What YAML reads as no value at all.
    pub fn is_null(&self) -> bool {
        self.is_bare() && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// What YAML reads as a boolean or a number, not as a text.
    pub fn is_typed(&self) -> bool {
        let number = || self.text.parse::<f64>().is_ok() && self.text.contains(|c: char| c.is_ascii_digit());
        self.is_bare() && (self.truth().is_some() || number())
    }

    pub fn truth(&self) -> Option<bool> {
        match &*self.text {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// Plain and without substitution: YAML's own types apply.
    pub fn is_bare(&self) -> bool {
        self.style == Style::Plain && self.written.is_none()
    }

    /// For messages.
    pub fn shown(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.text)
    }
}

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    pub fn entries(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// A field of a mapping that has a value.
    pub fn get(&self, name: &str) -> Option<&Node> {
        let (_, node) = self.entries()?.iter().find(|(key, _)| key.text == name)?;
        Some(node).filter(|node| !node.is_null())
    }

    /// A copy without what the path of names leads to.
    pub fn without(&self, path: &[&str]) -> Self {
        let mut copy = self.clone();
        if let (Value::Mapping(entries), [name, rest @ ..]) = (&mut copy.value, path) {
            match rest {
                [] => entries.retain(|(key, _)| key.text != *name),
                rest => {
                    for (_, node) in entries.iter_mut().filter(|(key, _)| key.text == *name) {
                        *node = node.without(rest);
                    }
                }
            }
        }
        copy
    }

    /// Without the annotations that are for people: those whose names have no prefix decide nothing, wherever they stand.
    pub fn deciding(&self) -> Self {
        let mut copy = self.clone();
        match &mut copy.value {
            Value::Mapping(entries) => {
                for (key, node) in entries {
                    *node = node.deciding();
                    if let ("annotations", Value::Mapping(inner)) = (&*key.text, &mut node.value) {
                        inner.retain(|(name, _)| name.text.contains('/'));
                    }
                }
            }
            Value::Sequence(items) => items.iter_mut().for_each(|item| *item = item.deciding()),
            Value::Scalar(_) => {}
        }
        copy
    }

    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// What a message calls the node.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing",
            Value::Scalar(scalar) if scalar.is_bare() && scalar.truth().is_some() => "a boolean",
            Value::Scalar(scalar) if scalar.is_typed() => "a number",
            Value::Scalar(_) => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The content without places, comments and order of fields, for hashing.
    pub fn canonical(&self, out: &mut String) {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => out.push('~'),
            Value::Scalar(scalar) => {
                out.push(if scalar.is_typed() { '=' } else { '"' });
                out.push_str(&format!("{:?}", scalar.text));
            }
            Value::Sequence(items) => {
                out.push('[');
                items.iter().for_each(|item| item.canonical(out));
                out.push(']');
            }
            Value::Mapping(entries) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by(|(a, _), (b, _)| a.text.cmp(&b.text));
                out.push('{');
                for (key, node) in sorted {
                    out.push_str(&format!("{:?}:", key.text));
                    node.canonical(out);
                }
                out.push('}');
            }
        }
    }
}
