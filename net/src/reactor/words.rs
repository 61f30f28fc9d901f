//! Four-letter words: those that take long are answered by another thread.

use super::clients::Clients;
use crate::connection::Stage;
use crate::exchange::ConnectionId;
use crate::four_letter::{self, MASK_BYTES, Reply, Word};
use crate::long_words::{Asked, LongWord};

/// What is answered while too many words wait for their answers.
const BUSY: &str = "Too many ask for the connections, watches or sessions of this server at this moment. Ask again.\n";

/// Answers a word that came in place of a handshake, or has it answered. `behind`: what has come behind it.
pub fn answer(clients: &mut Clients, slot: u32, word: Word, behind: &[u8]) {
    let Some((connection, ledger)) = clients.at(slot) else { return };
    // Before the answer, which counts its own question.
    ledger.note_received(connection);
    ledger.tell_counted();
    let status = ledger.figures.status().clone();
    match four_letter::answer(word, ledger.serving(), &status) {
        Reply::Text(text) => ledger.say(connection, &text),
        Reply::Later(word) => ask(clients, slot, word),
        Reply::Mask => match behind.first_chunk::<MASK_BYTES>() {
            Some(mask) => ledger.say(connection, &four_letter::set_trace_mask(*mask, &status)),
            // As ZooKeeper, which reads once.
            None => ledger.say(connection, ""),
        },
    }
}

fn ask(clients: &mut Clients, slot: u32, word: LongWord) {
    let reactor = clients.reactors.index();
    let Some((connection, ledger)) = clients.at(slot) else { return };
    let asked =
        Asked { reactor, connection: connection.id, word, is_secure: connection.is_secure, serve: ledger.serving() };
    connection.stage = Stage::Inquiring;
    if ledger.long_words.try_send(asked).is_err() {
        ledger.say(connection, BUSY);
    }
}

/// Another thread has the answer for a connection.
pub fn say(clients: &mut Clients, id: ConnectionId, text: &str) {
    let Some((connection, ledger)) = clients.get(id) else { return };
    if connection.stage == Stage::Inquiring {
        ledger.say(connection, text);
        clients.relieve();
    }
}
