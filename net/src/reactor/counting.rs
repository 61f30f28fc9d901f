//! Counts of large subtrees, a slice each turn, so that no other connection waits for a whole one.
//!
//! A connection whose count is under way, or waits behind a write, is not read from. So nothing comes behind the count that
//! could be answered before it.

use std::time::Instant;

use paddock_engine::request::opcode;

use super::clients::Clients;
use super::view::ReactorView;
use crate::connection::Stage;
use crate::reply;
use crate::time_share::TimeShare;

/// Goes on with the counts of the connections that the ledger lists, each in its turn.
#[derive(Default)]
pub struct Counting {
    share: TimeShare,
}

impl Counting {
    /// One slice of the count whose turn it is, and of the next ones while there is time for more.
    pub fn go_on(&mut self, clients: &mut Clients, view: &ReactorView) {
        if !clients.ledger.counts() {
            return;
        }
        self.share.begin(Instant::now());
        count_slice(clients, view);
        while clients.ledger.counts() && self.share.is_left(Instant::now()) {
            count_slice(clients, view);
        }
        if clients.ledger.counts() {
            self.share.end(Instant::now());
        }
    }
}

fn count_slice(clients: &mut Clients, view: &ReactorView) {
    let Some(id) = clients.ledger.take_to_count() else { return };
    let Some((connection, ledger)) = clients.get(id) else { return };
    if !matches!(connection.stage, Stage::Established | Stage::Negotiating) {
        return;
    }
    let (xid, mut count, received) = connection.pending.pop_count();
    match count.go_on(view.tree()) {
        None => ledger.postpone_count(connection, xid, count, received),
        Some(number) => {
            let out = connection.output.tail();
            let start = out.len();
            reply::write(xid, view.zxid(), 0, &number.to_be_bytes(), out);
            ledger.untold.note_response(out.len() - start);
            connection.pending.end_count();
            if let Some(slow) = ledger.slow_count(xid, count.path(), received) {
                slow.tell(connection, view.zxid());
            }
            ledger.note_answer(connection, (Some(opcode::GET_ALL_CHILDREN_NUMBER), false), xid, view.zxid(), received);
            ledger.owe(connection);
            // Its next frames had to wait.
            ledger.serve_again(connection);
        }
    }
}
