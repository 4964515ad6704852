//! Programs by their names: which read code, which start others, and by which of their options.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Shell,
    Interpreter(&'static Letters),
    /// Its first argument is code.
    Filter,
    /// Starts what its arguments name.
    Starter,
    /// Starts what its standard input says.
    Orders,
    Remote,
    Sudo,
    Find,
    /// Starts programs inside of containers.
    Carrier,
    Other,
}

/// Of an interpreter's options.
#[derive(PartialEq, Eq)]
pub(super) struct Letters {
    code: &'static str,
    /// The argument behind is their value.
    values: &'static str,
    /// Long ones of that kind.
    words: &'static [&'static str],
    /// Code is read from the standard input all the same.
    input: &'static str,
}

/// An image's own program: a shell or an interpreter, for all we know.
pub(super) const IMAGE: Kind =
    Kind::Interpreter(&Letters { code: "cCeE", values: "", words: &[], input: "" });
/// Read before the standard input is.
const SHELL_FILES: &[&str] = &["--rcfile", "--init-file", "--init-command"];
const SHELL_VALUES: &str = "oO";
const SHELLS: &[&str] =
    &["sh", "bash", "rbash", "dash", "zsh", "ksh", "mksh", "fish", "ash", "csh", "tcsh", "pwsh"];
/// Of a virtual machine, which takes code from files alone.
const JAVA_WORDS: &[&str] = &[
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--upgrade-module-path",
    "--add-modules",
    "--limit-modules",
    "--add-reads",
    "--add-exports",
    "--add-opens",
    "--patch-module",
    "--source",
];
const INTERPRETERS: &[(&str, Letters)] = &[
    ("java", Letters { code: "", values: "", words: JAVA_WORDS, input: "" }),
    ("python", Letters { code: "cm", values: "WX", words: &[], input: "i" }),
    ("pypy", Letters { code: "cm", values: "WX", words: &[], input: "i" }),
    ("perl", Letters { code: "eE", values: "I", words: &[], input: "" }),
    ("ruby", Letters { code: "e", values: "CEIr", words: &[], input: "" }),
    ("node", Letters { code: "ep", values: "Cr", words: &[], input: "i" }),
    ("nodejs", Letters { code: "ep", values: "Cr", words: &[], input: "i" }),
    ("deno", Letters { code: "ep", values: "", words: &[], input: "" }),
    ("bun", Letters { code: "ep", values: "r", words: &[], input: "" }),
    ("php", Letters { code: "rBRE", values: "cdtz", words: &[], input: "a" }),
    ("lua", Letters { code: "e", values: "l", words: &[], input: "i" }),
    ("luajit", Letters { code: "e", values: "l", words: &[], input: "i" }),
    ("R", Letters { code: "e", values: "", words: &[], input: "" }),
    ("Rscript", Letters { code: "e", values: "", words: &[], input: "" }),
    ("tclsh", Letters { code: "c", values: "", words: &[], input: "" }),
    ("groovy", Letters { code: "e", values: "c", words: &[], input: "" }),
];
/// Also what builds by rules: `make X='$(shell …)'`.
const FILTERS: &[&str] = &[
    "awk", "gawk", "mawk", "nawk", "sed", "sqlite", "make", "gmake", "bmake", "ninja", "rake", "cmake",
    "ant", "mvn", "gradle", "bazel", "npm", "pnpm", "yarn", "cargo",
];
const STARTERS: &[&str] = &[
    "env",
    "su",
    "sg",
    "doas",
    "gosu",
    "runuser",
    "pkexec",
    "busybox",
    "toybox",
    "nice",
    "ionice",
    "chrt",
    "taskset",
    "numactl",
    "prlimit",
    "runcon",
    "nohup",
    "timeout",
    "time",
    "setsid",
    "stdbuf",
    "unbuffer",
    "expect",
    "chroot",
    "nsenter",
    "unshare",
    "bwrap",
    "setpriv",
    "capsh",
    "tini",
    "socat",
    "machinectl",
    "systemd-run",
    "start-stop-daemon",
    "watch",
    "flock",
    "script",
    "strace",
    "ltrace",
    "gdb",
    "lldb",
    "valgrind",
    "perf",
    "run-parts",
    "dbus-run-session",
    "dbus-launch",
    "xvfb-run",
    "fakeroot",
    "firejail",
    "proot",
    "setarch",
    "cpulimit",
    "choom",
    "chpst",
    "setuidgid",
    "daemonize",
    "dumb-init",
    "su-exec",
    "rlwrap",
    "entr",
    "npx",
    "uvx",
    "pipx",
];
/// Editors too: what is typed into one may be a command.
const ORDERS: &[&str] = &[
    "at",
    "batch",
    "crontab",
    "xargs",
    "parallel",
    "dc",
    "m4",
    "vi",
    "vim",
    "vim.basic",
    "vim.tiny",
    "vim.nox",
    "vim.gtk3",
    "rvim",
    "vimdiff",
    "nvim",
    "view",
    "ex",
    "ed",
    "emacs",
    "emacsclient",
    "nano",
    "visudo",
    "vipw",
    "vigr",
];
/// A shell far away reads their arguments, or they start what their options say.
const REMOTE: &[&str] = &[
    "ssh",
    "rsh",
    "slogin",
    "scp",
    "sftp",
    "rsync",
    "ansible",
    "mosh",
    "pdsh",
    "pssh",
    "clush",
    "tmux",
    "screen",
    "byobu",
    "dtach",
    "abduco",
    "salt",
    "salt-call",
    "knife",
    "bolt",
    "fab",
    "consul",
];
/// One file under many names, and each does what it is called.
const MANY: &[&str] = &["busybox", "toybox", "coreutils"];
const CARRIERS: &[&str] = &[
    "docker",
    "docker-compose",
    "podman",
    "podman-compose",
    "nerdctl",
    "kubectl",
    "oc",
    "k3s",
    "microk8s",
    "crictl",
    "ctr",
    "lxc",
    "incus",
    "nomad",
    "ip",
];
const CODE_OPTIONS: &[&str] = &[
    "--command",
    "--init-command",
    "--eval",
    "--print",
    "--execute",
    "--expression",
    "--run",
    "--rcfile",
    "--init-file",
];
/// What the names of options end with that take a command.
const COMMAND_WORDS: &[&str] = &[
    "command",
    "cmd",
    "rsh",
    "exec",
    "execute",
    "eval",
    "program",
    "action",
    "script",
    "hook",
    "shell",
    "pager",
    "editor",
    "askpass",
    "upload-pack",
    "receive-pack",
];

/// `/usr/bin/python3.11` is `python`.
pub(super) fn kind(path: &str) -> Kind {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let is = |list: &[&str]| list.contains(&file) || list.contains(&name);
    let interpreter = INTERPRETERS.iter().find(|(one, _)| *one == name);
    match (interpreter, name) {
        (Some((_, letters)), _) => Kind::Interpreter(letters),
        (None, "sudo" | "sudoedit") => Kind::Sudo,
        (None, "find") => Kind::Find,
        _ if is(SHELLS) => Kind::Shell,
        _ if is(FILTERS) => Kind::Filter,
        _ if is(STARTERS) || file.starts_with("ld-") && file.contains(".so") => Kind::Starter,
        _ if is(ORDERS) => Kind::Orders,
        _ if is(REMOTE) || name.starts_with("ansible-") => Kind::Remote,
        _ if is(CARRIERS) => Kind::Carrier,
        _ => Kind::Other,
    }
}

/// Of what a link leads to, where its own name says nothing.
pub(super) fn kind_behind(target: &str) -> Kind {
    let file = target.rsplit('/').next().unwrap_or(target);
    if MANY.contains(&file) { Kind::Other } else { kind(target) }
}

/// Whether an option of the program takes code.
pub(super) fn takes_code(option: &str, kind: Kind) -> bool {
    let letters = match kind {
        Kind::Shell => "cC",
        Kind::Starter => "c",
        Kind::Interpreter(letters) => letters.code,
        _ => return false,
    };
    match option.starts_with("--") {
        true => CODE_OPTIONS.contains(&option.split('=').next().unwrap_or(option)),
        false => option.starts_with('-') && option.contains(|c| letters.contains(c)),
    }
}

/// Whether the argument behind an option is the option's.
pub(super) fn takes_value(option: &str, kind: Kind) -> bool {
    let letters = match kind {
        Kind::Shell => SHELL_VALUES,
        Kind::Interpreter(letters) if letters.words.contains(&option) => return true,
        Kind::Interpreter(letters) => letters.values,
        _ => return false,
    };
    !option.starts_with("--") && option.ends_with(|c| letters.contains(c))
}

/// Whether the program reads code from its standard input for this option, whatever else it is given.
pub(super) fn takes_input(option: &str, kind: Kind) -> bool {
    let is_short = option.starts_with('-') && !option.starts_with("--");
    match kind {
        Kind::Shell if is_short => {
            option == "-" || option.contains('s') || takes_code(option, kind) && !option.contains('c')
        }
        Kind::Shell => SHELL_FILES.contains(&option.split('=').next().unwrap_or(option)),
        Kind::Interpreter(letters) if is_short => {
            let mut flags = option.chars().take_while(|c| !letters.values.contains(*c));
            option == "-" || flags.any(|c| letters.input.contains(c))
        }
        Kind::Interpreter(_) => option == "--interactive",
        _ => false,
    }
}

/// Whether what it runs may be the name of something in its archives: `java -cp a.jar Main`.
pub(super) fn takes_a_name(kind: Kind) -> bool {
    matches!(kind, Kind::Interpreter(letters) if letters.words == JAVA_WORDS)
}

/// Where text is read from that is nobody's file.
pub(super) fn is_input(file: &str) -> bool {
    file == "-" || file.starts_with("/dev/") || file.starts_with("/proc/")
}

/// Whether an option, or what is set by one, is named for a command: `--to-command`, `core.pager`.
pub(super) fn is_for_a_command(name: &str) -> bool {
    let written = name.trim_start_matches('-');
    let name = written.to_ascii_lowercase();
    // `--action=restart` is what scripts of one's own are told; `--checkpoint-action` is a command.
    if matches!(&*name, "action" | "actions" | "hook" | "hooks") {
        return false;
    }
    let begins_a_word = |before: &str| {
        before.is_empty()
            || before.ends_with(['-', '.', '_'])
            || written[before.len()..].starts_with(|c: char| c.is_ascii_uppercase())
    };
    let singular = name.strip_suffix('s').unwrap_or(&name);
    let ends =
        |word: &str| [&*name, singular].iter().any(|one| one.strip_suffix(word).is_some_and(begins_a_word));
    COMMAND_WORDS.iter().any(|word| ends(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_for_a_command_by_the_last_word_of_its_name() {
        for name in
            ["--command", "--to-command", "core.pager", "--PostHook", "--pre_hook", "commands", "--scripts"]
        {
            assert!(is_for_a_command(name), "{name}");
        }
        for name in
            ["--action", "--transaction", "--webhook", "--fraction", "--transcript", "--host", "--unit"]
        {
            assert!(!is_for_a_command(name), "{name}");
        }
    }
}
