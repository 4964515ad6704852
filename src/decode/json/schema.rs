//! OTLP's messages as tables: which field of which name has which number and type.

use crate::model::text::same;

/// A message's fields.
#[derive(Debug)]
pub struct Message {
    pub fields: &'static [Field],
}

#[derive(Debug)]
pub struct Field {
    /// As in the `.proto` file; JSON may also say it in lowerCamelCase.
    pub name: &'static str,
    pub camel: Camel,
    pub number: u32,
    pub kind: Kind,
    pub repeated: bool,
}

impl Field {
    /// As it is in the `.proto` file, or in lowerCamelCase.
    #[inline]
    pub fn is_named(&self, key: &[u8]) -> bool {
        same(self.camel.as_bytes(), key) || same(self.name.as_bytes(), key)
    }
}

/// A name in lowerCamelCase.
#[derive(Debug)]
pub struct Camel {
    bytes: [u8; Self::LEN_MAX],
    len: usize,
}

impl Camel {
    const LEN_MAX: usize = 24;

    /// `start_time_unix_nano` -> `startTimeUnixNano`.
    const fn of(name: &str) -> Self {
        let (mut bytes, mut len, mut at, mut upper) = ([0; Self::LEN_MAX], 0, 0, false);
        while at < name.len() {
            let byte = name.as_bytes()[at];
            at += 1;
            if byte == b'_' {
                upper = true;
                continue;
            }
            bytes[len] = if upper { byte.to_ascii_uppercase() } else { byte };
            len += 1;
            upper = false;
        }
        Self { bytes, len }
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    String,
    Bool,
    /// Base64 in JSON.
    Bytes,
    /// The bytes that OTLP writes as hex: trace and span ids.
    Id,
    Uint32,
    Sint32,
    Fixed32,
    Int64,
    Uint64,
    Fixed64,
    Sfixed64,
    Double,
    /// The names of its values, by number.
    Enum(&'static [&'static str]),
    Message(&'static Message),
    /// A message that counts against the request's limit.
    Item(&'static Message),
}

use Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int64, Item, Message as Of, Sfixed64, Sint32, String,
    Uint32, Uint64,
};

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, camel: Camel::of(name), number, kind, repeated: false }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, camel: Camel::of(name), number, kind, repeated: true }
}

pub static TRACES: Message = Message { fields: &[many("resource_spans", 1, Of(&RESOURCE_SPANS))] };
pub static LOGS: Message = Message { fields: &[many("resource_logs", 1, Of(&RESOURCE_LOGS))] };
pub static METRICS: Message = Message { fields: &[many("resource_metrics", 1, Of(&RESOURCE_METRICS))] };

static RESOURCE_SPANS: Message = Message {
    fields: &[
        one("resource", 1, Of(&RESOURCE)),
        many("scope_spans", 2, Of(&SCOPE_SPANS)),
        one("schema_url", 3, String),
    ],
};

static RESOURCE_LOGS: Message = Message {
    fields: &[
        one("resource", 1, Of(&RESOURCE)),
        many("scope_logs", 2, Of(&SCOPE_LOGS)),
        one("schema_url", 3, String),
    ],
};

static RESOURCE_METRICS: Message = Message {
    fields: &[
        one("resource", 1, Of(&RESOURCE)),
        many("scope_metrics", 2, Of(&SCOPE_METRICS)),
        one("schema_url", 3, String),
    ],
};

static RESOURCE: Message = Message {
    fields: &[
        many("attributes", 1, Of(&KEY_VALUE)),
        one("dropped_attributes_count", 2, Uint32),
        many("entity_refs", 3, Of(&ENTITY_REF)),
    ],
};

static ENTITY_REF: Message = Message {
    fields: &[
        one("schema_url", 1, String),
        one("type", 2, String),
        many("id_keys", 3, String),
        many("description_keys", 4, String),
    ],
};

pub static KEY_VALUE: Message = Message { fields: &[one("key", 1, String), one("value", 2, Of(&ANY_VALUE))] };

static ANY_VALUE: Message = Message {
    fields: &[
        one("string_value", 1, String),
        one("bool_value", 2, Bool),
        one("int_value", 3, Int64),
        one("double_value", 4, Double),
        one("array_value", 5, Of(&ARRAY_VALUE)),
        one("kvlist_value", 6, Of(&KEY_VALUE_LIST)),
        one("bytes_value", 7, Bytes),
    ],
};

static ARRAY_VALUE: Message = Message { fields: &[many("values", 1, Of(&ANY_VALUE))] };
static KEY_VALUE_LIST: Message = Message { fields: &[many("values", 1, Of(&KEY_VALUE))] };

static SCOPE: Message = Message {
    fields: &[
        one("name", 1, String),
        one("version", 2, String),
        many("attributes", 3, Of(&KEY_VALUE)),
        one("dropped_attributes_count", 4, Uint32),
    ],
};

static SCOPE_SPANS: Message = Message {
    fields: &[one("scope", 1, Of(&SCOPE)), many("spans", 2, Item(&SPAN)), one("schema_url", 3, String)],
};

static SPAN: Message = Message {
    fields: &[
        one("trace_id", 1, Id),
        one("span_id", 2, Id),
        one("trace_state", 3, String),
        one("parent_span_id", 4, Id),
        one("name", 5, String),
        one("kind", 6, Enum(SPAN_KIND)),
        one("start_time_unix_nano", 7, Fixed64),
        one("end_time_unix_nano", 8, Fixed64),
        many("attributes", 9, Of(&KEY_VALUE)),
        one("dropped_attributes_count", 10, Uint32),
        many("events", 11, Of(&SPAN_EVENT)),
        one("dropped_events_count", 12, Uint32),
        many("links", 13, Of(&SPAN_LINK)),
        one("dropped_links_count", 14, Uint32),
        one("status", 15, Of(&STATUS)),
        one("flags", 16, Fixed32),
    ],
};

const SPAN_KIND: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

static SPAN_EVENT: Message = Message {
    fields: &[
        one("time_unix_nano", 1, Fixed64),
        one("name", 2, String),
        many("attributes", 3, Of(&KEY_VALUE)),
        one("dropped_attributes_count", 4, Uint32),
    ],
};

static SPAN_LINK: Message = Message {
    fields: &[
        one("trace_id", 1, Id),
        one("span_id", 2, Id),
        one("trace_state", 3, String),
        many("attributes", 4, Of(&KEY_VALUE)),
        one("dropped_attributes_count", 5, Uint32),
        one("flags", 6, Fixed32),
    ],
};

static STATUS: Message = Message { fields: &[one("message", 2, String), one("code", 3, Enum(STATUS_CODE))] };

const STATUS_CODE: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

static SCOPE_LOGS: Message = Message {
    fields: &[
        one("scope", 1, Of(&SCOPE)),
        many("log_records", 2, Item(&LOG_RECORD)),
        one("schema_url", 3, String),
    ],
};

static LOG_RECORD: Message = Message {
    fields: &[
        one("time_unix_nano", 1, Fixed64),
        one("severity_number", 2, Enum(SEVERITY_NUMBER)),
        one("severity_text", 3, String),
        one("body", 5, Of(&ANY_VALUE)),
        many("attributes", 6, Of(&KEY_VALUE)),
        one("dropped_attributes_count", 7, Uint32),
        one("flags", 8, Fixed32),
        one("trace_id", 9, Id),
        one("span_id", 10, Id),
        one("observed_time_unix_nano", 11, Fixed64),
        one("event_name", 12, String),
    ],
};

const SEVERITY_NUMBER: &[&str] = &[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];

static SCOPE_METRICS: Message = Message {
    fields: &[one("scope", 1, Of(&SCOPE)), many("metrics", 2, Of(&METRIC)), one("schema_url", 3, String)],
};

static METRIC: Message = Message {
    fields: &[
        one("name", 1, String),
        one("description", 2, String),
        one("unit", 3, String),
        one("gauge", 5, Of(&GAUGE)),
        one("sum", 7, Of(&SUM)),
        one("histogram", 9, Of(&HISTOGRAM)),
        one("exponential_histogram", 10, Of(&EXPONENTIAL_HISTOGRAM)),
        one("summary", 11, Of(&SUMMARY)),
        many("metadata", 12, Of(&KEY_VALUE)),
    ],
};

static GAUGE: Message = Message { fields: &[many("data_points", 1, Item(&NUMBER_POINT))] };

static SUM: Message = Message {
    fields: &[
        many("data_points", 1, Item(&NUMBER_POINT)),
        one("aggregation_temporality", 2, Enum(TEMPORALITY)),
        one("is_monotonic", 3, Bool),
    ],
};

static HISTOGRAM: Message = Message {
    fields: &[
        many("data_points", 1, Item(&HISTOGRAM_POINT)),
        one("aggregation_temporality", 2, Enum(TEMPORALITY)),
    ],
};

static EXPONENTIAL_HISTOGRAM: Message = Message {
    fields: &[
        many("data_points", 1, Item(&EXPONENTIAL_HISTOGRAM_POINT)),
        one("aggregation_temporality", 2, Enum(TEMPORALITY)),
    ],
};

static SUMMARY: Message = Message { fields: &[many("data_points", 1, Item(&SUMMARY_POINT))] };

const TEMPORALITY: &[&str] = &[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
];

static NUMBER_POINT: Message = Message {
    fields: &[
        one("start_time_unix_nano", 2, Fixed64),
        one("time_unix_nano", 3, Fixed64),
        one("as_double", 4, Double),
        many("exemplars", 5, Of(&EXEMPLAR)),
        one("as_int", 6, Sfixed64),
        many("attributes", 7, Of(&KEY_VALUE)),
        one("flags", 8, Uint32),
    ],
};

static HISTOGRAM_POINT: Message = Message {
    fields: &[
        one("start_time_unix_nano", 2, Fixed64),
        one("time_unix_nano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        many("bucket_counts", 6, Fixed64),
        many("explicit_bounds", 7, Double),
        many("exemplars", 8, Of(&EXEMPLAR)),
        many("attributes", 9, Of(&KEY_VALUE)),
        one("flags", 10, Uint32),
        one("min", 11, Double),
        one("max", 12, Double),
    ],
};

static EXPONENTIAL_HISTOGRAM_POINT: Message = Message {
    fields: &[
        many("attributes", 1, Of(&KEY_VALUE)),
        one("start_time_unix_nano", 2, Fixed64),
        one("time_unix_nano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        one("scale", 6, Sint32),
        one("zero_count", 7, Fixed64),
        one("positive", 8, Of(&BUCKETS)),
        one("negative", 9, Of(&BUCKETS)),
        one("flags", 10, Uint32),
        many("exemplars", 11, Of(&EXEMPLAR)),
        one("min", 12, Double),
        one("max", 13, Double),
        one("zero_threshold", 14, Double),
    ],
};

static BUCKETS: Message = Message { fields: &[one("offset", 1, Sint32), many("bucket_counts", 2, Uint64)] };

static SUMMARY_POINT: Message = Message {
    fields: &[
        one("start_time_unix_nano", 2, Fixed64),
        one("time_unix_nano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        many("quantile_values", 6, Of(&VALUE_AT_QUANTILE)),
        many("attributes", 7, Of(&KEY_VALUE)),
        one("flags", 8, Uint32),
    ],
};

static VALUE_AT_QUANTILE: Message =
    Message { fields: &[one("quantile", 1, Double), one("value", 2, Double)] };

static EXEMPLAR: Message = Message {
    fields: &[
        one("time_unix_nano", 2, Fixed64),
        one("as_double", 3, Double),
        one("span_id", 4, Id),
        one("trace_id", 5, Id),
        one("as_int", 6, Sfixed64),
        many("filtered_attributes", 7, Of(&KEY_VALUE)),
    ],
};
