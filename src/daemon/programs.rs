//! What programs of runbooks need of this machine: their files, folders and users. Starts nothing.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::engine::Plan;
use crate::runbook::{Action, Command, Piece};
use crate::runner::look_at;

const USERS: &str = "/etc/passwd";

/// A step that could not begin now.
#[derive(Debug, PartialEq, Eq)]
pub struct Unready {
    pub runbook: String,
    pub step: String,
    /// A sentence.
    pub why: String,
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "runbook {}: the step `{}` can not begin: {}", self.runbook, self.step, self.why)
    }
}

/// In the order of the configuration.
pub fn unready(plan: &Plan) -> Vec<Unready> {
    let users = fs::read_to_string(USERS).ok();
    let mut found = Vec::new();
    for runbook in plan.runbooks.iter().map(|plan| &plan.runbook) {
        for step in &runbook.steps {
            let Action::Command(command) = &step.action else { continue };
            let (runbook, step) = (&runbook.name, &step.name);
            let told = missing(command, users.as_deref()).into_iter();
            found.extend(told.map(|why| Unready { runbook: runbook.clone(), step: step.clone(), why }));
        }
    }
    found
}

/// As they are told by `reload`.
pub(super) fn warn(plan: &Plan) -> Vec<String> {
    let found = unready(plan);
    for Unready { runbook, step, why } in &found {
        tracing::warn!(runbook, step, reason = why, "runbook.step.can_not_begin");
    }
    found.iter().map(Unready::to_string).collect()
}

fn missing(command: &Command, users: Option<&str>) -> Vec<String> {
    let program = command.argv.first().and_then(|text| match &text.0[..] {
        [Piece::Plain(path)] => look_at(path).err(),
        _ => None,
    });
    let folder = command.folder.as_deref().filter(|folder| !Path::new(folder).is_dir());
    let folder = folder.map(|folder| format!("its folder `{folder}` is none, or can not be seen"));
    let is_known =
        |name: &str| users.is_none_or(|users| users.lines().any(|line| line.split(':').next() == Some(name)));
    let user = command.user.as_deref().filter(|name| !is_known(name));
    let user = user.map(|name| format!("its user `{name}` is not in {USERS}"));
    [program, folder, user].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{Bounds, Text};

    #[test]
    fn what_a_program_lacks_is_told() {
        let of = |program: &str, folder: &str, user: &str| {
            let command = Command {
                argv: vec![Text::plain(program.to_owned())],
                env: Vec::new(),
                secrets: Vec::new(),
                user: Some(user.to_owned()),
                folder: Some(folder.to_owned()),
                bounds: Bounds::default(),
            };
            missing(&command, Some("root:x:0:0::/root:/bin/sh\n"))
        };
        assert_eq!(of("/bin/sh", "/", "root"), Vec::<String>::new());
        assert_eq!(of("/bin/not-there", "/", "root"), ["`/bin/not-there` is not there"]);
        assert_eq!(of("/etc/passwd", "/", "root"), ["`/etc/passwd` is not executable"]);
        assert_eq!(of("/etc", "/", "root"), ["`/etc` is a folder"]);
        assert_eq!(of("/bin/sh", "/not-there", "root").len(), 1);
        assert_eq!(of("/bin/sh", "/", "roo"), ["its user `roo` is not in /etc/passwd"]);
    }
}
