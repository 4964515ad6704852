//! Texts that nobody may see: keys, passwords, and addresses that are keys themselves.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file that are read.
pub const SECRET_BYTES_MAX: usize = 65_536;

/// Shown nowhere: there is no `Display`, and `Debug` says nothing of what it holds.
#[derive(Clone)]
pub struct Secret {
    text: String,
    /// Where it came from, as whoever exchanges it writes there.
    file: Option<Arc<Path>>,
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), file: None }
    }

    /// `content` is what the file held: one line counts without its end, several as they are.
    pub fn of_file(content: &str, file: PathBuf) -> Self {
        Self { text: trimmed(content).to_owned(), file: Some(file.into()) }
    }

    /// As its file has it now; as it was where that can not be read, or holds nothing. Blocks.
    pub fn fresh(&self) -> Self {
        let Some(file) = &self.file else { return self.clone() };
        match read(file) {
            Ok(content) => Self { text: trimmed(&content).to_owned(), file: Some(Arc::clone(file)) },
            Err(reason) => {
                tracing::warn!(file = %file.display(), reason, "secret.unreadable");
                self.clone()
            }
        }
    }

    /// For the one request that carries it.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

fn trimmed(content: &str) -> &str {
    let line = content.trim();
    if line.contains('\n') { content } else { line }
}

fn read(file: &Path) -> Result<String, String> {
    let mut content = String::new();
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    let read = opened.take(SECRET_BYTES_MAX as u64 + 1).read_to_string(&mut content);
    read.map_err(|error| error.to_string())?;
    match content.trim().len() {
        1.. if content.len() <= SECRET_BYTES_MAX => Ok(content),
        _ => Err(format!("a secret has 1 to {SECRET_BYTES_MAX} bytes")),
    }
}

/// The same text is the same secret.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Secret {}

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
    fn a_secret_of_a_file_follows_the_file_and_stays_where_that_is_gone() {
        let file = std::env::temp_dir().join(format!("evenkeel-secret-{}", std::process::id()));
        let secret = Secret::of_file("old\n", file.clone());
        assert_eq!(secret.reveal(), "old");
        for (content, expected) in [("new\n", "new"), ("a\nb\n", "a\nb\n"), (" \n", "old")] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(secret.fresh().reveal(), expected);
        }
        std::fs::remove_file(file).unwrap();
        assert_eq!(secret.fresh().reveal(), "old");
    }

    #[test]
    fn what_others_repeat_of_our_secrets_is_taken_out() {
        let secrets = ["hunter2", "abc", "hunter2"].map(Secret::new);
        assert_eq!(without(&secrets, "bad key hunter2, abc"), "bad key (secret), abc");
    }
}
