//! The audit log: who has changed what, as ZooKeeper writes it (`audit.enable`).
//!
//! ```text
//! answer ── Entry ──► version under construction ── committed ──► Queue ──► audit-writer ──► zookeeper_audit.log
//! ```
//! A record is made where the answer is made, and so on the server that the client is connected to: by whoever orders the
//! write, or by the learner whose client asked for it. It goes with the version of its transaction, and is handed over when that
//! is committed, so that nothing is told that did not happen. The end of a session is recorded on every server that serves
//! while it applies it: the znodes that went with the session are those of which the version's events tell.
//!
//! While it is off, nothing is made and nothing is kept. While it is on, an answer does not wait for its line: a process that
//! is killed may not have written the last ones, as many as its queue had. A stop writes all.
//!
//! What ZooKeeper does and this does not: a start does not record again what it replays from the log, and neither does a
//! server record what it missed and is brought by its leader. A request that cannot be decoded is not recorded, since nothing
//! became of it.

mod entries;
mod line;
mod queue;
mod record;
mod users;
mod writer;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use paddock_engine::event::Events;
use paddock_net::doorbell::Doorbell;

use self::entries::Entries;
use self::queue::Queue;
use self::writer::Writer;
use crate::line_sink::LineSink;
use crate::rotation::{RotatingFile, Rotation};

pub use self::entries::Entry;
pub use self::line::ServerEvent;
pub use self::queue::WhenFull;
pub use self::record::Record;

/// An end waits so long for what is recorded to be written.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Where the log goes, and what is done when it cannot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    pub output: Output,
    pub when_full: WhenFull,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    File(Rotation),
    /// The standard output.
    Stdout,
}

/// The log as those see it who have something to record.
pub struct AuditLog {
    queue: Arc<Queue>,
    bell: Arc<OnceLock<Arc<Doorbell>>>,
    has_noted_start: AtomicBool,
}

impl AuditLog {
    /// Opens the log, and starts the thread that writes it.
    pub fn start(settings: &Settings) -> io::Result<Arc<AuditLog>> {
        let sink = match &settings.output {
            Output::File(rotation) => LineSink::File(RotatingFile::open(rotation.clone())?),
            // Of its own, without a buffer that would have written what it says it has not.
            Output::Stdout => LineSink::Stream(Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?))),
        };
        let (queue, bell) = (Arc::new(Queue::new(settings.when_full)), Arc::new(OnceLock::new()));
        let writer = Writer::new(queue.clone(), sink, &users::of_process(), bell.clone());
        std::thread::Builder::new().name("audit-writer".into()).spawn(move || writer.run())?;
        Ok(Arc::new(AuditLog { queue, bell, has_noted_start: AtomicBool::new(false) }))
    }

    /// From now on the bell is rung when there is room again.
    pub fn set_bell(&self, bell: Arc<Doorbell>) {
        // There is one replica.
        drop(self.bell.set(bell));
    }

    /// Whether clients may ask for more.
    pub fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Records what belongs to a version with these events, which is committed. Does not wait.
    pub fn record(&self, list: Vec<Entry>, events: Arc<Events>) {
        self.queue.push(Entries::new(list, events));
    }

    /// Records what the server itself does.
    pub fn note(&self, event: ServerEvent) {
        if event == ServerEvent::Started {
            self.has_noted_start.store(true, Ordering::Relaxed);
        }
        self.queue.push(Entries::of_server(event));
    }

    /// Whether it was recorded that the server has started.
    pub fn has_noted_start(&self) -> bool {
        self.has_noted_start.load(Ordering::Relaxed)
    }

    /// Has the file opened anew, which somebody may have renamed.
    pub fn reopen(&self) {
        self.queue.reopen();
    }

    /// A log that nobody writes.
    #[cfg(test)]
    pub fn unwritten(when_full: WhenFull) -> Arc<AuditLog> {
        let queue = Arc::new(Queue::new(when_full));
        Arc::new(AuditLog { queue, bell: Arc::default(), has_noted_start: AtomicBool::new(false) })
    }

    /// Takes what such a log has. Returns the pairs of each line.
    #[cfg(test)]
    pub fn take(&self) -> Vec<String> {
        let mut text = String::new();
        // Without anything it would wait for something.
        self.queue.reopen();
        while let Some(entries) = self.queue.take().entries {
            entries.write("server", |piece| {
                text.push_str(piece);
                true
            });
            self.queue.note_done();
            self.queue.reopen();
        }
        let pairs = |line: &str| line.split_once(": ").expect("it has a head").1.replace('\t', " ");
        text.lines().map(pairs).collect()
    }

    /// The last thing: waits for what is recorded to be written, but not for ever.
    pub fn end(&self) {
        let unwritten = self.queue.end(END_PATIENCE);
        if unwritten > 0 {
            tracing::error!(lines = unwritten, "the server ends, and the last lines of its audit log are not written");
        }
    }
}
