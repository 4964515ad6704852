//! How a JSON object becomes a log record: which of its fields mean what.

/// Bytes of a path.
const PATH_BYTES_MAX: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Without it the record's own time counts, as it does where the field is absent.
    pub time: Option<TimeField>,
    pub service: FieldOrConstant,
    pub severity: Option<FieldOrConstant>,
    pub name: Option<FieldOrConstant>,
    pub body: Option<FieldPath>,
    pub attributes: Attributes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeField {
    pub field: FieldPath,
    pub unit: TimeUnit,
}

/// RFC 3339, or a number of these since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimeUnit {
    #[default]
    Rfc3339,
    Seconds,
    Millis,
    Micros,
    Nanos,
}

/// What the field holds; `value` where it is absent, or where no field is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FieldOrConstant {
    pub field: Option<FieldPath>,
    pub value: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Attributes {
    /// Every field, by the path to it.
    #[default]
    All,
    /// Names of attributes, and the fields that they are taken from.
    Named(Vec<(String, FieldPath)>),
}

/// Where in an object a value stands: `app.name` is the field of that name, or else `name` within `app`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath(String);

impl FieldPath {
    /// The error is a sentence's end.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        match text {
            "" => Err("is empty"),
            _ if text.len() > PATH_BYTES_MAX => Err("has more than 256 bytes"),
            _ if text.split('.').any(str::is_empty) => Err("has a dot without a name beside it"),
            _ => Ok(Self(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
