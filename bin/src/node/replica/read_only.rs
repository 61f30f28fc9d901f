//! A server that looks for a leader, with clients that only read: they see what was public last. Their sessions are this
//! server's alone, without a transaction, and end with the period; neither the log nor any zxid is touched.

use paddock_engine::error::Code;
use paddock_net::exchange::{AnswerKind, Request, RequestKind};

use super::home::Home;
use super::sessions::Sessions;
use super::turn::Turn;

/// Takes a client's request, whose body lies in `bytes`.
pub fn take_request(turn: &mut Turn<'_>, sessions: &mut Sessions, home: Home, request: &Request, bytes: &[u8]) {
    let session = request.session;
    match &request.kind {
        RequestKind::Connect { timeout } => sessions.begin_without_leader(turn, home, *timeout),
        RequestKind::Reattach { timeout, password_matches } => {
            // Whether another's session lives, only a leader knows: its client is to go on looking for one, and not to hear
            // that it is over.
            match !password_matches || sessions.is_local(session) {
                true => sessions.reattach(turn, home, session, *timeout, *password_matches),
                false => turn.head.answer(home, AnswerKind::Dropped),
            }
        }
        RequestKind::Write { xid, .. } | RequestKind::Sync { xid, .. } => {
            turn.head.reply(home, *xid, Code::NotReadOnly.number(), &[]);
        }
        RequestKind::Ephemerals { xid, body } => {
            let body = &bytes[body.start as usize..body.end as usize];
            turn.head.payment().reply_ephemerals(home, session, *xid, body);
        }
        RequestKind::CloseSession { xid } => {
            sessions.forget_home(session);
            sessions.end_local(session);
            turn.head.answer(home, AnswerKind::Closed { xid: *xid });
        }
        RequestKind::Disconnected => sessions.leave(home),
    }
}
