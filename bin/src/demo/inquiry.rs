//! Asks servers what they are, over and over, each by a thread: one that does not answer keeps nobody else waiting.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;
use paddock_consensus::config::HostPort;

use crate::security::Security;
use crate::status::srvr::{Srvr, Unknown, ask};

/// Between two questions while something changes. It bounds how exactly the time of an election is known.
const URGENT_INTERVAL: Duration = Duration::from_millis(10);
/// As long as all servers serve.
const CALM_INTERVAL: Duration = Duration::from_millis(500);

/// What one server has said.
pub struct Statement {
    /// Of the server, from 1 on.
    pub number: usize,
    /// When it was asked.
    pub asked_at: Instant,
    pub said: Result<Srvr, Unknown>,
}

/// The threads. They end with the value, which waits for none of them: a statement about what was asked before may come later.
pub struct Inquiry {
    course: Arc<Course>,
    threads: Vec<thread::Thread>,
}

/// What the threads are told.
struct Course {
    is_urgent: AtomicBool,
    is_over: AtomicBool,
}

impl Inquiry {
    /// Begins to ask the servers at these ports of 127.0.0.1, in the order of their numbers.
    pub fn begin<T>(ports: &[u16], statements: &Sender<T>) -> io::Result<Inquiry>
    where
        T: From<Statement> + Send + 'static,
    {
        let course = Arc::new(Course { is_urgent: AtomicBool::new(true), is_over: AtomicBool::new(false) });
        let mut inquiry = Inquiry { course: course.clone(), threads: Vec::new() };
        for (number, port) in (1..).zip(ports) {
            let server = HostPort { host: "127.0.0.1".into(), port: *port };
            let (statements, course) = (statements.clone(), course.clone());
            let state = move |statement: Statement| statements.send(statement.into()).is_ok();
            let asking = thread::Builder::new()
                .name(format!("inquiry-{number}"))
                .spawn(move || ask_on(number, &server, &course, state))?;
            inquiry.threads.push(asking.thread().clone());
        }
        Ok(inquiry)
    }

    /// Whether something is about to change, so that it is to be asked often.
    pub fn set_urgent(&self, is_urgent: bool) {
        if self.course.is_urgent.swap(is_urgent, Ordering::Relaxed) != is_urgent && is_urgent {
            self.wake();
        }
    }

    fn wake(&self) {
        self.threads.iter().for_each(thread::Thread::unpark);
    }
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        self.course.is_over.store(true, Ordering::Relaxed);
        self.wake();
    }
}

/// `state` takes a statement, and says whether anybody wants more.
fn ask_on(number: usize, server: &HostPort, course: &Course, state: impl Fn(Statement) -> bool) {
    loop {
        // Read before it is looked whether all is over, so that nothing is asked later.
        let asked_at = Instant::now();
        if course.is_over.load(Ordering::Relaxed) {
            return;
        }
        let said = ask(server, &Security::default());
        if !state(Statement { number, asked_at, said }) {
            return;
        }
        let is_urgent = course.is_urgent.load(Ordering::Relaxed);
        thread::park_timeout(if is_urgent { URGENT_INTERVAL } else { CALM_INTERVAL });
    }
}
