//! Whether a request may come in: asked before its body is read.

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::rate::Allowances;
use super::tls::Tls;
use super::tokens::{Role, Standing, Tokens};
use super::{Entrance, Listener, Share, Visitor};

/// Why a request may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Its connection showed no certificate. Another one must, so this is no 401.
    NoCertificate,
    /// It brought no token.
    NoToken,
    UnknownToken,
    /// The token is good for something else.
    OtherRole(Role),
    /// It brings more than it may; in so many seconds it may again.
    TooFast {
        retry_after_s: u32,
    },
}

impl Denied {
    /// Whether another credential is asked for (401), rather than another role (403).
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::NoToken | Self::UnknownToken)
    }

    pub fn text(self) -> String {
        match self {
            Self::NoCertificate => "a client certificate is needed".to_owned(),
            Self::NoToken => "a token is needed: send `Authorization: Bearer TOKEN`".to_owned(),
            Self::UnknownToken => "the token is not known here".to_owned(),
            Self::OtherRole(role) => {
                format!("the token has another role; role `{}` is needed here", role.as_str())
            }
            Self::TooFast { .. } => "more than `limits` allow a second; send again later".to_owned(),
        }
    }
}

/// Who was let in: what it brings is charged to it and to all together.
#[derive(Debug)]
pub struct Guest<'a> {
    entrance: &'a Entrance,
    own: Option<Arc<Allowances>>,
    name: Option<Arc<str>>,
    share: Arc<Share>,
}

impl Guest<'_> {
    /// Of the token; nothing where none is asked for.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Decompressed.
    pub fn brought_bytes(&self, bytes: u64) {
        let now_ns = self.entrance.now_ns();
        self.allowances().for_each(|one| one.charge_bytes(now_ns, bytes));
    }

    pub fn brought_items(&self, items: u64) {
        let now_ns = self.entrance.now_ns();
        self.allowances().for_each(|one| one.charge_items(now_ns, items));
    }

    /// What it has in flight: its token, or its address where nobody has a token.
    pub fn share(&self) -> &Arc<Share> {
        &self.share
    }

    fn allowances(&self) -> impl Iterator<Item = &Allowances> {
        std::iter::once(&self.entrance.allowances).chain(self.own.as_deref())
    }
}

impl Entrance {
    /// Lets everybody in where nothing is asked for.
    pub fn admit(
        &self,
        listener: Listener,
        visitor: &Visitor,
        headers: &HeaderMap,
    ) -> Result<Guest<'_>, Denied> {
        self.admit_as(Role::of(listener), listener, visitor, headers)
    }

    /// For what needs more than the listener asks for.
    pub fn admit_as(
        &self,
        role: Role,
        listener: Listener,
        visitor: &Visitor,
        headers: &HeaderMap,
    ) -> Result<Guest<'_>, Denied> {
        let admitted = self.known(role, visitor, headers).and_then(|guest| {
            let now_ns = self.now_ns();
            let limited = role == Role::Ingest;
            match guest.allowances().filter(|_| limited).filter_map(|one| one.wait_s(now_ns)).max() {
                Some(retry_after_s) => Err(Denied::TooFast { retry_after_s }),
                None => Ok(guest),
            }
        });
        if let Err(denied) = admitted {
            self.meters.denied(listener, denied);
        }
        admitted
    }

    fn known(&self, role: Role, visitor: &Visitor, headers: &HeaderMap) -> Result<Guest<'_>, Denied> {
        if self.tls.as_ref().is_some_and(Tls::asks_for_certificates) && !visitor.is_certified() {
            return Err(Denied::NoCertificate);
        }
        let own = self.tokens.as_ref().map(|tokens| standing(tokens, role, headers)).transpose()?;
        let (name, own) = own.unzip();
        let share = Arc::clone(own.as_ref().map_or(visitor.share(), |own| &own.share));
        Ok(Guest { entrance: self, own, name, share })
    }

    fn now_ns(&self) -> u64 {
        // From one second on, so that the first one's worth is there at once.
        u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_add(1_000_000_000)
    }
}

type Own = (Arc<str>, Arc<Allowances>);

fn standing(tokens: &Tokens, role: Role, headers: &HeaderMap) -> Result<Own, Denied> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let token = match (given.next(), given.next()) {
        (None, _) => return Err(Denied::NoToken),
        (Some(value), None) => bearer(value.as_bytes()).ok_or(Denied::NoToken)?,
        (Some(_), Some(_)) => return Err(Denied::UnknownToken),
    };
    match tokens.standing(token, role) {
        Standing::Good { name, allowances } => Ok((name, allowances)),
        Standing::OtherRole => Err(Denied::OtherRole(role)),
        Standing::Unknown => Err(Denied::UnknownToken),
    }
}

/// The token after `Bearer` and white space; the scheme in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    let token = rest.trim_ascii();
    let apart = rest.first().is_some_and(u8::is_ascii_whitespace);
    (scheme.eq_ignore_ascii_case(b"bearer") && apart && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_stands_after_its_scheme() {
        for (value, token) in [
            ("Bearer a", Some("a")),
            ("bearer  a ", Some("a")),
            ("BEARER a=", Some("a=")),
            ("Bearera", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("Basic YTpi", None),
            ("", None),
        ] {
            assert_eq!(bearer(value.as_bytes()), token.map(str::as_bytes), "{value:?}");
        }
    }
}
