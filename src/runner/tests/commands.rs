//! How programs end, what they may not, and which do not begin.

use super::*;

async fn why(argv: &[&str]) -> (End, String) {
    let outcome = run(command(argv)).await;
    (outcome.end, outcome.why)
}

#[tokio::test]
async fn the_code_and_the_signal_of_its_end_are_told() {
    let shell = |script: &'static str| async move { why(&["/bin/sh", "-c", script]).await };
    assert_eq!(shell("exit 0").await, (End::Succeeded, "ended with code 0".to_owned()));
    assert_eq!(shell("exit 3").await, (End::Failed, "ended with code 3".to_owned()));
    assert_eq!(shell("kill -9 $$").await, (End::Failed, "was ended by signal 9".to_owned()));
}

#[tokio::test]
async fn output_and_errors_are_kept_in_their_order() {
    let outcome = run(command(&["/bin/sh", "-c", "echo one; echo two >&2; echo three"])).await;
    assert_eq!(outcome.output, "one\ntwo\nthree\n");
}

#[tokio::test]
async fn a_program_that_can_not_begin_has_failed_and_is_named() {
    let folder = Folder::new("refused");
    let canary = folder.path("canary");
    let plain = folder.file("plain", "644", "#!/bin/sh\n");
    let headless = folder.file("headless", "755", &format!("touch {canary}\n"));
    let orphan = folder.file("orphan", "755", "#!/nothing/that/is/there\n");
    let garbage = folder.file("garbage", "755", "\u{1}\u{2}\u{3}");
    let (missing, inner) = (folder.path("missing"), folder.path("plain/inner"));
    let here = folder.path("");
    for (argv0, expected) in [
        (&*missing, format!("`{missing}` is not there")),
        (&inner, format!("`{inner}` can not be seen: Not a directory (os error 20)")),
        (&here, format!("`{here}` is a folder")),
        (&plain, format!("`{plain}` is not executable")),
        (&headless, format!("`{headless}` is no program: it is neither binary nor begins with `#!`")),
        (&garbage, format!("`{garbage}` is no program: it is neither binary nor begins with `#!`")),
        (&orphan, format!("`{orphan}` is not there, or what it is to be read by is not")),
        ("/dev/null", "`/dev/null` is not executable".to_owned()),
        ("true", "`true` is no absolute path".to_owned()),
        ("", "`` is no absolute path".to_owned()),
    ] {
        assert_eq!(why(&[argv0]).await, (End::Failed, expected));
    }
    assert_eq!(why(&[]).await, (End::Failed, "has no program".to_owned()));
    assert!(!std::path::Path::new(&canary).exists(), "no shell has read it");
    let mut call = command(&["/bin/true"]);
    call.folder = missing.clone();
    assert_eq!(run(call).await.why, format!("its folder `{missing}` is none, or can not be seen"));
    let mut call = command(&["/bin/pwd"]);
    call.folder = folder.0.to_str().unwrap().to_owned();
    assert_eq!(run(call).await.output, format!("{}\n", folder.0.display()));
}

/// Guarantees: limits are as the step says, nobody gains rights, files are nobody else's, and of our descriptors none is open.
#[tokio::test]
async fn a_program_is_held_to_its_bounds() {
    let mut call = command(&["/bin/cat", "/proc/self/limits", "/proc/self/status", "/proc/self/stat"]);
    call.bounds = Bounds { cpu_s: 7, memory_mib: 300, open_files: 33, file_mib: 2 };
    let output = run(call).await.output;
    let line = |name: &str| {
        let line = output.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("Max cpu time"), "Max cpu time 7 8 seconds");
    assert_eq!(line("Max address space"), "Max address space 314572800 314572800 bytes");
    assert_eq!(line("Max open files"), "Max open files 33 33 files");
    assert_eq!(line("Max file size"), "Max file size 2097152 2097152 bytes");
    assert_eq!(line("Max core file size"), "Max core file size 0 0 bytes");
    assert_eq!(line("NoNewPrivs"), "NoNewPrivs: 1");
    assert_eq!(line("Umask"), "Umask: 0077");
    let stat = output.lines().last().unwrap().rsplit_once(") ").unwrap().1;
    let fields: Vec<&str> = stat.split(' ').collect();
    let pid = output.lines().last().unwrap().split(' ').next().unwrap();
    assert_eq!(fields[2..4], [pid, pid], "a group and a session of its own");
    assert_eq!(fields[1], std::process::id().to_string(), "our child, with nobody between");
    let open = run(command(&["/bin/ls", "/proc/self/fd"])).await.output;
    assert_eq!(open, "0\n1\n2\n3\n", "3 is the folder that is listed");
}

#[tokio::test]
async fn who_goes_beyond_a_bound_fails() {
    if !has_python() {
        return;
    }
    let bounds = Bounds { cpu_s: 1, memory_mib: 300, open_files: 20, file_mib: 1 };
    let bounded = |argv: &[&str]| CommandCall { bounds, ..command(argv) };
    let files = run(bounded(&[PYTHON, "-c", "all = [open('/dev/null') for _ in range(100)]"])).await;
    assert!(files.end == End::Failed && files.output.contains("Too many open files"), "{files:?}");
    let memory = run(bounded(&[PYTHON, "-c", "bytearray(1 << 30)"])).await;
    assert!(memory.end == End::Failed && memory.output.contains("MemoryError"), "{memory:?}");
    let folder = Folder::new("bounds");
    let of = format!("of={}", folder.path("big"));
    let file = run(bounded(&["/bin/dd", "if=/dev/zero", &of, "bs=1M", "count=3"])).await;
    assert_eq!(
        (file.end, &*file.why),
        (End::Failed, "was ended by signal 25: it wrote a file beyond its 1 MiB")
    );
    let cpu = run(bounded(&[PYTHON, "-c", "while True: pass"])).await;
    let expected = "was ended by signal 24: it took more than its 1 s of processor time";
    assert_eq!((cpu.end, &*cpu.why), (End::Failed, expected));
}

#[tokio::test]
async fn another_user_is_known_by_name_and_only_root_may_choose_one() {
    let mut call = command(&["/usr/bin/id"]);
    call.user = Some("nobody-of-this-name".to_owned());
    let unknown = run(call.clone()).await;
    let expected = "the user `nobody-of-this-name` is not in /etc/passwd";
    assert_eq!((unknown.end, &*unknown.why), (End::Failed, expected));
    call.user = Some("nobody".to_owned());
    let outcome = run(call).await;
    if !rustix::process::geteuid().is_root() {
        assert!(outcome.end == End::Failed && outcome.why.contains("only root"), "{outcome:?}");
        return;
    }
    assert!(outcome.output.starts_with("uid=65534(nobody) gid=65534(nogroup)"), "{outcome:?}");
    assert!(!outcome.output.contains("(root)"), "none of our groups: {outcome:?}");
    let mut call = command(&["/bin/sh", "-c", "read line < $TOKEN; echo ${#line}"]);
    call.user = Some("nobody".to_owned());
    call.secrets = vec!["TOKEN".to_owned()];
    let named = vec![("TOKEN".to_owned(), secret("a-secret-of-22-letters\n"))];
    let secrets = StepSecrets { named, ..StepSecrets::default() };
    let outcome = super::outcome(secrets, 60_000, Call::Command(call)).await;
    assert_eq!(outcome.output, "22\n", "and it can read its secrets: {outcome:?}");
}

#[tokio::test]
async fn a_flood_of_output_is_read_and_little_of_it_is_kept() {
    if !has_python() {
        return;
    }
    let program = "import sys\n\
        sys.stdout.write('first\\n')\n\
        for _ in range(50): sys.stdout.write('x' * 1048576)\n\
        sys.stdout.write('\\nlast\\n')";
    let outcome = run(command(&[PYTHON, "-c", program])).await;
    assert_eq!(outcome.end, End::Succeeded, "{}", outcome.why);
    assert!(outcome.output.starts_with("first\n") && outcome.output.ends_with("\nlast\n"));
    let all = 6 + 50 * 1_048_576 + 6;
    let left_out = format!("(… {} bytes are left out …)", all - 65_536);
    assert!(outcome.output.contains(&left_out), "{}", outcome.output.len());
    assert!(outcome.output.len() < 66_000, "{}", outcome.output.len());
}
