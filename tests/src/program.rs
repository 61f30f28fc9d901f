//! A program that a test types into, with everything that it said.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// A program that says nothing for this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// It is killed when the test is over.
pub struct Program {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Program {
    pub fn start(mut command: Command) -> Program {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (sender, lines) = channel();
        read_lines(child.stdout.take().expect("piped"), sender.clone());
        read_lines(child.stderr.take().expect("piped"), sender);
        let stdin = child.stdin.take().expect("piped");
        Program { child, stdin, lines, said: Vec::new() }
    }

    /// The next line on stdout or stderr, `None` when both have ended.
    pub fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.said.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => self.fail("it has been silent for too long"),
        }
    }

    pub fn wait_for(&mut self, text: &str) {
        loop {
            match self.line() {
                Some(line) if line.contains(text) => return,
                Some(_) => {}
                None => self.fail(&format!("it ended and never said {text:?}")),
            }
        }
    }

    pub fn type_line(&mut self, line: &str) {
        if let Err(error) = writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush()) {
            self.fail(&format!("{line:?} could not be typed: {error}"));
        }
    }

    /// Waits for the end, which must be a good one.
    pub fn finish(mut self) -> Vec<String> {
        while self.line().is_some() {}
        let status = self.child.wait().expect("a child can be waited for");
        if !status.success() {
            self.fail(&format!("it ended with {status}"));
        }
        std::mem::take(&mut self.said)
    }

    pub fn fail(&mut self, what: &str) -> ! {
        panic!("the client failed: {what}; it said:\n{}", self.said.join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read_lines(stream: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            // Nobody listens any more when the test is over.
            drop(sender.send(String::from_utf8_lossy(&line).into_owned()));
        }
    });
}
