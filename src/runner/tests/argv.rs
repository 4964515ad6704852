//! What a program gets: its arguments to the byte, its environment, its input and its secrets.

use super::*;

/// Prints its command line as the kernel has it, in hexadecimal.
const SHOW: &str = "print(open('/proc/self/cmdline', 'rb').read().hex())";

const HOSTILE: &[&str] = &[
    "",
    " ",
    ";id",
    "; touch /tmp/evenkeel-canary",
    "`id`",
    "$(id)",
    "${IFS}",
    "$HOME",
    "a\nb",
    "a\r\nb",
    "\t",
    "%s%n%x",
    "*",
    "/etc/*",
    "?",
    "[a-z]",
    "~",
    "~root",
    "{{ name }}",
    "{a,b}",
    "{}",
    "-oProxyCommand=id",
    "--config=/etc/passwd",
    "--",
    "-",
    "../../etc/passwd",
    "\u{2014}dash",
    "ä€𝄞",
    "\u{202e}txt.exe",
    "'",
    "\"",
    "\\",
    "\\\\x00",
    "|cat",
    "&",
    "&&id",
    ">out",
    "<in",
    "!!",
    "#",
    "\x1b[31m",
    "\u{7f}",
];

/// Guarantees: no argument is read by anybody but the program, whatever is in it.
#[tokio::test]
async fn hostile_arguments_reach_the_program_byte_for_byte() {
    if !has_python() {
        return;
    }
    let long = "x".repeat(100_000);
    for hostile in HOSTILE.iter().copied().chain([&*long]) {
        let argv = [PYTHON, "-c", SHOW, hostile, "last"];
        let outcome = run(command(&argv)).await;
        assert_eq!(outcome.end, End::Succeeded, "{hostile:?}: {outcome:?}");
        if hostile.len() < 10_000 {
            let expected: Vec<u8> = argv.iter().flat_map(|one| one.bytes().chain([0])).collect();
            let expected: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(outcome.output, format!("{expected}\n"), "{hostile:?}");
        }
    }
    assert!(!std::path::Path::new("/tmp/evenkeel-canary").exists());
}

#[tokio::test]
async fn arguments_that_can_not_be_handed_over_whole_are_refused() {
    let nul = run(command(&["/bin/echo", "a\0b"])).await;
    assert_eq!((nul.end, &*nul.why), (End::Failed, "an argument or a variable has a NUL byte"));
    let long = run(command(&["/bin/echo", &"x".repeat(1 << 20)])).await;
    assert_eq!((long.end, &*long.why), (End::Failed, "the arguments of `/bin/echo` are too long"));
}

#[tokio::test]
async fn the_environment_is_what_the_step_says_and_nothing_of_ours() {
    assert!(std::env::vars_os().count() > 0);
    let outcome = run(command(&["/usr/bin/env"])).await;
    assert_eq!(outcome.output, "EVENKEEL_RUN=run_1/1/1\n");
    let mut call = command(&["/usr/bin/env"]);
    call.env = vec![("A".to_owned(), "x=$(id)\ny".to_owned())];
    assert_eq!(run(call).await.output, "A=x=$(id)\ny\n");
    let mut call = command(&["/usr/bin/env"]);
    call.env = vec![("A=B".to_owned(), String::new())];
    assert_eq!(run(call).await.why, "`A=B` is no name of a variable");
}

#[tokio::test]
async fn what_happened_is_read_from_the_standard_input_as_one_line_of_json() {
    let mut call = command(&["/bin/cat"]);
    call.stdin = serde_json::json!({"alert": {"summary": "a\n; $(id)"}}).to_string() + "\n";
    let expected = call.stdin.clone();
    assert_eq!(run(call).await.output, expected);
}

#[tokio::test]
async fn a_program_that_never_reads_is_not_waited_for() {
    let ignoring: [&[&str]; 2] = [&["/bin/true"], &["/bin/sleep", "0.2"]];
    for argv in ignoring {
        let mut call = command(argv);
        call.stdin = "x".repeat(1 << 20);
        let outcome = run(call).await;
        assert_eq!((outcome.end, &*outcome.why), (End::Succeeded, "ended with code 0"));
    }
}

/// Guarantees: a secret is in a descriptor, and in nothing that others on the machine or our own records show.
#[tokio::test]
async fn secrets_are_read_from_a_descriptor_and_stand_nowhere_else() {
    if !has_python() {
        return;
    }
    let program = "import os, re\n\
        path = os.environ['TOKEN']\n\
        secret = open(path).read()\n\
        again = os.read(int(path.rsplit('/', 1)[1]), 100).decode()\n\
        assert secret == again and len(secret) == 22, 'both ways of reading'\n\
        assert re.fullmatch('/proc/self/fd/[0-9]+', path), path\n\
        assert open(os.environ['OTHER']).read() == 'other-value'\n\
        for name in 'cmdline', 'environ':\n    assert secret not in open('/proc/self/' + name).read(), name\n\
        try: os.write(os.open(path, os.O_RDWR), b'x'); print('written')\n\
        except OSError as error: print('sealed')\n\
        print('is ' + secret)";
    let named = vec![
        ("TOKEN".to_owned(), secret("a-secret-of-22-letters")),
        ("OTHER".to_owned(), secret("other-value")),
    ];
    let mut call = command(&[PYTHON, "-c", program]);
    call.secrets = vec!["TOKEN".to_owned(), "OTHER".to_owned()];
    let secrets = StepSecrets { named, ..StepSecrets::default() };
    let outcome = outcome(secrets, 60_000, Call::Command(call.clone())).await;
    assert_eq!((outcome.end, &*outcome.output), (End::Succeeded, "sealed\nis (secret)\n"));
    assert_eq!(run(call).await.why, "its secret `TOKEN` is not there");
}

#[tokio::test]
async fn a_step_begins_with_the_secrets_of_when_it_was_handed_in() {
    let mut call = command(&["/bin/cat", "/proc/self/fd/0"]);
    call.secrets = vec!["TOKEN".to_owned()];
    call.stdin = "first-secret second-secret\n".to_owned();
    let named = |text: &str| StepSecrets {
        named: vec![("TOKEN".to_owned(), secret(text))],
        ..StepSecrets::default()
    };
    let mut rig = Rig::new(named("first-secret"));
    rig.runner.run(step(0, 60_000, Call::Command(call.clone())));
    rig.runner.reconfigure(settings(named("second-secret")));
    rig.runner.run(step(1, 60_000, Call::Command(call)));
    let mut told = [rig.next().await, rig.next().await].map(|(key, outcome)| (key.step, outcome.output));
    told.sort();
    assert_eq!(told, [(0, "(secret) second-secret\n".to_owned()), (1, "first-secret (secret)\n".to_owned())]);
}
