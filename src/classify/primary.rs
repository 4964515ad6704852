//! The values that operators stand between: literals, names, lists, calls, parentheses.

use std::ops::Range;

use super::ast::{Call, Expr, Form, Literal};
use super::error::ExprError;
use super::lexer::Token;
use super::parser::{DEPTH_MAX, Parsed, Parser, Stop};
use crate::model::Origin;

impl Parser<'_> {
    pub(super) fn prefix(&mut self) -> Parsed {
        let (token, at) = self.advance();
        let literal = |literal| Ok(Expr { at: at.clone(), form: Form::Literal(literal) });
        match token {
            Token::Word("true") => literal(Literal::Bool(true)),
            Token::Word("false") => literal(Literal::Bool(false)),
            Token::Word("null") => {
                self.errors.push(
                    ExprError::new(at.clone(), "there is no null")
                        .hint("ask has(x) for whether x is there, !has(x) for whether it is not"),
                );
                Ok(Expr { at, form: Form::Bad })
            }
            Token::Word("not" | "NOT") if self.begins_value() => {
                self.errors.push(ExprError::new(at.clone(), "`not` is no operator").hint("write `!`"));
                self.negated(at.start)
            }
            Token::Word("in") => self.stop(ExprError::new(at, "a value is missing in front of `in`")),
            Token::Word(word) => self.name(word, at),
            Token::Text(text) => literal(Literal::Text(text.into())),
            Token::Uint(value) => literal(Literal::Uint(value)),
            Token::Double(value) => literal(Literal::Double(value)),
            Token::Int(value) => self.int(false, value, at),
            Token::Bad => Ok(Expr { at, form: Form::Bad }),
            Token::Symbol("!") => self.negated(at.start),
            Token::Symbol("-") => self.negative(at),
            Token::Symbol("(") => {
                let inner = self.nested(|parser| parser.expr(0))?;
                let end = self.expect(")", "to close this parenthesis")?;
                Ok(Expr { at: at.start..end.end, form: inner.form })
            }
            Token::Symbol("[") => {
                let (items, end) = self.nested(|parser| parser.items("]"))?;
                Ok(Expr { at: at.start..end, form: Form::List(items) })
            }
            Token::Symbol("{") => self.stop(
                ExprError::new(at, "maps are not part of this language")
                    .hint("use a list, `x in [\"a\", \"b\"]`"),
            ),
            Token::End if self.cut => Err(Stop),
            Token::End => self.stop(ExprError::new(at, "a value is missing at the end")),
            Token::Symbol(symbol) => {
                self.stop(ExprError::new(at, format!("a value is missing in front of `{symbol}`")))
            }
        }
    }

    fn negated(&mut self, start: usize) -> Parsed {
        let inner = self.nested(|parser| {
            let prefix = parser.prefix()?;
            parser.postfix(prefix)
        })?;
        Ok(Expr { at: start..inner.at.end, form: Form::Not(Box::new(inner)) })
    }

    /// A minus is only ever the sign of a number.
    fn negative(&mut self, minus: Range<usize>) -> Parsed {
        match self.peek().clone() {
            Token::Int(value) => {
                let (_, at) = self.advance();
                self.int(true, value, minus.start..at.end)
            }
            Token::Double(value) => {
                let (_, at) = self.advance();
                Ok(Expr { at: minus.start..at.end, form: Form::Literal(Literal::Double(-value)) })
            }
            _ => self.stop(
                ExprError::new(minus, "arithmetic is not part of this language")
                    .hint("a minus stands only in front of a signed number, as in -5"),
            ),
        }
    }

    fn int(&mut self, negative: bool, value: u64, at: Range<usize>) -> Parsed {
        let signed = i128::from(value) * if negative { -1 } else { 1 };
        let form = match i64::try_from(signed) {
            Ok(value) => Form::Literal(Literal::Int(value)),
            Err(_) => {
                let message = format!("`{}` does not fit into 64 bits", &self.text[at.clone()]);
                self.errors.push(ExprError::new(at.clone(), message));
                Form::Bad
            }
        };
        Ok(Expr { at, form })
    }

    /// A dotted path, which is one name, unless its last word is called; or a function; or
    /// `attributes["k"]`.
    fn name(&mut self, first: &str, at: Range<usize>) -> Parsed {
        if *self.peek() == Token::Symbol("(") {
            return self.call(None, first, at.clone(), at.start);
        }
        let origin = match first {
            "attributes" => Some(Origin::Item),
            "resource" => Some(Origin::Resource),
            _ => None,
        };
        if let Some(origin) = origin
            && *self.peek() == Token::Symbol("[")
        {
            return self.keyed(origin, at);
        }
        let (mut path, mut end) = (first.to_owned(), at.end);
        while let [(Token::Symbol("."), _), (Token::Word(word), word_at), (after, _), ..] =
            &self.tokens[self.next..]
        {
            if *after == Token::Symbol("(") {
                break;
            }
            path.push('.');
            path.push_str(word);
            end = word_at.end;
            self.next += 2;
        }
        Ok(Expr { at: at.start..end, form: Form::Name(path) })
    }

    fn keyed(&mut self, origin: Origin, word: Range<usize>) -> Parsed {
        let (_, open) = self.advance();
        let (token, at) = self.advance();
        let key = match token {
            Token::Text(key) if !key.is_empty() => key,
            Token::Bad => return Err(Stop),
            _ => {
                let message = "an attribute's name in quotes belongs between these brackets";
                let hint = format!("as in {}[\"http.route\"]", &self.text[word]);
                return self.stop(ExprError::new(open.start..at.end, message).hint(hint));
            }
        };
        let end = self.expect("]", "behind the attribute's name")?;
        Ok(Expr { at: word.start..end.end, form: Form::Keyed(origin, key) })
    }

    /// Method calls behind a value; anything else there is a mistake.
    pub(super) fn postfix(&mut self, mut value: Expr) -> Parsed {
        for _ in 0..DEPTH_MAX {
            value = match self.peek() {
                Token::Symbol(".") => self.method(value)?,
                Token::Symbol("[") => {
                    let (_, at) = self.advance();
                    let hint = "only attributes[\"…\"] and resource[\"…\"] have brackets";
                    return self.stop(ExprError::new(at, "brackets do not select here").hint(hint));
                }
                _ => return Ok(value),
            };
        }
        let (_, at) = self.advance();
        self.stop(ExprError::new(at, "too many calls in a row"))
    }

    fn method(&mut self, receiver: Expr) -> Parsed {
        let (_, dot) = self.advance();
        let (token, at) = self.advance();
        let start = receiver.at.start;
        match token {
            Token::Word(word) if *self.peek() == Token::Symbol("(") => {
                self.call(Some(receiver), word, at, start)
            }
            Token::Word(word) => {
                let error = ExprError::new(dot.start..at.end, "a value has no fields");
                self.stop(match receiver.form {
                    Form::Keyed(_, key) => {
                        error.hint(format!("the whole name is the key: [\"{key}.{word}\"]"))
                    }
                    _ => error.hint("only functions are called on a value, as in name.startsWith(\"GET\")"),
                })
            }
            _ => self.stop(
                ExprError::new(dot, "a name is missing behind this dot")
                    .hint("a name with other characters is written attributes[\"…\"]"),
            ),
        }
    }

    fn call(&mut self, receiver: Option<Expr>, name: &str, name_at: Range<usize>, start: usize) -> Parsed {
        self.advance();
        let (args, end) = self.nested(|parser| parser.items(")"))?;
        let call = Call { name: name.to_owned(), name_at, receiver, args };
        Ok(Expr { at: start..end, form: Form::Call(Box::new(call)) })
    }

    /// Values up to `close`, and where that ends. A comma behind the last one does no harm.
    fn items(&mut self, close: &'static str) -> Parsed<(Vec<Expr>, usize)> {
        let mut items = Vec::new();
        while *self.peek() != Token::Symbol(close) {
            items.push(self.expr(0)?);
            if *self.peek() != Token::Symbol(",") {
                break;
            }
            self.advance();
        }
        let end = self.expect(close, "behind the last value")?;
        Ok((items, end.end))
    }

    fn begins_value(&self) -> bool {
        match self.peek() {
            Token::Word(word) => !matches!(*word, "in" | "and" | "or"),
            Token::Symbol(symbol) => matches!(*symbol, "(" | "!" | "["),
            Token::Text(_) | Token::Int(_) | Token::Uint(_) | Token::Double(_) => true,
            Token::Bad | Token::End => false,
        }
    }
}
