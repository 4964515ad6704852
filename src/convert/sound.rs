//! Has the written documents read as a configuration is. One that would be refused becomes a comment, so what is
//! written passes `check` whatever the definitions held.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Source;
use super::part::{Part, Unclear, lines};
use crate::config::{Level, World, load};

struct Memory(BTreeMap<PathBuf, String>);

impl World for Memory {
    fn read(&self, path: &Path) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

pub fn comment_out_what_is_not(sources: &[&Source], parts: &mut [Vec<Part>]) {
    // Each round makes a comment of one document at least.
    while refuse_once(sources, parts) {}
}

fn refuse_once(sources: &[&Source], parts: &mut [Vec<Part>]) -> bool {
    let mut begins = Vec::new();
    let mut files = BTreeMap::new();
    for (place, (source, parts)) in sources.iter().zip(&*parts).enumerate() {
        let (text, of_parts) = lines(source, parts);
        files.insert(PathBuf::from(place.to_string()), text);
        begins.push(of_parts);
    }
    let paths: Vec<PathBuf> = files.keys().cloned().collect();
    let loaded = load(&paths, &Memory(files));
    let mut refused = false;
    for finding in loaded.findings.iter().filter(|finding| finding.level == Level::Error) {
        let Some(file) = finding.file.parse::<usize>().ok().filter(|file| *file < begins.len()) else {
            continue;
        };
        let place = begins[file].iter().rposition(|begin| *begin <= finding.line);
        let Some(part) = place.and_then(|place| parts[file].get_mut(place)) else { continue };
        let why = format!("{}, {}", finding.message, finding.code);
        let unclear = Unclear::new(part.place.clone(), why);
        if !part.refusals.contains(&unclear) {
            part.refusals.push(unclear);
            refused = true;
        }
    }
    refused
}
