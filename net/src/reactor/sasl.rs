//! sasl packets: the tokens by which a client shows who it is, and what becomes of it.

use std::ops::ControlFlow;
use std::time::Instant;

use paddock_engine::error::Code;
use paddock_engine::jute::{Reader, Write};
use paddock_engine::request::RequestHeader;

use super::clients::Clients;
use super::ledger::Ledger;
use crate::connection::{Connection, Sasl, SaslEnd, Stage};
use crate::exchange::ConnectionId;
use crate::sasl::gssapi_library::TOKEN_MAX;
use crate::sasl::{Mechanism, Negotiation, SaslError, Step};
use crate::sasl_tokens::SaslToken;

/// Takes a client's token. `Break` where the connection must be closed without an answer.
pub fn negotiate(
    connection: &mut Connection,
    ledger: &mut Ledger,
    header: RequestHeader,
    body: &[u8],
) -> ControlFlow<()> {
    let Ok(Some(token)) = Reader::new(body).buffer() else { return ControlFlow::Break(()) };
    let settings = ledger.settings.clone();
    let Some(sasl) = &settings.sasl else {
        // It is not set up, and ZooKeeper says so by a token that is null, whatever the client's token was.
        ledger.answer_in_turn(connection, header.xid, &null());
        return ControlFlow::Continue(());
    };
    let mut negotiation = match connection.sasl.take().map(|state| *state) {
        None => sasl.login.begin(),
        Some(Sasl::Begun(negotiation)) => negotiation,
        // No other state is one in which a connection is read from.
        Some(Sasl::Over | Sasl::Asks { .. } | Sasl::Asked { .. } | Sasl::Delayed { .. }) => {
            let end = SaslEnd::Failed(SaslError::new("a token came after the end of a negotiation"));
            ended(connection, ledger, header.xid, end);
            return ControlFlow::Continue(());
        }
    };
    match sasl.login.mechanism() {
        Mechanism::DigestMd5 => {
            let step = negotiation.step(token);
            take_step(connection, ledger, header.xid, negotiation, step);
        }
        Mechanism::Gssapi if token.len() > TOKEN_MAX => {
            let why = format!("a token of {} bytes is longer than any of Kerberos", token.len());
            ended(connection, ledger, header.xid, SaslEnd::Failed(SaslError::new(why)));
        }
        Mechanism::Gssapi => {
            connection.stage = Stage::Negotiating;
            connection.sasl = Some(Box::new(Sasl::Asks { xid: header.xid, token: token.to_vec(), negotiation }));
            if !ledger.negotiations.wait(connection.id) {
                let end = SaslEnd::Failed(SaslError::new("too many wait for their steps at this moment"));
                tell(connection, ledger, header.xid, end);
            }
        }
    }
    ControlFlow::Continue(())
}

/// What came of a token.
fn take_step(
    connection: &mut Connection,
    ledger: &mut Ledger,
    xid: i32,
    negotiation: Box<dyn Negotiation>,
    step: Step,
) {
    let end = match step {
        Step::Continue(token) => {
            connection.sasl = Some(Box::new(Sasl::Begun(negotiation)));
            connection.stage = Stage::Established;
            return ledger.answer_in_turn(connection, xid, &some(&token));
        }
        Step::Done { token, authorization_id } => SaslEnd::Authenticated { token, authorization_id },
        Step::Failed(error) => SaslEnd::Failed(error),
    };
    ended(connection, ledger, xid, end);
}

/// A negotiation has ended, which is told now or later.
fn ended(connection: &mut Connection, ledger: &mut Ledger, xid: i32, end: SaslEnd) {
    let now = ledger.now();
    let delay = match end {
        SaslEnd::Authenticated { .. } => ledger.limits.sasl_failures.delay(connection.address, now),
        SaslEnd::Failed(_) => ledger.limits.sasl_failures.note(connection.address, now),
    };
    match delay {
        Some(delay) if ledger.negotiations.delay(connection.id, now + delay) => {
            connection.stage = Stage::Negotiating;
            connection.sasl = Some(Box::new(Sasl::Delayed { xid, end }));
        }
        _ => tell(connection, ledger, xid, end),
    }
}

/// Tells the client how its negotiation has ended.
fn tell(connection: &mut Connection, ledger: &mut Ledger, xid: i32, end: SaslEnd) {
    connection.stage = Stage::Established;
    connection.sasl = Some(Box::new(Sasl::Over));
    let (address, session) = (connection.address, format_args!("0x{:x}", connection.session));
    let error = match end {
        SaslEnd::Authenticated { token, authorization_id } => {
            let proven = ledger.settings.authority.of_sasl(&authorization_id);
            match connection.ids.prove(proven) {
                Ok(()) => {
                    tracing::info!(%address, session, id = authorization_id, "a client has logged in by SASL");
                    ledger.figures.own().authentications.proven.add(1);
                    let token = token.map_or_else(null, |token| some(&token));
                    return ledger.answer_in_turn(connection, xid, &token);
                }
                Err(_) => SaslError::new("a client proved more identities than are kept"),
            }
        }
        SaslEnd::Failed(error) => error,
    };
    ledger.figures.own().authentications.failed.add(1);
    let is_required = ledger.settings.enforced_schemes.iter().any(|scheme| scheme == "sasl");
    let keeps = ledger.settings.sasl.as_ref().is_some_and(|sasl| sasl.keeps_failed) && !is_required;
    let fate = if keeps { "it is served without" } else { "its connection was closed" };
    tracing::warn!(%address, session, %error, "a client has not logged in by SASL; {fate}");
    if keeps {
        return ledger.answer_in_turn(connection, xid, &null());
    }
    let code = if is_required { Code::SessionClosedRequireAuth } else { Code::AuthFailed };
    ledger.refuse_with(connection, xid, 0, code, &null());
}

/// Gives the thread the tokens that it may have.
pub fn send_tokens(clients: &mut Clients) {
    let reactor = clients.reactors.index();
    while let Some(id) = clients.ledger.negotiations.take_waiting() {
        let Some((connection, ledger)) = clients.get(id) else { continue };
        match connection.sasl.take().map(|state| *state) {
            Some(Sasl::Asks { xid, token, negotiation }) => {
                let token = SaslToken { reactor, connection: id, xid, token, negotiation };
                connection.sasl = Some(Box::new(Sasl::Asked { bytes: token.token.capacity() }));
                if ledger.negotiations.send(token).is_err() {
                    let end = SaslEnd::Failed(SaslError::new("the thread that takes the tokens has ended"));
                    tell(connection, ledger, xid, end);
                }
                ledger.settle(connection);
            }
            state => connection.sasl = state.map(Box::new),
        }
    }
}

/// The thread has taken a connection's token.
pub fn take_back(clients: &mut Clients, id: ConnectionId, xid: i32, negotiation: Box<dyn Negotiation>, step: Step) {
    clients.ledger.negotiations.note_back();
    let Some((connection, ledger)) = clients.get(id) else { return };
    if connection.stage == Stage::Negotiating {
        take_step(connection, ledger, xid, negotiation, step);
        go_on(connection, ledger);
        clients.relieve();
    }
}

/// Tells the ends that have waited long enough.
pub fn tell_due(clients: &mut Clients, now: Instant) {
    while let Some(id) = clients.ledger.negotiations.take_due(now) {
        let Some((connection, ledger)) = clients.get(id) else { continue };
        if connection.stage != Stage::Negotiating {
            continue;
        }
        match connection.sasl.take().map(|state| *state) {
            Some(Sasl::Delayed { xid, end }) => {
                tell(connection, ledger, xid, end);
                go_on(connection, ledger);
                clients.relieve();
            }
            state => connection.sasl = state.map(Box::new),
        }
    }
}

/// What has come meanwhile is served in the next turn.
fn go_on(connection: &mut Connection, ledger: &mut Ledger) {
    ledger.settle(connection);
    if connection.stage == Stage::Established && connection.has_more() {
        ledger.serve_again(connection);
    }
}

fn null() -> Vec<u8> {
    let mut body = Vec::new();
    body.put_buffer(None);
    body
}

fn some(token: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_buffer(Some(token));
    body
}
