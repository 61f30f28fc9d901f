//! A reactor: one poll, its own clients, their watches, and its own view of the tree. It has a thread of its own, or
//! shares one with the replica.
//!
//! A turn has these steps. The guarantees to clients rest on their order.
//!
//! 1. *Poll.* A reactor that sleeps lets go of its view, so that no old version of the tree is kept for it.
//! 2. *Serve* each connection for which something has come ([`intake`]): read from its socket, **then** catch up with the
//!    versions that have been announced, then decode. Reads are answered from the view; writes go into the turn's
//!    submission. The view is looked at after the bytes came: whoever has heard of a write from anybody, by whatever way,
//!    reads it here.
//! 3. *Long work*, a slice of each: TLS handshakes go on ([`handshakes`]), znodes are counted ([`counting`]), the events of a
//!    version that has very many are looked through before it is announced ([`ahead`]), and whoever asks is told of connections and watches ([`surveys`]).
//! 4. *Errands* of other threads: new connections, surveys, the answers to four-letter words ([`words`]), and the steps of
//!    SASL negotiations ([`sasl`]).
//! 5. *Submit* the turn's writes. A replica that shares the thread has its turn now; one with a thread of its own begins
//!    its work while the reactor goes on.
//! 6. *Write* once to each connection that has output. Where memory is short, this is done earlier as well.
//!
//! To catch up is to take the announced versions one by one ([`releases`]). The view moves to the version; its events are
//! told to those who watch ([`notifications`]) and its answers are queued, in the order of their transactions; then the
//! reads run that have waited behind these answers, on exactly that version.
//!
//! For one connection that is one `read` and one `write`, and for each request between them one look-up and one copy. No
//! lock is taken. Of what other threads write, the number of the announced version is loaded after each `read`, and the
//! other reactors' sums once a turn and as memory grows.
//!
//! What a reactor owns: its [`clients`], which are the connections and the [`ledger`] of what is kept for them together
//! (what goes to the replica in [`submitter`], who is alive in [`report`]); the [`view`]; and the [`acceptor`].

mod acceptor;
mod ahead;
mod authentication;
mod clients;
mod counting;
mod descriptors;
mod handshake;
mod handshakes;
mod hearing;
mod intake;
mod ledger;
mod lingering;
mod negotiations;
mod notifications;
mod reactors;
mod releases;
mod report;
mod sasl;
mod settings;
mod slow;
mod submitter;
mod surveys;
#[cfg(test)]
mod tests;
mod token;
mod untold;
mod view;
mod words;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;
use mio::{Events, Poll, Registry};
use paddock_engine::tree::Reader;

use crate::exchange::{Errand, Exchange};
use crate::limits::Limits;
use crate::long_words::Asked;
use crate::read::ReadFigures;
use crate::sasl_tokens::SaslToken;
use crate::status::{Figures, Status};

use acceptor::Acceptor;
use clients::Clients;
use counting::Counting;
use handshakes::Handshakes;
use ledger::Ledger;
use reactors::Reactors;
use releases::Releases;
use surveys::Surveys;
use token::{SOURCES_BESIDE, Source};
use view::ReactorView;

pub use acceptor::Listeners;
pub use hearing::{Hearing, PAUSE_MIN, pause_min};
pub use reactors::ACCEPTOR;
pub use settings::{SaslSettings, Settings};
pub use token::{BELL, FOREIGN};

/// Bytes read from one socket at a time.
const READ_BYTES: usize = 128 * 1024;
/// How many events are taken from one poll.
pub const EVENTS_PER_TURN: usize = 1024;
/// The reactor wakes up at least this often, to look for connections that have had their time.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

pub struct Reactor {
    clients: Clients,
    releases: Releases,
    counting: Counting,
    surveys: Surveys,
    handshakes: Handshakes,
    acceptor: Acceptor,
    /// What is read from a socket, on its way to the decoder.
    buffer: Box<[u8]>,
    /// When connections are next looked through for those that have had their time.
    next_housekeeping: Instant,
    /// Whether the reactor has been told to end.
    stopping: bool,
}

/// What a reactor is made from.
pub struct Parts {
    /// Which of the reactors it is, from 0.
    pub index: usize,
    /// The registry of the poll that tells of this reactor's sockets.
    pub registry: Registry,
    /// The queues of every reactor, its own at `index`.
    pub exchanges: Arc<[Arc<Exchange>]>,
    pub settings: Arc<Settings>,
    pub limits: Arc<Limits>,
    pub status: Arc<Status>,
    /// Where four-letter words go that take long.
    pub long_words: Sender<Asked>,
    /// Where SASL tokens go whose step may take long.
    pub sasl_tokens: Sender<SaslToken>,
    /// The listening sockets, which the [`ACCEPTOR`] has.
    pub listeners: Listeners,
    pub reader: Reader,
    /// The newest transaction of the reader's view.
    pub zxid: i64,
}

impl Reactor {
    /// # Errors
    /// When the poll cannot watch the listener.
    pub fn new(parts: Parts) -> io::Result<Reactor> {
        let Parts {
            index,
            registry,
            exchanges,
            settings,
            limits,
            status,
            long_words,
            sasl_tokens,
            listeners,
            reader,
            zxid,
        } = parts;
        let now = Instant::now();
        let exchange = exchanges[index].clone();
        let figures = |status| Figures::new(status, index);
        let reads = ReadFigures::new(figures(status.clone()));
        let ledger =
            Ledger::new(now, settings, limits, (figures(status), reads), exchange.clone(), (long_words, sasl_tokens));
        Ok(Reactor {
            acceptor: Acceptor::new(listeners, &registry)?,
            clients: Clients::new(ledger, Reactors::new(index, exchanges), registry),
            releases: Releases::new(ReactorView::new(exchange, reader, zxid)),
            counting: Counting::default(),
            surveys: Surveys::default(),
            handshakes: Handshakes::default(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            next_housekeeping: now + HOUSEKEEPING,
            stopping: false,
        })
    }

    /// Runs in a thread of its own until it is told to stop.
    ///
    /// # Errors
    /// When the poll itself fails.
    pub fn run(mut self, mut poll: Poll) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while !self.stopping {
            self.exchange().reactor_bell.going_to_sleep();
            let timeout = self.rest();
            let polled = poll.poll(&mut events, timeout);
            self.exchange().reactor_bell.awake();
            self.rise();
            let told = match polled {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
                polled => polled.map(|()| Some(&events))?,
            };
            self.take_in(told);
            self.give_out(Instant::now());
        }
        Ok(())
    }

    /// To be called before the poll: returns how long it may sleep.
    pub fn rest(&mut self) -> Option<Duration> {
        self.releases.view.sleep(self.clients.ledger.submitter.outstanding() > 0);
        Some(self.timeout())
    }

    /// To be called after the poll.
    pub fn rise(&mut self) {
        self.releases.view.wake();
    }

    /// The first half of a turn: serves the connections for which something has come, and hands the writes to the replica.
    /// `events` are those of a poll that began after the last turn; `None` if it was interrupted, and so has looked at
    /// nothing.
    pub fn take_in(&mut self, events: Option<&Events>) {
        let polled = self.clients.ledger.begin_half(Instant::now());
        self.clients.begin_turn();
        self.releases.catch_up(&mut self.clients);
        self.serve(events, polled);
        self.counting.go_on(&mut self.clients, &self.releases.view);
        self.releases.view.look_on(&self.clients.ledger.watches);
        self.surveys.go_on(&mut self.clients);
        // Only now may a slot be used again: an event of this turn may have meant its former connection.
        self.run_errands();
        self.go_on_with_negotiations();
        self.acceptor.accept(&mut self.clients);
        self.clients.report();
        self.clients.submit();
    }

    /// The second half, which begins `now`: catches up with what has been announced meanwhile, and writes to each connection that
    /// has output.
    pub fn give_out(&mut self, now: Instant) {
        let began = self.clients.ledger.begin_half(now);
        self.clients.ledger.note_turn(began);
        self.releases.catch_up(&mut self.clients);
        self.clients.write_all();
        self.clients.ledger.note_written();
        self.clients.relieve();
        self.housekeep();
        // The replica has to hear of connections that were closed while they were written to.
        self.clients.submit();
        self.clients.ledger.tell();
    }

    fn exchange(&self) -> &Exchange {
        self.clients.reactors.own()
    }

    /// How long the poll may sleep. It is the last look at the queues before it.
    fn timeout(&self) -> Duration {
        let ledger = &self.clients.ledger;
        let exchange = self.exchange();
        if ledger.has_work()
            || self.surveys.has_work()
            || self.acceptor.is_due()
            || !exchange.errands.is_empty()
            || !exchange.releases.is_empty()
        {
            return Duration::ZERO;
        }
        if let Some(retry) = self.releases.view.retry_after().or_else(|| ledger.submitter.retry_after(ledger.now())) {
            return retry;
        }
        // A reactor without connections reports too: sessions expire only by what every reactor has said.
        let next = self.next_housekeeping.min(ledger.reports.next());
        let next = ledger.negotiations.next().map_or(next, |end| next.min(end));
        let until_next = next.saturating_duration_since(Instant::now());
        // Rounded up, so that the poll does not return a moment before it is time.
        if until_next.is_zero() { until_next } else { until_next + Duration::from_millis(1) }
    }

    /// Serves the connections that had to wait, and those of which the poll tells that began at `polled`.
    fn serve(&mut self, events: Option<&Events>, polled: Instant) {
        let Reactor { clients, releases, handshakes, acceptor, buffer, .. } = self;
        for slot in clients.ledger.take_to_serve() {
            intake::serve_again(clients, releases, slot, buffer);
        }
        // Counted before any is closed: a full list of events leaves out some of these.
        let sources = clients.sockets() + SOURCES_BESIDE;
        let (mut seen, mut foreign) = (0, 0);
        for event in events.into_iter().flatten() {
            seen += 1;
            match token::source(event.token()) {
                Source::Bell => {}
                Source::Foreign => foreign += 1,
                Source::Listener => acceptor.note_due(),
                Source::Lingering(token) => clients.drain(token),
                Source::Connection(slot) => intake::take_event(clients, releases, event, slot, buffer),
            }
        }
        handshakes.go_on(clients, releases, buffer);
        if events.is_some() {
            // How many sources others have does not matter, since what was told of these does not count either.
            clients.ledger.reports.note_poll(polled, seen - foreign, sources, seen >= EVENTS_PER_TURN);
        }
    }

    fn run_errands(&mut self) {
        let clients = &mut self.clients;
        // To see that a queue is empty takes less than to take nothing from it.
        if clients.reactors.own().errands.is_empty() {
            return;
        }
        while let Some(errand) = clients.reactors.own().errands.pop() {
            match errand {
                Errand::Accepted { stream, kind, address, port } => clients.open(stream, kind, (address, port)),
                Errand::Accept => self.acceptor.note_due(),
                Errand::Listen { address, backlog } => self.acceptor.move_to(address, backlog),
                Errand::Survey(survey) => self.surveys.add(survey),
                Errand::Say { connection, text } => words::say(clients, connection, &text),
                Errand::Stepped { connection, xid, negotiation, step } => {
                    sasl::take_back(clients, connection, xid, negotiation, step);
                }
                Errand::Stop => self.stopping = true,
            }
        }
    }

    /// Tells what has waited to be told, and gives the thread the tokens that have come.
    fn go_on_with_negotiations(&mut self) {
        let now = self.clients.ledger.now();
        sasl::tell_due(&mut self.clients, now);
        sasl::send_tokens(&mut self.clients);
    }

    fn housekeep(&mut self) {
        let now = self.clients.ledger.now();
        if now >= self.next_housekeeping {
            self.next_housekeeping = now + HOUSEKEEPING;
            self.acceptor.go_on_moving();
            self.acceptor.note_due();
            self.clients.close_late();
        }
    }
}
