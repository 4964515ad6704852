//! The signature of a webhook: `Evenkeel-Signature: t=<unix>,kid=<id>,v1=<hex HMAC-SHA256 of "t.body">`.
//! Pure: when it is signed is an argument.

use hmac::{Hmac, Mac};
use reqwest::header::HeaderValue;
use sha2::Sha256;

use super::identity::hex;
use super::integration::SigningKey;

pub(crate) const HEADER: &str = "Evenkeel-Signature";

/// The header's value. A receiver checks `v1` with the key that `kid` names, and that `t` is not long ago.
pub(crate) fn signature(key: &SigningKey, unix_s: u64, body: &[u8]) -> Option<HeaderValue> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.reveal().as_bytes()).ok()?;
    mac.update(format!("{unix_s}.").as_bytes());
    mac.update(body);
    let tag = hex(&mac.finalize().into_bytes());
    HeaderValue::try_from(format!("t={unix_s},kid={},v1={tag}", key.id)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond::Secret;

    fn key(id: &str, secret: &str) -> SigningKey {
        SigningKey { id: id.to_owned(), secret: Secret::new(secret) }
    }

    /// The tag was computed by OpenSSL: `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac …`.
    #[test]
    fn the_header_is_the_contracts_and_its_tag_is_what_others_compute() {
        let key = key("2026-01", "a secret of some length");
        let header = signature(&key, 1_700_000_000, br#"{"a":1}"#).unwrap();
        let tag = "e09db3ce6e6e8f9b633a62851e5074a9e9148ac19b1c0e1a8f7c352380be630b";
        assert_eq!(header, format!("t=1700000000,kid=2026-01,v1={tag}"));
    }

    #[test]
    fn another_body_time_or_key_is_another_signature() {
        let one = signature(&key("1", "secret"), 7, b"body").unwrap();
        assert_ne!(one, signature(&key("1", "secret"), 7, b"bodz").unwrap());
        assert_ne!(one, signature(&key("1", "secret"), 8, b"body").unwrap());
        assert_ne!(one, signature(&key("1", "Secret"), 7, b"body").unwrap());
    }
}
