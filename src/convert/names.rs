//! Names that documents of ours may have, each given once.

use std::collections::BTreeSet;

const NAME_MAX: usize = 63;

#[derive(Default)]
pub struct Names {
    taken: BTreeSet<(&'static str, String)>,
}

impl Names {
    /// A name for a document of a kind: lower-case letters, digits and `-`, and nobody else's.
    pub fn give(&mut self, kind: &'static str, wish: &str) -> String {
        let name = label(wish);
        let tries = (1_u32..).map(|number| match number {
            1 => name.clone(),
            number => {
                let ending = format!("-{number}");
                let kept: String = name.chars().take(NAME_MAX - ending.len()).collect();
                format!("{}{ending}", kept.trim_end_matches('-'))
            }
        });
        let free = tries.into_iter().find(|name| !self.taken.contains(&(kind, name.clone())));
        let free = free.unwrap_or(name);
        self.taken.insert((kind, free.clone()));
        free
    }
}

/// The nearest name that a document may have.
pub fn label(wish: &str) -> String {
    let tame = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let mut name = String::new();
    for c in wish.chars().map(tame) {
        if c != '-' || !name.ends_with('-') {
            name.push(c);
        }
    }
    let name = name.trim_start_matches('-');
    let name: String = name.chars().take(NAME_MAX).collect();
    match name.trim_end_matches('-') {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}
