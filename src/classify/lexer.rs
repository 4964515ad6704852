//! Text to tokens, each with its place. Reports what is no token at all; knows no grammar.

use std::ops::Range;

use super::error::ExprError;
use super::literal::{self, NumberText};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// Names and words such as `in` and `true`.
    Word(&'t str),
    Symbol(&'static str),
    Text(String),
    Int(u64),
    Uint(u64),
    Double(f64),
    /// A literal whose mistake has been reported.
    Bad,
    End,
}

/// Longer symbols first. The ones that the language does not have are here so that the parser can
/// say so by name.
const SYMBOLS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "=~", "!", "<", ">", "?", ":", "(", ")", "[", "]", ",", ".", "-",
    "+", "*", "/", "%", "&", "|", "=", "{", "}", ";",
];

pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    errors: Vec<ExprError>,
}

/// All tokens, closed by `End`, and the mistakes on the way.
pub(super) fn tokens(text: &str) -> (Vec<(Token<'_>, Range<usize>)>, Vec<ExprError>) {
    let mut lexer = Lexer { text, at: 0, errors: Vec::new() };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let token = lexer.token();
        let last = token == Token::End;
        tokens.push((token, start..lexer.at));
        if last {
            return (tokens, lexer.errors);
        }
    }
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Takes the leading characters that `fits` accepts.
    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn token(&mut self) -> Token<'t> {
        let Some(first) = self.rest().chars().next() else {
            return Token::End;
        };
        if let Some(token) = self.string() {
            return token;
        }
        if first.is_ascii_digit() || (first == '.' && self.begins_fraction()) {
            return self.number();
        }
        if is_word(first) {
            return Token::Word(self.take_while(is_word));
        }
        match SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
            Some(symbol) => {
                self.at += symbol.len();
                Token::Symbol(symbol)
            }
            None => self.unknown(first),
        }
    }

    /// Nothing behind an unknown character can be trusted, so the text ends here.
    fn unknown(&mut self, first: char) -> Token<'t> {
        let at = self.at..self.at + first.len_utf8();
        let error = ExprError::new(at, format!("`{first}` has no meaning here"));
        self.errors.push(match first {
            '`' => error.hint("write a name that needs quotes as attributes[\"…\"]"),
            '“' | '”' | '‘' | '’' | '„' | '«' | '»' => {
                error.hint("text stands between straight quotes, \"…\" or '…'")
            }
            _ => {
                error.hint("a name with other characters is written attributes[\"…\"], text is written \"…\"")
            }
        });
        self.at = self.text.len();
        Token::Bad
    }

    /// `.5` is a number unless the dot belongs to a name in front of it.
    fn begins_fraction(&self) -> bool {
        starts_with_digit(&self.rest()[1..])
            && !self.text[..self.at].ends_with(|c| is_word(c) || matches!(c, ')' | ']'))
    }

    fn number(&mut self) -> Token<'t> {
        let start = self.at;
        if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            self.take_while(|c| c.is_ascii_alphanumeric());
        } else {
            self.take_while(|c| c.is_ascii_digit());
            if self.rest().starts_with('.') && starts_with_digit(&self.rest()[1..]) {
                self.at += 1;
                self.take_while(|c| c.is_ascii_digit());
            }
            self.at += exponent_mark(self.rest());
            self.take_while(is_word);
        }
        let written = &self.text[start..self.at];
        match literal::number(written) {
            Ok(NumberText::Int(int)) => Token::Int(int),
            Ok(NumberText::Uint(uint)) => Token::Uint(uint),
            Ok(NumberText::Double(double)) => Token::Double(double),
            Err((message, hint)) => {
                let error = ExprError::new(start..self.at, message);
                self.errors.push(ExprError { hint, ..error });
                Token::Bad
            }
        }
    }

    /// A text literal with its prefix and either kind of quotes, single or triple.
    fn string(&mut self) -> Option<Token<'t>> {
        let start = self.at;
        let prefix = self.rest().len() - self.rest().trim_start_matches(['r', 'R', 'b', 'B']).len();
        let (prefix, body) = self.rest().split_at(prefix);
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| body.starts_with(quote))?;
        if prefix.len() > 2 {
            return None;
        }
        let raw = prefix.contains(['r', 'R']);
        let inside = start + prefix.len() + quote.len();
        let Some(len) = closing(&self.text[inside..], quote, raw) else {
            self.at = self.text.len();
            let opening = start..inside;
            self.errors.push(
                ExprError::new(opening, "this text is not closed").hint(format!("end it with {quote}")),
            );
            return Some(Token::Bad);
        };
        self.at = inside + len + quote.len();
        if prefix.contains(['b', 'B']) {
            let error = ExprError::new(start..self.at, "bytes are not part of this language");
            self.errors.push(error.hint("attributes that rules can compare are text: drop the `b`"));
            return Some(Token::Bad);
        }
        let written = &self.text[inside..inside + len];
        if raw {
            return Some(Token::Text(written.to_owned()));
        }
        match literal::unescape(written) {
            Ok(text) => Some(Token::Text(text)),
            Err(bad) => {
                let at = inside + bad.start..inside + bad.end;
                let escape = &self.text[at.clone()];
                self.errors.push(
                    ExprError::new(at.clone(), format!("`{escape}` is no escape"))
                        .hint("write \\\\ for a backslash, or r\"…\" for text without escapes"),
                );
                Some(Token::Bad)
            }
        }
    }
}

/// The length of a literal's inside, `None` where it is never closed.
fn closing(inside: &str, quote: &str, raw: bool) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if !raw => escaped = true,
            '\n' | '\r' if quote.len() == 1 => return None,
            _ if inside[index..].starts_with(quote) => return Some(index),
            _ => {}
        }
    }
    None
}

/// The length of `e`, `e+` or `e-` where digits follow it.
fn exponent_mark(text: &str) -> usize {
    let Some(after) = text.strip_prefix(['e', 'E']) else {
        return 0;
    };
    let digits = after.strip_prefix(['+', '-']).unwrap_or(after);
    if starts_with_digit(digits) { text.len() - digits.len() } else { 0 }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}
