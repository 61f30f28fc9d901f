//! The thread that answers four-letter words which take long.

use std::io;
use std::sync::Arc;

use crossbeam::channel::{self, Sender};
use paddock_net::exchange::{Errand, Exchange};
use paddock_net::long_answers::{self, Present};
use paddock_net::long_words::{ASKED_MAX, Asked};
use paddock_net::status::Status;
use paddock_net::surveyor::Surveyor;

use super::errands;
use super::moment::Moment;
use crate::date;

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
            errands::tell(&exchanges[reactor], Errand::Say { connection, text });
        }
    })?;
    Ok(asked)
}
