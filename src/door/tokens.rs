//! Bearer tokens: read from files, kept as digests, read again when a file changes. A file that is gone or
//! holds no token any more leaves the last good one in force, and that is said.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use super::Listener;
use super::files::{Stamp, is_open_to_all};
use super::rate::{Allowances, Rates};

const TOKEN_BYTES_MAX: usize = 4096;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To send telemetry.
    Ingest,
    /// To read the page, the API and the metrics.
    Viewer,
    /// To read, and to change what runs.
    Operator,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Viewer, Self::Operator];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }

    /// The role that a listener asks for.
    pub fn of(listener: Listener) -> Self {
        match listener {
            Listener::OtlpGrpc | Listener::OtlpHttp => Self::Ingest,
            Listener::Http => Self::Viewer,
        }
    }

    pub fn covers(self, needed: Self) -> bool {
        self == needed || (self == Self::Operator && needed == Self::Viewer)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFile {
    pub name: String,
    pub file: PathBuf,
    pub role: Role,
    pub rates: Rates,
}

/// The token of a file's text; an error is a sentence's end: "FILE is empty".
pub fn token_in(text: &str) -> Result<&str, &'static str> {
    let token = text.trim_matches([' ', '\t', '\r', '\n']);
    match token {
        "" => Err("is empty"),
        _ if token.len() > TOKEN_BYTES_MAX => Err("holds more than 4,096 bytes"),
        _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err("holds more than one word, or characters that no header can carry")
        }
        _ => Ok(token),
    }
}

/// The tokens in force.
#[derive(Debug)]
pub(super) struct Tokens(RwLock<Vec<Known>>);

#[derive(Debug)]
struct Known {
    of: TokenFile,
    name: Arc<str>,
    digest: [u8; 32],
    /// Of the file when it was last looked at; `None` while it was not there.
    stamp: Option<Stamp>,
    allowances: Arc<Allowances>,
}

/// How far a token leads.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    Unknown,
    /// Known, and good for something else.
    OtherRole,
    Good {
        name: Arc<str>,
        allowances: Arc<Allowances>,
    },
}

impl Tokens {
    pub(super) fn read(files: &[TokenFile]) -> io::Result<Self> {
        let known = files.iter().map(Known::read).collect::<io::Result<_>>()?;
        Ok(Self(RwLock::new(known)))
    }

    /// Looks at every token, however early one fits: how long it takes tells nothing.
    pub(super) fn standing(&self, token: &[u8], role: Role) -> Standing {
        let digest = digest(token);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().fold(Standing::Unknown, |standing, one| {
            match (same(&one.digest, &digest), one.of.role.covers(role)) {
                (true, true) => {
                    Standing::Good { name: Arc::clone(&one.name), allowances: Arc::clone(&one.allowances) }
                }
                (true, false) if matches!(standing, Standing::Unknown) => Standing::OtherRole,
                _ => standing,
            }
        })
    }

    /// Puts other rates into effect for tokens of these names; the names of those that differ.
    pub(super) fn set_rates(&self, files: &[TokenFile]) -> Vec<String> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let named =
            files.iter().filter_map(|file| known.iter().find(|one| one.of.name == file.name).zip(Some(file)));
        let differ = named.filter(|(one, file)| one.allowances.set(file.rates));
        differ.map(|(one, _)| one.of.name.clone()).collect()
    }

    /// Reads what has changed on disk since the last look. Blocks.
    pub(super) fn look(&self) {
        // Read first, locked after: a disk that hangs must hold up nobody who asks.
        let fresh: Vec<(usize, Option<Stamp>, Option<[u8; 32]>)> = {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let files: Vec<(TokenFile, Option<Stamp>)> =
                known.iter().map(|one| (one.of.clone(), one.stamp)).collect();
            drop(known);
            let changed = files.iter().enumerate().filter_map(|(index, (file, before))| {
                let stamp = Stamp::of(&file.file);
                (stamp != *before).then(|| (index, stamp, reread(file)))
            });
            changed.collect()
        };
        if fresh.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (index, stamp, digest) in fresh {
            known[index].stamp = stamp;
            known[index].digest = digest.unwrap_or(known[index].digest);
        }
    }
}

impl Known {
    fn read(of: &TokenFile) -> io::Result<Self> {
        let stamp = Stamp::of(&of.file);
        if is_open_to_all(&of.file) {
            tracing::warn!(name = of.name, file = %of.file.display(), "door.token.readable_by_all");
        }
        let digest = digest_in(&of.file).map_err(|error| {
            let text = format!("the token `{}` of {}: {error}", of.name, of.file.display());
            io::Error::new(error.kind(), text)
        })?;
        let allowances = Arc::new(Allowances::new(of.rates));
        Ok(Self { of: of.clone(), name: Arc::from(of.name.as_str()), digest, stamp, allowances })
    }
}

fn reread(of: &TokenFile) -> Option<[u8; 32]> {
    match digest_in(&of.file) {
        Ok(digest) => {
            tracing::info!(name = of.name, role = of.role.as_str(), "door.token.reloaded");
            Some(digest)
        }
        Err(error) => {
            let file = of.file.display();
            tracing::warn!(name = of.name, %file, %error, "door.token.kept: the last good one stays in force");
            None
        }
    }
}

/// Nothing of the file's text gets into the error.
fn digest_in(path: &Path) -> io::Result<[u8; 32]> {
    let mut text = String::new();
    let most = (TOKEN_BYTES_MAX + 64) as u64;
    File::open(path)?.take(most).read_to_string(&mut text)?;
    let token = token_in(&text).map_err(|why| io::Error::other(format!("the file {why}")))?;
    Ok(digest(token.as_bytes()))
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// In the same time wherever they differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, role: Role, text: &str) -> TokenFile {
        let file = folder.join(format!("{name}.token"));
        std::fs::write(&file, text).unwrap();
        TokenFile { name: name.to_owned(), file, role, rates: Rates::default() }
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(token_in("abc\n"), Ok("abc"));
        assert_eq!(token_in(" \tabc==\r\n\n"), Ok("abc=="));
        for bad in ["", "\n", "a b", "a\nb", "ä", "a\0b", &"a".repeat(4097)] {
            assert!(token_in(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_good_for_its_role_alone_and_one_that_stands_twice_for_both() {
        let folder = crate::door::files::scratch("roles");
        let files = [
            file(&folder, "a", Role::Ingest, "sends"),
            file(&folder, "b", Role::Viewer, "reads"),
            file(&folder, "c", Role::Viewer, "both"),
            file(&folder, "d", Role::Ingest, "both"),
            file(&folder, "e", Role::Operator, "runs"),
        ];
        let tokens = Tokens::read(&files).unwrap();
        let word = |token: &str, role| match tokens.standing(token.as_bytes(), role) {
            Standing::Unknown => "unknown",
            Standing::OtherRole => "other",
            Standing::Good { .. } => "good",
        };
        for (token, standing) in [
            ("sends", ["good", "other", "other"]),
            ("reads", ["other", "good", "other"]),
            ("both", ["good", "good", "other"]),
            ("runs", ["other", "good", "good"]),
            ("send", ["unknown"; 3]),
            ("", ["unknown"; 3]),
        ] {
            assert_eq!(Role::ALL.map(|role| word(token, role)), standing, "{token}");
        }
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_bad_one_leaves_the_last_good_token() {
        let folder = crate::door::files::scratch("reload");
        let one = file(&folder, "one", Role::Ingest, "first");
        let tokens = Tokens::read(std::slice::from_ref(&one)).unwrap();
        let good =
            |token: &str| matches!(tokens.standing(token.as_bytes(), Role::Ingest), Standing::Good { .. });
        std::fs::write(&one.file, "the second\n").unwrap();
        tokens.look();
        assert!(good("first"), "two words are no token");
        std::fs::write(&one.file, "").unwrap();
        tokens.look();
        assert!(good("first"), "empty");
        std::fs::remove_file(&one.file).unwrap();
        tokens.look();
        assert!(good("first"), "gone");
        std::fs::write(&one.file, "third").unwrap();
        tokens.look();
        assert!(good("third") && !good("first"));
        assert!(!format!("{tokens:?}").contains("third"));
    }
}
