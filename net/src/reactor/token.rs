//! The tokens by which a reactor's poll tells of its sources.

use mio::Token;

/// The token of a reactor's bell.
pub const BELL: Token = Token(0);
pub const LISTENER: Token = Token(1);
/// The listener of `secureClientPort`.
pub const SECURE_LISTENER: Token = Token(2);
/// Connections' tokens begin here.
const FIRST_CONNECTION: usize = 3;
/// Tokens of sockets that linger begin here, above all that connections can have.
pub const LINGERING: usize = 1 << 40;
/// Tokens from here on are somebody else's, with whom the reactor shares a poll.
pub const FOREIGN: usize = 1 << 48;
/// What a poll watches for a reactor besides clients' sockets: the bell and the listeners.
pub const SOURCES_BESIDE: usize = 3;

/// What an event tells of.
pub enum Source {
    Bell,
    Listener,
    /// The connection that has this slot.
    Connection(u32),
    /// A socket that lingers.
    Lingering(Token),
    Foreign,
}

/// The token of the connection that has this slot.
pub fn of_connection(slot: u32) -> Token {
    Token(slot as usize + FIRST_CONNECTION)
}

/// What has this token.
#[inline]
pub fn source(token: Token) -> Source {
    match token {
        BELL => Source::Bell,
        LISTENER | SECURE_LISTENER => Source::Listener,
        Token(FOREIGN..) => Source::Foreign,
        token @ Token(LINGERING..) => Source::Lingering(token),
        Token(token) => Source::Connection((token - FIRST_CONNECTION) as u32),
    }
}
