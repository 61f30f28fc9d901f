//! Four-letter words: those that tell of connections need a text from every reactor.
//!
//! With very many connections each of these texts is long, so that only a few words wait for texts at a time. The texts that
//! have come count as memory of the connection that asked.

use super::clients::Clients;
use crate::connection::Stage;
use crate::exchange::ConnectionId;
use crate::four_letter::{self, Reply, Word};

/// What is answered while too many words wait for texts.
const BUSY: &str = "Too many ask for the connections of this server at this moment. Ask again.\n";

/// Answers a word that came in place of a handshake, or asks the other reactors for what the answer needs.
pub fn answer(clients: &mut Clients, slot: u32, word: Word) {
    let Some((connection, ledger)) = clients.at(slot) else { return };
    ledger.note_received(connection);
    match four_letter::answer(word, ledger.serving(), ledger.figures.status()) {
        Reply::Text(text) => ledger.say(connection, &text),
        Reply::Connections { long } => inquire(clients, slot, long),
    }
}

fn inquire(clients: &mut Clients, slot: u32, long: bool) {
    let Some((connection, _)) = clients.at(slot) else { return };
    let id = connection.id;
    // Before its own line is written, which tells that it is not read from any more.
    connection.stage = Stage::Inquiring { awaited: 0 };
    let asked = clients.reactors.inquire(id, long);
    let text = asked.map(|awaited| (awaited, describe(clients, long)));
    let Some((connection, ledger)) = clients.at(slot) else { return };
    let Some((awaited, text)) = text else { return ledger.say(connection, BUSY) };
    // The lines are collected in the place of input, which a connection that has asked a word does not have.
    connection.input = text.into_bytes();
    connection.with_flag = long;
    connection.stage = Stage::Inquiring { awaited };
    finish(clients, slot);
}

/// Another reactor has answered for a word of the connection.
pub fn add(clients: &mut Clients, id: ConnectionId, text: &str) {
    let Some((connection, ledger)) = clients.get(id) else { return };
    let Stage::Inquiring { awaited } = &mut connection.stage else { return };
    *awaited -= 1;
    connection.input.extend_from_slice(text.as_bytes());
    ledger.settle(connection);
    clients.relieve();
    finish(clients, id.slot);
}

/// Answers the word if all texts have come.
fn finish(clients: &mut Clients, slot: u32) {
    let Some((connection, ledger)) = clients.at(slot) else { return };
    if connection.stage != (Stage::Inquiring { awaited: 0 }) {
        return;
    }
    let lines = String::from_utf8(std::mem::take(&mut connection.input)).expect("only text was collected");
    let status = ledger.figures.status();
    let text = four_letter::with_connections(connection.with_flag, &lines, ledger.serving(), status);
    ledger.say(connection, &text);
}

/// A line for each of this reactor's connections.
pub fn describe(clients: &Clients, long: bool) -> String {
    let mut text = String::new();
    for connection in clients.connections.iter() {
        four_letter::describe(connection, long, &clients.ledger.figures.status().clock, &mut text);
    }
    text
}
