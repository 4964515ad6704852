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
    /// Code is read from the standard input all the same.
    input: &'static str,
}

/// An image's own program: a shell or an interpreter, for all we know.
pub(super) const IMAGE: Kind = Kind::Interpreter(&Letters { code: "cCeE", values: "", input: "" });
/// Read before the standard input is.
const SHELL_FILES: &[&str] = &["--rcfile", "--init-file", "--init-command"];
const SHELL_VALUES: &str = "oO";
const SHELLS: &[&str] =
    &["sh", "bash", "rbash", "dash", "zsh", "ksh", "mksh", "fish", "ash", "csh", "tcsh", "pwsh"];
const INTERPRETERS: &[(&str, Letters)] = &[
    ("python", Letters { code: "cm", values: "WX", input: "i" }),
    ("pypy", Letters { code: "cm", values: "WX", input: "i" }),
    ("perl", Letters { code: "eE", values: "I", input: "" }),
    ("ruby", Letters { code: "e", values: "CEIr", input: "" }),
    ("node", Letters { code: "ep", values: "Cr", input: "i" }),
    ("nodejs", Letters { code: "ep", values: "Cr", input: "i" }),
    ("deno", Letters { code: "ep", values: "", input: "" }),
    ("bun", Letters { code: "ep", values: "r", input: "" }),
    ("php", Letters { code: "rBRE", values: "cdtz", input: "a" }),
    ("lua", Letters { code: "e", values: "l", input: "i" }),
    ("luajit", Letters { code: "e", values: "l", input: "i" }),
    ("Rscript", Letters { code: "e", values: "", input: "" }),
    ("tclsh", Letters { code: "c", values: "", input: "" }),
    ("groovy", Letters { code: "e", values: "c", input: "" }),
];
const FILTERS: &[&str] = &["awk", "gawk", "mawk", "nawk", "sed"];
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
    "gdb",
];
const ORDERS: &[&str] = &["at", "batch", "crontab", "xargs", "parallel", "dc", "m4"];
/// A shell far away reads their arguments, or they start what their options say.
const REMOTE: &[&str] = &["ssh", "rsh", "slogin", "scp", "sftp", "rsync", "ansible"];
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
    "command", "cmd", "rsh", "exec", "execute", "eval", "program", "action", "script", "hook", "shell",
    "pager", "editor",
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
        _ if is(STARTERS) => Kind::Starter,
        _ if is(ORDERS) => Kind::Orders,
        _ if is(REMOTE) || name.starts_with("ansible-") => Kind::Remote,
        _ if is(CARRIERS) => Kind::Carrier,
        _ => Kind::Other,
    }
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

/// Where text is read from that is nobody's file.
pub(super) fn is_input(file: &str) -> bool {
    file == "-" || file.starts_with("/dev/") || file.starts_with("/proc/")
}

/// Whether an option, or what is set by one, is named for a command: `--to-command`, `core.pager`.
pub(super) fn is_for_a_command(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    COMMAND_WORDS.iter().any(|word| name.ends_with(word))
}
