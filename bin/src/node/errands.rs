//! How a thread that is no reactor tells one something.

use std::thread;
use std::time::Duration;

use paddock_net::exchange::{Errand, Exchange};

/// A reactor whose queue of errands is full is told again after this, and so often.
const RETRY: Duration = Duration::from_millis(1);
const RETRIES: usize = 5000;

/// Gives up where the reactor takes nothing: it closes the connection that the errand is for when that has waited too long.
pub fn tell(exchange: &Exchange, mut errand: Errand) {
    for _ in 0..RETRIES {
        match exchange.errands.push(errand) {
            Ok(()) => return exchange.reactor_bell.ring(),
            Err(back) => errand = back,
        }
        exchange.reactor_bell.ring();
        thread::sleep(RETRY);
    }
}
