//! Closed vocabularies of the field: ITIL categories, OpenTelemetry signals, priorities.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// What an event means to whoever runs the service (ITIL 4, monitoring and event management).
    Category { Informational = "informational", Warning = "warning", Exception = "exception" }
}

vocabulary! {
    /// The three OTLP signals; one export request carries exactly one of them.
    Signal { Traces = "traces", Logs = "logs", Metrics = "metrics" }
}

vocabulary! {
    /// What one item of a request is. `Event` stands for CloudEvents, which later work brings; log records with an event's
    /// name count as events too.
    ItemKind { Span = "span", Log = "log", Metric = "metric", Event = "event" }
}

vocabulary! {
    /// P1 is the most urgent. Alerts use all five, incidents P1 to P4. Ordered by urgency: `P1 < P2`.
    Priority { P1 = "P1", P2 = "P2", P3 = "P3", P4 = "P4", P5 = "P5" }
}

vocabulary! {
    /// What an alert asks of people; routes match on it. Ordered by urgency: `Page < Ticket`.
    Severity { Page = "page", Ticket = "ticket", Log = "log" }
}

vocabulary! {
    /// How much a service matters; `evenkeel.dev/tier` on its `Service` document.
    Tier { One = "1", Two = "2", Three = "3" }
}

impl Priority {
    /// P1 and P2 page, P3 and P4 open a ticket, P5 is only recorded.
    pub fn severity(self) -> Severity {
        match self {
            Self::P1 | Self::P2 => Severity::Page,
            Self::P3 | Self::P4 => Severity::Ticket,
            Self::P5 => Severity::Log,
        }
    }

    /// One step more urgent; P1 stays P1.
    pub fn raised(self) -> Self {
        match self {
            Self::P1 | Self::P2 => Self::P1,
            Self::P3 => Self::P2,
            Self::P4 => Self::P3,
            Self::P5 => Self::P4,
        }
    }
}

impl Signal {
    pub fn item_kind(self) -> ItemKind {
        match self {
            Self::Traces => ItemKind::Span,
            Self::Logs => ItemKind::Log,
            Self::Metrics => ItemKind::Metric,
        }
    }

    /// What the items of this signal are called in `/api/v1/counts`.
    pub fn items(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }
}

impl Tier {
    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}
