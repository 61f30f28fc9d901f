//! The process of one server: this program itself, with `serve`.
//!
//! It ends when its standard input does (`paddock serve --until-stdin-ends`), of which the demo has the other end and nobody
//! else. So none is left, in whatever way the demo ends.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::directory::Place;

/// So long a server may take to stop in order.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks whether it has.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// One server, which runs or not. It is killed with the value.
pub struct Process {
    program: PathBuf,
    place: Place,
    child: Option<Child>,
}

/// The end of a process that was not killed here.
pub struct End {
    pub status: ExitStatus,
    /// It was told to stop.
    pub was_told: bool,
}

impl Process {
    /// It does not run yet. `program` is this one.
    pub fn new(program: &Path, place: Place) -> Process {
        Process { program: program.to_owned(), place, child: None }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What a person types to start it, without a limit to its life.
    pub fn command(&self) -> String {
        format!("{} serve {}", self.program.display(), self.place.zoo_cfg.display())
    }

    /// Starts it; its log goes behind what is in the file. Its number among the processes of the machine.
    pub fn start(&mut self) -> io::Result<u32> {
        assert!(self.child.is_none(), "a server that runs is not started");
        let log = OpenOptions::new().create(true).append(true).open(&self.place.log)?;
        let mut command = Command::new(&self.program);
        command.args([OsString::from("serve"), "--until-stdin-ends".into(), self.place.zoo_cfg.clone().into()]);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        // Of its own, so that Ctrl-C on the terminal is the demo's alone.
        command.process_group(0);
        let child = command.spawn()?;
        let pid = child.id();
        self.child = Some(child);
        Ok(pid)
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Tells it to stop in order, and waits for nothing.
    pub fn stop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
        }
    }

    /// How it has ended, told once. `None` if it runs, or was not started.
    pub fn take_end(&mut self) -> io::Result<Option<End>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let was_told = child.stdin.is_none();
        let end = child.try_wait()?.map(|status| End { status, was_told });
        if end.is_some() {
            self.child = None;
        }
        Ok(end)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Then it has ended already.
        drop(self.kill());
    }
}

/// Stops all of them in order, together, and kills those that have not ended in a few seconds.
pub fn end_all(processes: &mut [Process]) -> io::Result<()> {
    processes.iter_mut().for_each(Process::stop);
    let deadline = Instant::now() + STOP_PATIENCE;
    for process in processes {
        while process.child.is_some() && process.take_end()?.is_none() {
            if Instant::now() >= deadline {
                process.kill()?;
                break;
            }
            // A process that ends gives no sign that can be waited for with a limit.
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
    Ok(())
}
