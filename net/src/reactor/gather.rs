//! Four-letter words: those that tell of connections gather a text from every reactor.
//!
//! With very many connections each of these texts is long, so that no more than a few words gather at a time. What has come
//! counts as the memory of the connection that asked.

use super::Reactor;
use crate::connection::Stage;
use crate::exchange::{ConnectionId, Errand};
use crate::four_letter;

/// Words of one reactor's connections that gather at a time.
const WORDS_MAX: usize = 8;
/// What the next ones are told.
const BUSY: &str = "Too many ask for the connections of this server at this moment. Ask again.\n";

impl Reactor {
    pub(super) fn answer_word(&mut self, slot: u32, word: four_letter::Word) {
        self.note_received(slot);
        match four_letter::answer(word, &self.status) {
            four_letter::Reply::Text(text) => self.say(slot, &text),
            four_letter::Reply::Connections { long } => self.start_gathering(slot, long),
        }
    }

    /// Plain text, and then the end.
    fn say(&mut self, slot: u32, text: &str) {
        if let Some(connection) = self.connections.at(slot) {
            connection.output.tail().extend_from_slice(text.as_bytes());
            self.note_sent(slot);
            self.flush_and_close(slot);
        }
    }

    fn start_gathering(&mut self, slot: u32, long: bool) {
        // Each asks every other reactor once.
        let asks = self.exchanges.len() - 1;
        if self.inquiry.others() + asks > WORDS_MAX * asks {
            return self.say(slot, BUSY);
        }
        let Some(connection) = self.connections.at(slot) else { return };
        let id = connection.id;
        // First of all, so that it is described as one that is not read from any more.
        connection.stage = Stage::Gathering { awaited: 0 };
        let text = self.describe_connections(long);
        let mut awaited = 0;
        for (reactor, exchange) in self.exchanges.iter().enumerate().filter(|(reactor, _)| *reactor != self.index) {
            tracing::trace!(reactor, "asked for its connections");
            let inquiry = self.inquiry.clone();
            let errand = Errand::DescribeConnections { reactor: self.index, connection: id, long, inquiry };
            if exchange.errands.push(errand).is_ok() {
                exchange.reactor_bell.ring();
                awaited += 1;
            }
        }
        let Some(connection) = self.connections.at(slot) else { return };
        // The lines gather where input would: the word was all there is.
        connection.input = text.into_bytes();
        connection.with_flag = long;
        connection.stage = Stage::Gathering { awaited };
        self.finish_gathering(slot);
    }

    pub(super) fn gather(&mut self, id: ConnectionId, text: &str) {
        let Some(connection) = self.connections.get(id) else { return };
        let Stage::Gathering { awaited } = &mut connection.stage else { return };
        *awaited -= 1;
        connection.input.extend_from_slice(text.as_bytes());
        self.settle(id.slot);
        self.relieve();
        self.finish_gathering(id.slot);
    }

    fn finish_gathering(&mut self, slot: u32) {
        let Some(connection) = self.connections.at(slot) else { return };
        if connection.stage != (Stage::Gathering { awaited: 0 }) {
            return;
        }
        let lines = String::from_utf8(std::mem::take(&mut connection.input)).expect("only text was gathered");
        let text = four_letter::with_connections(connection.with_flag, &lines, &self.status);
        self.say(slot, &text);
    }

    pub(super) fn describe_connections(&self, long: bool) -> String {
        let mut text = String::new();
        for connection in self.connections.iter() {
            four_letter::describe(connection, long, &self.status.clock, &mut text);
        }
        text
    }
}
