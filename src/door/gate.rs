//! Whether a request may come in: asked before its body is read.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::tls::Tls;
use super::tokens::{Role, Standing, Tokens};
use super::{Entrance, Listener, Visitor};

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
        }
    }
}

impl Entrance {
    /// Lets everybody in where nothing is asked for.
    pub fn admit(&self, listener: Listener, visitor: &Visitor, headers: &HeaderMap) -> Result<(), Denied> {
        let certificate = match self.tls.as_ref().is_some_and(Tls::asks_for_certificates) {
            true if !visitor.is_certified() => Err(Denied::NoCertificate),
            _ => Ok(()),
        };
        let admitted = certificate.and_then(|()| match &self.tokens {
            Some(tokens) => standing(tokens, Role::of(listener), headers),
            None => Ok(()),
        });
        if let Err(denied) = admitted {
            self.meters.denied(listener, denied);
        }
        admitted
    }
}

fn standing(tokens: &Tokens, role: Role, headers: &HeaderMap) -> Result<(), Denied> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let token = match (given.next(), given.next()) {
        (None, _) => return Err(Denied::NoToken),
        (Some(value), None) => bearer(value.as_bytes()).ok_or(Denied::NoToken)?,
        (Some(_), Some(_)) => return Err(Denied::UnknownToken),
    };
    match tokens.standing(token, role) {
        Standing::Good => Ok(()),
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
