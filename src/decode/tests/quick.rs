//! The quick way to read JSON against the parser: what it takes, the parser takes, and reads the same in it.

use crate::decode::Limits;
use crate::decode::json::schema::{Field, Kind, LOGS, METRICS, Message, TRACES};
use crate::decode::json::{by_parser, quick};

struct Chance {
    state: u64,
    /// As exporters write it.
    compact: bool,
}

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 20) % below
    }

    fn one<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.next(all.len() as u64) as usize]
    }

    fn space(&mut self) -> &'static str {
        if self.compact {
            return "";
        }
        self.one(&["", "", "", "", " ", "\n\t", "\r\n  "])
    }

    fn message(&mut self, message: &Message, depth: u32) -> String {
        let mut text = "{".to_owned() + self.space();
        for place in 0..message.fields.len() {
            let usual = &message.fields[place];
            let field = if self.next(20) == 0 {
                &message.fields[self.next(place as u64 + 1) as usize]
            } else {
                usual
            };
            if self.next(4) == 0 || depth > 12 {
                continue;
            }
            if text.trim_end().len() > 1 {
                text.push(',');
            }
            let name = match self.next(10) {
                0 => field.name.to_owned(),
                1 if self.next(20) == 0 => "future".to_owned(),
                _ => String::from_utf8(field.camel.as_bytes().to_vec()).unwrap(),
            };
            text += &format!("{}\"{name}\"{}:{}", self.space(), self.space(), self.space());
            text += &match (field.repeated, self.next(40)) {
                (_, 0) => "null".to_owned(),
                (true, 1..) => {
                    let each: Vec<String> = (0..self.next(4)).map(|_| self.value(field, depth)).collect();
                    format!("[{}{}{}]", self.space(), each.join(","), self.space())
                }
                _ => self.value(field, depth),
            };
            text += self.space();
        }
        text + "}"
    }

    fn value(&mut self, field: &Field, depth: u32) -> String {
        if self.next(150) == 0 {
            return self.one(ODD).to_owned();
        }
        let samples = match field.kind {
            Kind::Message(inner) | Kind::Item(inner) => return self.message(inner, depth + 1),
            Kind::Enum(names) if self.next(3) == 0 => return format!("\"{}\"", self.one(names)),
            Kind::String => TEXTS,
            Kind::Bool => &["true", "false", "false", "tru"],
            Kind::Bytes => &["\"\"", "\"aGk=\"", "\"-_+/aGk\"", "\"a\"", "\"\\u0041GkA\""],
            Kind::Id => IDS,
            Kind::Double => DOUBLES,
            Kind::Enum(_) => &["0", "1", "2", "-1", "2.0", "\"1\"", "99", "\"X\""],
            _ => INTEGERS,
        };
        self.one(samples).to_owned()
    }
}

#[rustfmt::skip]
const ODD: &[&str] = &[
    "null", "[]", "{}", "true", "1", "\"\"", "nul", "-", "01", "1.", ".5", "1e", "\"\\x\"", "-0", "1e999",
];
const TEXTS: &[&str] = &[
    "\"\"",
    "\"GET\"",
    "\"/api/v1/items/17\"",
    "\"é ☃\"",
    r#""a\"b\\c\/\n\u0041\u00e9""#,
    r#""\ud83d\ude00""#,
    r#""\ud83d""#,
    r#""a much longer text than eight bytes, with \t one escape""#,
    "\"tab\tinside\"",
    r#""\q""#,
];
const IDS: &[&str] = &[
    "\"\"",
    "\"5b8efff798038103d269b633813fc60c\"",
    "\"EEE19b7ec3c1b174\"",
    "\"abc\"",
    "\"xy\"",
    "\"0011223344556677889900112233445566\"",
];
#[rustfmt::skip]
const DOUBLES: &[&str] = &[
    "0", "3", "-3", "0.1", "1.7976931348623157e308", "5e-324", "-0.0", "-0", "1E+2", "\"NaN\"", "\"1.5\"",
    "123456789.123456789", "18446744073709551616", "9007199254740993", "0.30000000000000004",
];
#[rustfmt::skip]
const INTEGERS: &[&str] = &[
    "0", "1", "17", "-5", "\"17\"", "\"-5\"", "\"1544712660000000000\"", "1544712660000000000",
    "\"18446744073709551615\"", "9223372036854775808", "2147483648", "4294967296", "5.0", "\"007\"", "007", "\"\"", "1.5",
];

#[test]
fn what_is_read_the_quick_way_the_parser_reads_the_same() {
    let (mut chance, mut taken, mut refused) =
        (Chance { state: 0x9e37_79b9_7f4a_7c15, compact: false }, 0, 0);
    for turn in 0..6_000 {
        let message = [&TRACES, &LOGS, &METRICS][turn % 3];
        chance.compact = turn % 2 == 0;
        let mut text = chance.message(message, 0).into_bytes();
        if chance.next(3) == 0 && !text.is_empty() {
            let at = chance.next(text.len() as u64) as usize;
            match chance.next(3) {
                0 => text.truncate(at),
                1 => text[at] = chance.next(256) as u8,
                _ => drop(text.remove(at)),
            }
        }
        let limits = match chance.next(10) {
            0 => Limits { items_max: 2, ..Limits::DEFAULT },
            1 => Limits { depth_max: 7, ..Limits::DEFAULT },
            2 => Limits { bytes_max: 60, ..Limits::DEFAULT },
            _ => Limits::DEFAULT,
        };
        let by_parser = by_parser(message, &text, limits);
        refused += usize::from(by_parser.is_err());
        if let Some(bytes) = quick::to_protobuf(message, &text, limits) {
            taken += 1;
            assert_eq!(by_parser.as_ref(), Ok(&bytes), "{}", String::from_utf8_lossy(&text));
        }
    }
    assert!(taken > 1_000 && refused > 1_000, "{taken} taken, {refused} refused");
}

/// Guarantees: wherever a document is cut, and whatever byte stands in the place of another or is missing, it is not taken
/// for a document that it is not.
#[test]
fn a_document_with_one_mistake_anywhere_is_read_as_the_parser_reads_it() {
    let spans = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}},{"key":"n","value":{"intValue":"-5"}}],"entityRefs":[{"type":"t","idKeys":["a","b"]}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","name":"x\ny","kind":2,"startTimeUnixNano":"15","status":{"code":"STATUS_CODE_ERROR"}}]}],"schemaUrl":"u"}]}"#;
    let points = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","histogram":{"dataPoints":[{"count":3,"sum":1.5e0,"bucketCounts":[0,"3"],"explicitBounds":[0.25]}],"aggregationTemporality":2}}]}]}]}"#;
    let check = |message: &'static Message, text: &[u8]| {
        if let Some(bytes) = quick::to_protobuf(message, text, Limits::DEFAULT) {
            let by_parser = by_parser(message, text, Limits::DEFAULT);
            assert_eq!(by_parser, Ok(bytes), "{}", String::from_utf8_lossy(text));
        }
    };
    for (message, text) in [(&TRACES, &spans[..]), (&METRICS, points)] {
        assert!(quick::to_protobuf(message, text, Limits::DEFAULT).is_some());
        for at in 0..text.len() {
            check(message, &text[..at]);
            check(message, &[&text[..at], &text[at + 1..]].concat());
            for byte in *b"\"\\{}[]:, 0a-.\n\x00\xff" {
                check(message, &[&text[..at], &[byte], &text[at + 1..]].concat());
                check(message, &[&text[..at], &[byte], &text[at..]].concat());
            }
        }
    }
}

/// Guarantees: what would become much more than it may is given up as soon as it is.
#[test]
fn the_limit_of_bytes_holds_within_a_list_of_numbers() {
    let zeros = "0,".repeat(1_000_000);
    let text = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{"bucketCounts":[{zeros}0]}}]}}}}]}}]}}]}}"#
    );
    let limits = Limits { bytes_max: 1_000, ..Limits::DEFAULT };
    let used = allocation_counter::measure(|| {
        assert!(quick::to_protobuf(&METRICS, text.as_bytes(), limits).is_none());
    });
    assert!(used.bytes_max < 2 * text.len() as u64, "{used:?}");
}
