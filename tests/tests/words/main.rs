//! Four-letter words as agents and people use them: what they are answered, in the form that programs parse, and that the
//! answer arrives whole whatever else comes on the connection.
//!
//! | module | looks at |
//! |---|---|
//! | `beside` | each word on a ZooKeeper 3.9.5 in the same state, by the part of a server |
//! | `ensemble_view` | what `paddock ensemble` makes of the answers |
//! | `ending` | how a connection ends that the server ends: answers are not lost to a reset |
//! | `figures` | the fields of `stat` and `cons`, `conf`, the version |
//! | `status` | what `paddock status` makes of the answers |
//! | `whitelist` | words that are not allowed, and that those which are allowed are answered |
mod beside;
mod ending;
mod ensemble_view;
mod figures;
mod status;
mod whitelist;

use paddock_tests::server::{DEADLINE, Kind, Server, Setup, four_letter_word};

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT_MS: i32 = 20_000;

fn setup() -> Setup {
    Setup::new(Kind::under_test())
}

fn ask(server: &Server, word: &str) -> String {
    four_letter_word(server.address(), word, DEADLINE).unwrap_or_else(|error| panic!("{word}: {error}"))
}
