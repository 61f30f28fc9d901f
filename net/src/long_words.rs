//! Four-letter words of which no thread alone knows the answer, or of which the answer takes long: those that tell of
//! connections, watches, sessions and files.

use crate::exchange::ConnectionId;
use crate::serving::Serve;

/// Words that may wait for their answers; whoever asks beyond is told to ask again.
pub const ASKED_MAX: usize = 64;

/// A word that takes long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LongWord {
    Conf,
    Cons,
    Crst,
    Dirs,
    Dump,
    Hash,
    Srst,
    Stat,
    Wchc,
    Wchp,
    Wchs,
}

impl LongWord {
    /// The word by its letters.
    pub fn of(word: &str) -> Option<LongWord> {
        Some(match word {
            "conf" => LongWord::Conf,
            "cons" => LongWord::Cons,
            "crst" => LongWord::Crst,
            "dirs" => LongWord::Dirs,
            "dump" => LongWord::Dump,
            "hash" => LongWord::Hash,
            "srst" => LongWord::Srst,
            "stat" => LongWord::Stat,
            "wchc" => LongWord::Wchc,
            "wchp" => LongWord::Wchp,
            "wchs" => LongWord::Wchs,
            _ => return None,
        })
    }
}

/// A word that a connection has asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub reactor: usize,
    pub connection: ConnectionId,
    pub word: LongWord,
    /// Whether it was asked at `secureClientPort`: who asks is told of the connections to the same port.
    pub is_secure: bool,
    /// How clients were served when it was asked.
    pub serve: Serve,
}
