//! Between fork and exec: what a child is held to before the program is its own. The only `unsafe` of this folder.

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, Rlimit, setrlimit, setsid, umask};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::user::Identity;

/// All that the child needs, made before the fork.
pub(super) struct Held {
    pub program: Program,
    /// Kept open in the program, by their numbers here.
    pub inherited: Vec<OwnedFd>,
    /// `None`: who we are.
    pub identity: Option<Identity>,
    pub limits: Vec<(Resource, Rlimit)>,
}

/// A program with its arguments and its environment, as `execve(2)` takes them. The first argument is the program.
pub(super) struct Program {
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    /// Where the pointers lead.
    _texts: Vec<CString>,
}

// SAFETY: the pointers lead into texts that are owned beside them, on the heap, and that nobody changes.
#[allow(unsafe_code, reason = "a pointer is not sent by itself")]
unsafe impl Send for Program {}
// SAFETY: as above; all access is reading.
#[allow(unsafe_code, reason = "a pointer is not shared by itself")]
unsafe impl Sync for Program {}

// The standard library ends in `execvp`, which hands a file that the kernel does not take to a shell.
#[allow(unsafe_code, reason = "no safe call does this and nothing else")]
unsafe extern "C" {
    fn execve(program: *const c_char, argv: *const *const c_char, env: *const *const c_char) -> c_int;
}

impl Program {
    /// `None` without a program, and where a text has a NUL byte, at which the program would see it end.
    pub fn new(argv: &[String], env: &[(String, String)]) -> Option<Self> {
        let argv = argv.iter().map(|one| CString::new(&**one).ok()).collect::<Option<Vec<_>>>()?;
        let env = env.iter().map(|(name, value)| CString::new(format!("{name}={value}")).ok());
        let env = env.collect::<Option<Vec<_>>>()?;
        if argv.is_empty() {
            return None;
        }
        let pointers = |texts: &[CString]| {
            texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect::<Vec<*const c_char>>()
        };
        let (argv_pointers, env_pointers) = (pointers(&argv), pointers(&env));
        Some(Self { argv: argv_pointers, env: env_pointers, _texts: argv.into_iter().chain(env).collect() })
    }

    /// Returns only where it did not become the program.
    fn execute(&self) -> io::Error {
        // SAFETY: both lists end with a null pointer, and what stands before it leads to texts that end with NUL and
        // live as long as `self`. `argv` has a first one.
        #[allow(unsafe_code, reason = "the standard library would let a shell try")]
        unsafe {
            execve(self.argv[0], self.argv.as_ptr(), self.env.as_ptr());
        }
        io::Error::last_os_error()
    }
}

/// The command's child becomes `held.program`, held to the rest. What the command has of arguments and environment is
/// of no account.
pub(super) fn hold(command: &mut Command, held: Held) {
    // SAFETY: between fork and exec only what is safe in a signal handler may be called, for another thread may have
    // held any lock at the fork. `enter` makes system calls and `execve`, on memory that was set aside before: it
    // allocates, locks and drops nothing that is on the heap. The tests below run it with other threads at work.
    #[allow(unsafe_code, reason = "the standard library sets no limits for a child")]
    unsafe {
        command.pre_exec(move || held.enter());
    }
}

impl Held {
    fn enter(&self) -> io::Result<()> {
        setsid()?; // and so a group of its own
        umask(Mode::RWXG | Mode::RWXO);
        close_on_exec()?;
        for fd in &self.inherited {
            fcntl_setfd(fd, FdFlags::empty())?;
        }
        if let Some(identity) = &self.identity {
            // Of the calling thread, and the child has one.
            set_thread_groups(&identity.groups)?;
            set_thread_res_gid(identity.gid, identity.gid, identity.gid)?;
            set_thread_res_uid(identity.uid, identity.uid, identity.uid)?;
        }
        set_no_new_privs(true)?;
        for (resource, limit) in &self.limits {
            setrlimit(*resource, *limit)?;
        }
        Err(self.program.execute())
    }
}

/// All descriptors above 2, whoever opened them.
fn close_on_exec() -> io::Result<()> {
    let folder =
        openat(CWD, c"/proc/self/fd", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut room = [MaybeUninit::uninit(); 2_048];
    let mut entries = RawDir::new(&folder, &mut room);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let Some(number) = number(entry.file_name().to_bytes()) else { continue };
        if number > 2 {
            // SAFETY: it is open, as the kernel has just listed it and no other thread is here to close it.
            #[allow(unsafe_code, reason = "it is known by its number alone")]
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            fcntl_setfd(fd, FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

/// `None` for `.` and `..`.
fn number(name: &[u8]) -> Option<i32> {
    name.iter().try_fold(0_i32, |number, byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(i32::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::process::Stdio;

    use rustix::process::getrlimit;

    use super::*;

    fn run(argv: &[&str], env: &[(&str, &str)], inherited: Vec<OwnedFd>) -> io::Result<String> {
        let argv: Vec<String> = argv.iter().map(|one| (*one).to_owned()).collect();
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut command = Command::new("/nothing/that/is/there");
        command.env("SHELL", "/bin/sh").stdin(Stdio::null()).stdout(Stdio::piped());
        let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
        let program = Program::new(&argv, &env).expect("texts without NUL");
        hold(&mut command, Held { program, inherited, identity: None, limits: vec![(Resource::Core, none)] });
        let mut child = command.spawn()?;
        let mut text = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut text)?;
        child.wait()?;
        Ok(text)
    }

    /// Guarantees: the lists of pointers are what the program gets, whatever other threads allocate at the fork.
    #[test]
    fn arguments_and_environment_are_the_lists_and_nothing_else() {
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        std::hint::black_box(vec![String::from("a lock of the allocator"); 64]);
                    }
                });
            }
            for round in 0..50 {
                let (round, long) = (round.to_string(), "x".repeat(1_000));
                let argv = ["/usr/bin/printf", "<%s>", "", "$(id)", "%s", &round, &long];
                assert_eq!(run(&argv, &[], Vec::new()).unwrap(), format!("<><$(id)><%s><{round}><{long}>"));
                assert_eq!(
                    run(&["/usr/bin/env"], &[("A", &round)], Vec::new()).unwrap(),
                    format!("A={round}\n")
                );
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

    #[test]
    fn only_what_is_handed_down_stays_open_in_the_program() {
        let (theirs, ours) = (std::fs::File::open("/").unwrap(), std::fs::File::open("/").unwrap());
        fcntl_setfd(&ours, FdFlags::empty()).unwrap(); // as a library in C may leave it
        let kept = theirs.as_raw_fd().to_string();
        let listed = run(&["/bin/ls", "/proc/self/fd"], &[], vec![theirs.into()]).unwrap();
        let mut open: Vec<&str> =
            listed.lines().filter(|number| number.parse::<i32>().unwrap() > 2).collect();
        assert!(open.contains(&&*kept), "{open:?}");
        open.retain(|number| *number != kept);
        assert_eq!(open.len(), 1, "and the folder that is listed: {open:?}");
        drop(ours);
    }

    #[test]
    fn what_is_no_program_and_a_text_with_a_nul_are_refused() {
        assert_eq!(
            run(&["/etc/passwd"], &[], Vec::new()).unwrap_err().kind(),
            io::ErrorKind::PermissionDenied
        );
        assert!(Program::new(&[], &[]).is_none());
        assert!(Program::new(&["/bin/a".to_owned(), "b\0c".to_owned()], &[]).is_none());
        assert_eq!([&b"17"[..], b".", b"..", b"99999999999"].map(number), [Some(17), None, None, None]);
    }
}
