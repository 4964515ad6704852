//! Texts that nobody may see: keys, passwords, and addresses that are keys themselves.

use std::fmt;

/// Shown nowhere: there is no `Display`, and `Debug` says nothing of what it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For the one request that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Shorter texts are found in anything, so hiding them would only garble what people read.
const HIDDEN_CHARS_MIN: usize = 4;

/// The text without any of the secrets that whoever wrote it knows from us.
pub(crate) fn without(secrets: &[Secret], text: &str) -> String {
    let worth = secrets.iter().map(Secret::reveal).filter(|secret| secret.len() >= HIDDEN_CHARS_MIN);
    worth.fold(text.to_owned(), |text, secret| text.replace(secret, "(secret)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_by_what_holds_it() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some((secret))");
    }

    #[test]
    fn what_others_repeat_of_our_secrets_is_taken_out() {
        let secrets = ["hunter2", "abc", "hunter2"].map(Secret::new);
        assert_eq!(without(&secrets, "bad key hunter2, abc"), "bad key (secret), abc");
    }
}
