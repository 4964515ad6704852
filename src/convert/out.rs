//! Trees to YAML as documents of ours are written: blocks, small things on one line, and quotes wherever a reader could
//! take a text for something else.

use crate::config::View;

#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    Text(String),
    /// A number or boolean as it is spelled.
    Bare(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
    /// On one line.
    Flow(Box<Self>),
}

const WIDTH: usize = 100;

impl Out {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn bare(text: impl Into<String>) -> Self {
        Self::Bare(text.into())
    }

    pub fn map<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn flow(self) -> Self {
        Self::Flow(Box::new(self))
    }

    /// What another document says, without comments and places.
    pub fn copied(view: View<'_>) -> Self {
        if let Some(entries) = view.entries() {
            let entries = entries.filter(|(_, value)| !value.is_null());
            return Self::Map(entries.map(|(name, value)| (name.to_owned(), Self::copied(value))).collect());
        }
        if let Some(items) = view.items() {
            return Self::List(items.map(Self::copied).collect());
        }
        let text = view.text().unwrap_or("").to_owned();
        if view.is_typed() { Self::Bare(text) } else { Self::Text(text) }
    }

    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(fields) => fields.iter().find(|(one, _)| one == name).map(|(_, value)| value),
            Self::Flow(inner) => inner.get(name),
            _ => None,
        }
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Map(fields) => fields.iter_mut().find(|(one, _)| one == name).map(|(_, value)| value),
            Self::Flow(inner) => inner.get_mut(name),
            _ => None,
        }
    }

    /// Sets a field of a mapping, at its place or at the end.
    pub fn set(&mut self, name: &str, value: Self) {
        if let Some(there) = self.get_mut(name) {
            *there = value;
        } else if let Self::Map(fields) = self {
            fields.push((name.to_owned(), value));
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Bare(text) => Some(text),
            _ => None,
        }
    }

    pub fn items_mut(&mut self) -> &mut [Self] {
        match self {
            Self::List(items) => items,
            Self::Flow(inner) => inner.items_mut(),
            _ => &mut [],
        }
    }

    /// A document's lines, without the `---` before it.
    pub fn document(&self) -> String {
        let mut out = String::new();
        match self {
            Self::Map(fields) => block_fields(&mut out, fields, 0),
            other => out.push_str(&format!("{}\n", flow(other))),
        }
        out
    }
}

fn block_fields(out: &mut String, fields: &[(String, Out)], indent: usize) {
    for (name, value) in fields {
        out.push_str(&" ".repeat(indent));
        out.push_str(&quoted(name));
        out.push(':');
        block_value(out, value, indent + 2);
    }
}

/// What stands behind a colon, with the end of its line.
fn block_value(out: &mut String, value: &Out, indent: usize) {
    match value {
        Out::Map(fields) if !fields.is_empty() => {
            out.push('\n');
            block_fields(out, fields, indent);
        }
        Out::List(items) if !is_small(items) => {
            out.push('\n');
            block_items(out, items, indent);
        }
        Out::Flow(inner) if flow(inner).chars().count() > WIDTH => block_value(out, inner, indent),
        Out::Text(text) if is_block(text) => {
            out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in text.lines() {
                out.push_str(format!("{}{line}", " ".repeat(indent)).trim_end());
                out.push('\n');
            }
        }
        other => out.push_str(&format!(" {}\n", flow(other))),
    }
}

fn block_items(out: &mut String, items: &[Out], indent: usize) {
    for item in items {
        let lead = format!("{}- ", " ".repeat(indent));
        match item {
            Out::Map(fields) if !fields.is_empty() => {
                let mut inner = String::new();
                block_fields(&mut inner, fields, indent + 2);
                out.push_str(&lead);
                out.push_str(&inner[indent + 2..]);
            }
            other => out.push_str(&format!("{lead}{}\n", flow(other))),
        }
    }
}

fn flow(value: &Out) -> String {
    match value {
        Out::Text(text) if needs_dollars(text) => quoted(&text.replace('$', "$$")),
        Out::Text(text) => quoted(text),
        Out::Bare(text) => text.clone(),
        Out::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Out::Map(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}: {}", quoted(name), flow(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Out::Flow(inner) => flow(inner),
    }
}

/// A list that reads well on one line.
fn is_small(items: &[Out]) -> bool {
    let is_leaf = |one: &Out| matches!(one, Out::Text(_) | Out::Bare(_));
    let is_flat = |item: &Out| match item {
        Out::Map(fields) => fields.iter().all(|(_, value)| is_leaf(value)),
        other => is_leaf(other),
    };
    let width: usize = items.iter().map(|item| flow(item).chars().count() + 2).sum();
    items.iter().all(is_flat) && width <= WIDTH
}

/// Texts of several lines that a literal block holds as they are.
fn is_block(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    lines.contains('\n')
        && !lines.starts_with([' ', '\n'])
        && !lines.ends_with('\n')
        && lines.lines().all(|line| line.trim_end() == line)
        && !text.chars().any(|c| is_odd(c) && c != '\n')
        && !needs_dollars(text)
}

fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// `$$` and `${` would be substituted, in values.
fn needs_dollars(text: &str) -> bool {
    text.contains("${") || text.contains("$$")
}

fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    match text.chars().any(is_odd) {
        true => double(text),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_odd(c) => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What every reader of YAML takes for the same text without quotes, in blocks and on one line.
fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    let is_duration = text
        .strip_suffix(['m', 'h', 'd', 'w', 'M', 'Q', 'Y'])
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ');
    is_duration
        || text.starts_with(|c: char| c.is_alphabetic())
            && !text.ends_with(' ')
            && text.chars().all(inside)
            && !WORDS.contains(&&*text.to_ascii_lowercase())
}
