//! A child process and its group: begun once, its end awaited, and nothing of it left behind.

use std::io;
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::signal::unix::{self, SignalKind};

/// Between two looks where no signal tells of an end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Dropped before its end was seen, it is killed with its group.
pub(super) struct Process {
    /// `None` once it is reaped: its number may be somebody else's then.
    child: Option<Child>,
    group: Pid,
    /// That some child has ended.
    ends: unix::Signal,
}

impl Process {
    /// The command makes a session of its child, so that the child's number is its group's. Blocks until the program
    /// has begun, or could not; needs a tokio runtime.
    pub fn begin(command: &mut Command) -> io::Result<Self> {
        let ends = unix::signal(SignalKind::child())?; // before there is one
        let child = command.spawn()?;
        let group = Pid::from_child(&child);
        Ok(Self { child: Some(child), group, ends })
    }

    pub fn pid(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// The program has ended. It is not reaped, so that its number stays its own.
    pub async fn ended(&mut self) {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while let Ok(None) = waitid(WaitId::Pid(self.group), look) {
            let _ = tokio::time::timeout(LOOK_EVERY, self.ends.recv()).await;
        }
    }

    /// Where it reads from, once.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.as_mut()?.stdin.take()
    }

    pub fn signal(&self, signal: Signal) {
        if self.child.is_some() {
            // No such group: there is nothing left to be told.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// After its end: whatever it left in its group is killed, and its status is taken. `None`: it has none.
    pub fn reap(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::KILL);
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        Some(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let Some(mut child) = self.child.take() else { return };
        // One that the kernel holds on to may take its time.
        let reaped = std::thread::Builder::new().name("reaper".to_owned()).spawn(move || child.wait());
        drop(reaped);
    }
}
