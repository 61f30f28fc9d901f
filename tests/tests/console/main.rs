//! The console, as browsers ask it, and in one.
//!
//! | module | looks at |
//! |---|---|
//! | `browser` | every part in headless Chromium, with 100,000 znodes in one parent and 5,000 sessions |
//! | `changes` | what is changed, by whom, and who is kept from it |
//! | `files` | what a browser loads, and how |
//! | `questions` | what is told, a page at a time, and to whom |
mod browser;
mod changes;
mod files;
mod questions;

use paddock_tests::http::{Answer, ask, get};
use paddock_tests::server::{Kind, Server, Setup, free_port};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT_MS: i32 = 20_000;

/// A server with a console, and where that is.
struct Console {
    server: Server,
    address: SocketAddr,
}

impl Console {
    fn start() -> Console {
        Console::start_with(|setup| setup)
    }

    fn start_with(change: impl FnOnce(Setup) -> Setup) -> Console {
        let port = free_port();
        let setup = Setup::new(Kind::Paddock)
            .config("admin.enableServer", "true")
            .config("admin.serverAddress", "127.0.0.1")
            .config("admin.serverPort", &port.to_string());
        Console { server: change(setup).start(), address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
    }

    fn get(&self, below: &str) -> Answer {
        get(self.address, &format!("/console{below}"))
    }

    /// What a question is answered that nobody has logged in for.
    #[track_caller]
    fn told(&self, question: &str) -> Value {
        self.told_to(question, &[])
    }

    /// The same with these headers.
    #[track_caller]
    fn told_to(&self, question: &str, headers: &[(&str, &str)]) -> Value {
        let answer = ask(self.address, "GET", &format!("/console/api/{question}"), headers);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/json")),
            "{question}: {}",
            answer.text()
        );
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{question}: {error}: {}", answer.text()))
    }
}
