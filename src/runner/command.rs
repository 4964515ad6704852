//! A command: a program by its arguments, without a shell, held to its bounds, and ended with all it has begun.

use std::io::{PipeReader, pipe};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::child::{Held, Program, hold};
use super::memory::sealed;
use super::output::{Hidden, Kept};
use super::process::Process;
use super::user::identity;
use super::vault::StepSecrets;
use super::{Pace, Stop};
use crate::respond::Secret;
use crate::runbook::{Bounds, CommandCall, End, Outcome};

/// What a read takes at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Signals of `setrlimit(2)`, the same on all that Linux runs on but a few.
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

/// How its time ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Itself,
    Overdue,
    Stopped,
}

struct Begun {
    process: Process,
    stdin: Option<ChildStdin>,
    output: PipeReader,
}

/// One attempt, up to its known end. The time runs from now.
pub(super) async fn run(
    call: CommandCall,
    secrets: &StepSecrets,
    within: Duration,
    pace: &Pace,
    mut stop: Stop,
) -> Outcome {
    let deadline = Instant::now() + within;
    let (argv0, bounds) = (call.argv.first().cloned().unwrap_or_default(), call.bounds);
    let stdin = call.stdin.clone().into_bytes();
    let named = secrets.named.clone();
    // The fork copies tables that grow with our memory, and the file may be on a slow volume.
    let begun = tokio::task::spawn_blocking(move || begin(&call, &named));
    let begun = match timeout_at(deadline, begun).await {
        Ok(Ok(Ok(begun))) => begun,
        Ok(Ok(Err(why))) => return ended(End::Failed, why, String::new()),
        Ok(Err(_)) | Err(_) => {
            let why = format!("`{argv0}` was to begin, and whether it did can not be told");
            return ended(End::Unknown, why, String::new());
        }
    };
    let mut kept = Kept::default();
    let (how, status, is_outlived) = follow(begun, stdin, &mut kept, deadline, pace, &mut stop).await;
    let output = kept.told(&Hidden::new(secrets.named.iter().map(|(_, secret)| secret)));
    let (end, mut why) = judged(how, status, within, bounds);
    if is_outlived {
        why.push_str(", and left a process behind that holds its output open");
    }
    ended(end, why, output)
}

fn ended(end: End, why: String, output: String) -> Outcome {
    Outcome { end, why, output }
}

fn judged(how: How, status: Option<ExitStatus>, within: Duration, bounds: Bounds) -> (End, String) {
    match (how, status) {
        (How::Overdue, Some(_)) => (End::TimedOut, format!("did not end within {within:?}, and was ended")),
        (How::Overdue, None) => (
            End::TimedOut,
            format!("did not end within {within:?}, and can not be ended: the kernel holds it"),
        ),
        (How::Stopped, _) => {
            (End::Unknown, "was running when Evenkeel stopped, and was ended in the middle of it".to_owned())
        }
        (How::Itself, None) => (End::Unknown, "ended, and nobody knows how".to_owned()),
        (How::Itself, Some(status)) => match (status.code(), status.signal()) {
            (Some(0), _) => (End::Succeeded, "ended with code 0".to_owned()),
            (Some(code), _) => (End::Failed, format!("ended with code {code}")),
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                let limit = match signal {
                    SIGXCPU => format!(": it took more than its {} s of processor time", bounds.cpu_s),
                    SIGXFSZ => format!(": it wrote a file beyond its {} MiB", bounds.file_mib),
                    _ => String::new(),
                };
                (End::Failed, format!("was ended by signal {signal}{limit}"))
            }
        },
    }
}

/// The error is a sentence: it has not begun.
fn begin(call: &CommandCall, secrets: &[(String, Secret)]) -> Result<Begun, String> {
    let argv0 = call.argv.first().ok_or("has no program")?;
    look_at(argv0)?;
    let folder = Path::new(&call.folder);
    if !folder.is_absolute() || !folder.is_dir() {
        return Err(format!("its folder `{}` is none, or can not be seen", call.folder));
    }
    let could_not = |error: std::io::Error| format!("`{argv0}` could not be begun: {error}");
    let mut env = call.env.clone();
    let mut inherited: Vec<OwnedFd> = Vec::new();
    for name in &call.secrets {
        let found = secrets.iter().find(|(known, _)| known == name);
        let (_, secret) = found.ok_or_else(|| format!("its secret `{name}` is not there"))?;
        let file = sealed(secret.reveal()).map_err(could_not)?;
        env.push((name.clone(), format!("/proc/self/fd/{}", file.as_raw_fd())));
        inherited.push(file);
    }
    if let Some((name, _)) = env.iter().find(|(name, _)| name.is_empty() || name.contains('=')) {
        return Err(format!("`{name}` is no name of a variable"));
    }
    let program = Program::new(&call.argv, &env).ok_or("an argument or a variable has a NUL byte")?;
    let identity = call.user.as_deref().map(identity).transpose()?.flatten();
    let (output, writer) = pipe().map_err(could_not)?;
    let mut command = Command::new(argv0);
    command.env_clear().current_dir(folder).stdin(Stdio::piped());
    command.stdout(writer.try_clone().map_err(could_not)?).stderr(writer);
    hold(&mut command, Held { program, inherited, identity, limits: limits(call.bounds) });
    let mut process = Process::begin(&mut command).map_err(|error| refused(argv0, &error))?;
    first_to_go(process.pid());
    let stdin = process.stdin();
    Ok(Begun { process, stdin, output })
}

/// Where memory runs out, what we have started goes before we do: `proc_pid_oom_score_adj(5)`.
fn first_to_go(pid: u32) {
    let _not_ours_to_say = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "1000");
}

/// What can be told in plain words before the kernel says no.
pub(crate) fn look_at(program: &str) -> Result<(), String> {
    let path = Path::new(program);
    if !path.is_absolute() {
        return Err(format!("`{program}` is no absolute path"));
    }
    let found = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("`{program}` is not there"),
        _ => format!("`{program}` can not be seen: {error}"),
    })?;
    if found.is_dir() {
        return Err(format!("`{program}` is a folder"));
    }
    match found.is_file() && found.permissions().mode() & 0o111 != 0 {
        true => Ok(()),
        false => Err(format!("`{program}` is not executable")),
    }
}

fn refused(program: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("`{program}` is not there, or what it is to be read by is not")
        }
        std::io::ErrorKind::ArgumentListTooLong => format!("the arguments of `{program}` are too long"),
        std::io::ErrorKind::PermissionDenied => format!("`{program}` may not be executed"),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            format!("`{program}` is no program: it is neither binary nor begins with `#!`")
        }
        _ => format!("`{program}` could not be begun: {error}"),
    }
}

/// Never more than we have ourselves.
fn limits(bounds: Bounds) -> Vec<(Resource, Rlimit)> {
    const MIB: u64 = 1024 * 1024;
    let limit = |resource, wanted: u64, more: u64| {
        let maximum = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(wanted.saturating_add(more));
        (resource, Rlimit { current: Some(wanted.min(maximum)), maximum: Some(maximum) })
    };
    vec![
        // A second between the signal that can be handled and the one that can not.
        limit(Resource::Cpu, bounds.cpu_s, 1),
        limit(Resource::As, bounds.memory_mib.saturating_mul(MIB), 0),
        limit(Resource::Nofile, bounds.open_files, 0),
        limit(Resource::Fsize, bounds.file_mib.saturating_mul(MIB), 0),
        limit(Resource::Core, 0, 0),
    ]
}

/// Feeds it and hears it until it has ended. True: something that it left behind holds its output.
async fn follow(
    begun: Begun,
    stdin: Vec<u8>,
    kept: &mut Kept,
    deadline: Instant,
    pace: &Pace,
    stop: &mut Stop,
) -> (How, Option<ExitStatus>, bool) {
    let Begun { mut process, stdin: door, output } = begun;
    let talk = async { tokio::join!(feed(door, &stdin), hear(output, kept)) };
    let end = ending(&mut process, deadline, pace, stop);
    tokio::pin!(talk, end);
    let (how, status) = tokio::select! {
        ended = &mut end => ended,
        _ = &mut talk => {
            let (how, status) = end.await;
            return (how, status, false);
        }
    };
    let is_outlived = timeout(pace.pipe_grace, &mut talk).await.is_err();
    (how, status, is_outlived)
}

/// It need not read.
async fn feed(stdin: Option<ChildStdin>, bytes: &[u8]) {
    let door = stdin.and_then(|stdin| Sender::from_owned_fd(stdin.into()).ok());
    if let Some(mut door) = door {
        let _ = door.write_all(bytes).await;
    }
}

async fn hear(output: PipeReader, kept: &mut Kept) {
    let Ok(mut output) = Receiver::from_owned_fd(output.into()) else { return };
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = output.read(&mut piece).await {
        kept.push(&piece[..read]);
    }
}

/// Up to the end of the program, which is asked to end where its time is over, and then killed. No status: the
/// kernel holds it.
async fn ending(
    process: &mut Process,
    deadline: Instant,
    pace: &Pace,
    stop: &mut Stop,
) -> (How, Option<ExitStatus>) {
    let how = tokio::select! {
        biased;
        () = process.ended() => How::Itself,
        () = stop.now() => How::Stopped,
        () = sleep_until(deadline) => How::Overdue,
    };
    if how == How::Overdue {
        process.signal(Signal::TERM);
        tokio::select! {
            () = process.ended() => {}
            () = stop.now() => {}
            () = tokio::time::sleep(pace.term_grace) => {}
        }
    }
    if how != How::Itself {
        process.signal(Signal::KILL);
    }
    let _ = timeout(pace.kill_grace, process.ended()).await;
    (how, process.reap())
}
