//! The file system and the environment, as the configuration's reader wants them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::World;

pub(super) struct Machine;

impl World for Machine {
    fn read(&self, path: &Path) -> Result<String, String> {
        fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        })
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn target(&self, path: &Path) -> Option<String> {
        let target = path.is_absolute().then(|| fs::canonicalize(path).ok()).flatten()?;
        (target != path).then(|| target.display().to_string())
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        if pattern.is_dir() {
            return Ok(entries(pattern)?.into_iter().filter(|path| is_yaml(path)).collect());
        }
        let Some(name) = pattern.file_name().and_then(|name| name.to_str()).filter(|name| name.contains('*'))
        else {
            return Ok(vec![pattern.to_owned()]);
        };
        let folder =
            pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if folder.to_string_lossy().contains('*') {
            return Err("`*` is understood in the last part of a path only".to_owned());
        }
        let matches = |path: &PathBuf| {
            path.file_name().and_then(|one| one.to_str()).is_some_and(|one| glob(name, one)) && path.is_file()
        };
        let found: Vec<PathBuf> = entries(folder)?.into_iter().filter(matches).collect();
        Ok(found)
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let read = fs::read_dir(folder).map_err(|error| format!("the folder can not be read: {error}"))?;
    let mut paths: Vec<PathBuf> = read.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    Ok(paths)
}

fn is_yaml(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// `*` stands for any run of characters. A leading dot is matched by a written dot only.
fn glob(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let parts: Vec<&str> = pattern.split('*').collect();
    let (Some((first, rest)), true) = (parts.split_first(), parts.len() > 1) else { return pattern == name };
    let Some((last, middle)) = rest.split_last() else { return false };
    let Some(mut left) = name.strip_prefix(first).and_then(|left| left.strip_suffix(last)) else {
        return false;
    };
    for part in middle {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, name, expected) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("*.yaml", ".a.yaml", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("plain", "plain", true),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }
}
