//! Texts with parameters in them: `{{ name }}` and nothing else. A value is put in as it is, once, and never read again.

use borsh::{BorshDeserialize, BorshSerialize};

use super::params::Params;

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Text(pub Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Piece {
    Plain(String),
    Param(String),
}

impl Text {
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Plain(text.into())])
    }

    /// The error is a sentence about the text, and the byte that it is about.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        let place = |rest: &str| text.len() - rest.len();
        while let Some((before, after)) = rest.split_once("{{") {
            let at = place(rest) + before.len();
            let Some((inner, after)) = after.split_once("}}") else {
                return Err((at, "`{{` has no `}}`".to_owned()));
            };
            let name = inner.trim();
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                return Err((at, format!("`{{{{{inner}}}}}` is not the name of a parameter")));
            }
            if !before.is_empty() {
                pieces.push(Piece::Plain(before.to_owned()));
            }
            pieces.push(Piece::Param(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Plain(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Param(name) => Some(name.as_str()),
            Piece::Plain(_) => None,
        })
    }

    /// What it begins with before any parameter.
    pub fn head(&self) -> &str {
        match self.0.first() {
            Some(Piece::Plain(text)) => text,
            _ => "",
        }
    }

    /// `None` where a parameter has no value, which `check` refuses.
    pub fn fill(&self, params: &Params) -> Option<String> {
        self.fill_with(params, str::to_owned)
    }

    /// The same with each value written as `written` says.
    pub fn fill_with(&self, params: &Params, written: impl Fn(&str) -> String) -> Option<String> {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => Some(text.clone()),
            Piece::Param(name) => params.get(name).map(|value| written(value)),
        };
        self.0.iter().map(piece).collect()
    }
}
