//! The program that runbooks start here, and what it wrote down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::Scratch;

pub struct Canary {
    scratch: Scratch,
}

/// One call, as the program saw it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Called {
    pub arguments: Vec<Vec<u8>>,
    pub environment: Vec<Vec<u8>>,
    pub input: Vec<u8>,
}

impl Canary {
    pub fn new() -> Self {
        let scratch = Scratch::new();
        std::fs::create_dir(scratch.path("calls")).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/runbooks/canary.c");
        let built = scratch.path("canary");
        assert!(Command::new("cc").args(["-O1", "-o"]).arg(&built).arg(source).status().unwrap().success());
        Self { scratch }
    }

    pub fn program(&self) -> PathBuf {
        self.scratch.path("canary")
    }

    pub fn calls_folder(&self) -> PathBuf {
        self.scratch.path("calls")
    }

    /// A document whose one step starts it; `more` is of the spec, and `what` for `CANARY`.
    pub fn runbook(&self, name: &str, arguments: &str, what: &str, more: &str) -> String {
        format!(
            "---\napiVersion: evenkeel/v1\nkind: Runbook\nmetadata: {{name: {name}}}\nspec:\n{more}  steps:\n    - name: sing\n      command:\n        argv: ['{}'{arguments}]\n        env: {{CANARY_FOLDER: '{}', CANARY: '{what}'}}\n",
            self.program().display(),
            self.calls_folder().display(),
        )
    }

    /// By the key of the run, as `run_….1.1`; the same key twice has `.again`.
    pub fn calls(&self) -> BTreeMap<String, Called> {
        let files = std::fs::read_dir(self.calls_folder()).unwrap().map(|file| file.unwrap().path());
        let read = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, Called::read(&std::fs::read(&path).unwrap()))
        };
        files.map(read).collect()
    }
}

impl Called {
    /// Of a call that was cut short, what is there.
    fn read(mut rest: &[u8]) -> Self {
        let mut called = Self::default();
        while let [letter, more @ ..] = rest {
            let Some(colon) = more.iter().position(|byte| *byte == b':') else { break };
            let length: usize = std::str::from_utf8(&more[..colon]).unwrap().parse().unwrap();
            let Some((bytes, after)) = more[colon + 1..].split_at_checked(length) else { break };
            match letter {
                b'a' => called.arguments.push(bytes.to_vec()),
                b'e' => called.environment.push(bytes.to_vec()),
                _ => called.input = bytes.to_vec(),
            }
            rest = after.get(1..).unwrap_or_default();
        }
        called
    }
}
