//! `restore`: refused. The state of a running server is replaced by its leader's alone, with log and files and without a moment in
//! which one of them is of another history; a state that comes by HTTP has no such way in, and a server that took it into memory
//! only would lose it with the next start.

use hyper::StatusCode;

use super::outcome::{Outcome, Refusal};
use super::source::Source;

const ERROR: &str = "this server does not replace its state while it runs: stop it, put the snapshot into an empty directory version-2 as \
                     snapshot.ZXID, with the last_zxid that came with it, convert that with paddock convert, and start with it";

pub fn restore(source: &Source) -> Result<Outcome, Refusal> {
    match source.settings.restore_enabled {
        true => Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, ERROR)),
        false => Ok(Outcome::status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}
