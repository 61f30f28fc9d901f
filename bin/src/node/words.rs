//! The thread that answers four-letter words which take long.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{self, Sender};
use paddock_net::exchange::{Errand, Exchange};
use paddock_net::long_answers::{self, Present};
use paddock_net::long_words::{ASKED_MAX, Asked};
use paddock_net::status::Status;
use paddock_net::surveyor::Surveyor;

use super::moment::Moment;
use crate::date;

/// A reactor whose queue of errands is full is told again after this, and so often.
const RETRY: Duration = Duration::from_millis(1);
const RETRIES: usize = 5000;

/// Starts the thread. It ends when nobody can ask any more.
pub fn start(exchanges: Arc<[Arc<Exchange>]>, status: Arc<Status>) -> io::Result<Sender<Asked>> {
    let (asked, words) = channel::bounded(ASKED_MAX);
    let surveyor = Surveyor::new(exchanges.clone());
    std::thread::Builder::new().name("words".into()).spawn(move || {
        for Asked { reactor, connection, word, is_secure, serve } in words {
            let Moment { now, wall_ms } = Moment::read();
            let present = Present { now, wall_ms };
            let zone = date::zone();
            let text = long_answers::answer((word, is_secure), serve, &surveyor, &status, present, &|ms| {
                date::java(ms, &zone)
            });
            say(&exchanges[reactor], Errand::Say { connection, text });
        }
    })?;
    Ok(asked)
}

/// Gives up where the reactor takes nothing: it closes the connection when that has waited too long.
fn say(exchange: &Exchange, mut errand: Errand) {
    for _ in 0..RETRIES {
        match exchange.errands.push(errand) {
            Ok(()) => return exchange.reactor_bell.ring(),
            Err(back) => errand = back,
        }
        exchange.reactor_bell.ring();
        std::thread::sleep(RETRY);
    }
}
