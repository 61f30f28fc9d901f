//! What other threads have of a client.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use mio::{Poll, Waker};

use super::code;
use super::connect_string::{Chroot, ConnectString};
use super::failure::Failure;
use super::link::{Link, Order, WAKER};
use super::listener::Listener;
use super::reply::Reply;
use super::request::Request;
use super::session::{Call, Session};
use super::state::{Standing, State};
use crate::security::Security;

/// Requests that the thread has not taken yet. Whoever has more waits.
const ORDERS_MAX: usize = 1024;
/// How soon somebody who waits notices that he has had enough.
const GLANCE: Duration = Duration::from_millis(50);
/// How long the end of a session may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// What a session is asked for with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub connect: ConnectString,
    pub timeout_ms: i32,
    pub may_be_read_only: bool,
    /// With TLS or without.
    pub security: Security,
    /// How long one answer may take; no limit but that of the session, if there is none.
    pub request_timeout: Option<Duration>,
}

/// The session goes on when this goes, until the process ends or its server has heard nothing for its timeout.
#[derive(Clone)]
pub struct Client {
    orders: Sender<Order>,
    waker: Arc<Waker>,
    standing: Arc<Standing>,
    chroot: Chroot,
    request_timeout: Option<Duration>,
    /// Set by whoever has had enough.
    interrupted: Arc<AtomicBool>,
}

impl Client {
    /// Begins to connect.
    ///
    /// # Errors
    /// If there are no threads or descriptors.
    pub fn open(settings: Settings, listener: Arc<dyn Listener>, interrupted: Arc<AtomicBool>) -> io::Result<Client> {
        let Settings { connect, timeout_ms, may_be_read_only, security, request_timeout } = settings;
        let ConnectString { mut hosts, chroot } = connect;
        // So that not every client goes to the first one.
        let turn = getrandom::u32().unwrap_or_default() as usize % hosts.len();
        hosts.rotate_left(turn);
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (orders, taken) = bounded(ORDERS_MAX);
        let standing = Arc::new(Standing::new());
        let session =
            Session::new(chroot.clone(), timeout_ms, may_be_read_only, security.login(), standing.clone(), listener);
        let link = Link::new(poll, waker.clone(), (orders.clone(), taken), (hosts, security), session);
        thread::Builder::new().name("session".into()).spawn(move || link.run())?;
        Ok(Client { orders, waker, standing, chroot, request_timeout, interrupted })
    }

    pub fn state(&self) -> State {
        self.standing.get()
    }

    pub fn chroot(&self) -> &Chroot {
        &self.chroot
    }

    /// Waits until it is connected to a server that takes writes, or somebody has had enough; whether it is.
    pub fn wait_until_connected(&self, patience: Duration) -> bool {
        let began = Instant::now();
        while !self.interrupted.load(Ordering::Acquire) {
            let left = patience.saturating_sub(began.elapsed()).min(GLANCE);
            let is_known = self.standing.wait_for(|state| state == State::Connected || !state.is_alive(), left);
            if is_known || left.is_zero() {
                break;
            }
        }
        self.state() == State::Connected
    }

    /// Gives a request. Answers come in the order of requests.
    pub fn submit(&self, request: Request) -> Ticket {
        let (answer, answered) = bounded(1);
        let asker = Arc::new(());
        self.order(Order::Call(Call { request, answer, asker: Arc::downgrade(&asker) }));
        Ticket { answered, client: self.clone(), _asker: asker }
    }

    pub fn add_auth(&self, scheme: &str, secret: Option<&[u8]>) {
        self.order(Order::AddAuth { scheme: scheme.into(), secret: secret.map(<[u8]>::to_vec) });
    }

    /// Ends the session, and returns when the server has taken note of it, or has not for too long.
    pub fn close(&self) {
        let (told, ended) = bounded(1);
        self.order(Order::Close(told));
        let began = Instant::now();
        // Where the thread has ended just before, nobody takes the order and nobody drops it.
        while self.state().is_alive() && began.elapsed() < CLOSE_PATIENCE {
            if ended.recv_timeout(GLANCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
        // The end is told right after the state is known; both errors are an end too.
        let _ = ended.recv_timeout(GLANCE);
    }

    fn order(&self, order: Order) {
        // Nobody takes it when the session is over; who waits for an answer notices that its sender has gone.
        if self.orders.send(order).is_ok() {
            // A waker whose poll has gone belongs to a session that is over.
            drop(self.waker.wake());
        }
    }
}

/// A request that was given. One that was not sent before this goes is not sent.
pub struct Ticket {
    answered: Receiver<Reply>,
    client: Client,
    _asker: Arc<()>,
}

impl Ticket {
    /// Waits for the answer.
    ///
    /// # Errors
    /// If somebody has had enough meanwhile.
    pub fn wait(self) -> Result<Reply, Failure> {
        let patience = self.client.request_timeout;
        self.wait_within(patience)
    }

    /// The same, at most so long.
    pub fn wait_within(self, patience: Option<Duration>) -> Result<Reply, Failure> {
        // Where answers come fast nobody would look otherwise.
        if self.client.interrupted.load(Ordering::Acquire) {
            return Err(Failure::Interrupted);
        }
        let began = Instant::now();
        loop {
            match self.answered.recv_timeout(GLANCE) {
                Ok(reply) => return Ok(reply),
                Err(RecvTimeoutError::Disconnected) => return Ok(Reply::of_code(self.loss())),
                Err(RecvTimeoutError::Timeout) if self.client.interrupted.load(Ordering::Acquire) => {
                    return Err(Failure::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) if patience.is_some_and(|patience| began.elapsed() >= patience) => {
                    return Ok(Reply::of_code(code::REQUEST_TIMEOUT));
                }
                Err(RecvTimeoutError::Timeout) if !self.client.state().is_alive() => {
                    return Ok(self.answered.try_recv().unwrap_or_else(|_| Reply::of_code(self.loss())));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// The code where nobody answers any more.
    fn loss(&self) -> i32 {
        match self.client.state() {
            State::AuthFailed => code::AUTH_FAILED,
            _ => code::SESSION_EXPIRED,
        }
    }
}
