//! One client on both servers: the same requests in the same order, and what came back in normal form.
use crate::normal::Normal;
use paddock_tests::client::{Client, ClientError, Frame, Hello};
use paddock_tests::reply::{Event, Reply};
use paddock_tests::request::Request;
use std::net::SocketAddr;

/// One thing that happened on a connection, in normal form.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    Reply(Reply),
    Event(Event),
    /// A session of this number and this negotiated timeout in milliseconds.
    Welcome {
        session: i64,
        timeout_ms: i32,
    },
    Refused,
    Closed,
}

/// One client's connection to one server.
#[derive(Debug)]
pub struct Side {
    pub client: Client,
    pub session: i64,
    latest_event: i64,
}

impl Side {
    /// A new session. Anything but a welcome is an error.
    pub fn connect(address: SocketAddr, hello: &Hello, normal: &mut Normal) -> Result<Side, String> {
        let client = Client::greet(address, hello).map_err(|error| format!("handshake: {error}"))?;
        let session = normal.session(&client.session)?;
        Ok(Side { client, session, latest_event: -1 })
    }

    /// A handshake for the session that this side holds; on a welcome the new connection takes the old one's place.
    pub fn reattach(&mut self, address: SocketAddr, hello: &Hello) -> Result<Happening, String> {
        match Client::greet(address, hello) {
            Ok(client) if client.session.id == self.client.session.id => {
                self.client = client;
                self.latest_event = -1;
                Ok(self.welcome())
            }
            Ok(client) => Err(format!("session {:#x} was asked for, {:#x} came", hello.session_id, client.session.id)),
            Err(ClientError::Refused) => Ok(Happening::Refused),
            Err(ClientError::Closed) => Ok(Happening::Closed),
            Err(error) => Err(format!("handshake: {error}")),
        }
    }

    pub fn welcome(&self) -> Happening {
        Happening::Welcome { session: self.session, timeout_ms: self.client.session.timeout_ms }
    }

    pub fn send(&mut self, requests: &[Request]) {
        for request in requests {
            self.client.queue(request);
        }
        // A connection that the server has closed shows when it is read.
        drop(self.client.flush());
    }

    /// Everything up to the last outstanding reply, or up to the close.
    pub fn receive(&mut self, normal: &mut Normal) -> Result<Vec<Happening>, String> {
        let mut happenings = Vec::new();
        while self.client.outstanding() > 0 {
            match self.client.next_frame() {
                Ok(Frame::Reply(reply)) => happenings.push(Happening::Reply(normal.reply(reply)?)),
                Ok(Frame::Event(event)) => {
                    happenings.push(Happening::Event(normal.event(event, &mut self.latest_event)?));
                }
                Err(ClientError::Closed) => {
                    happenings.push(Happening::Closed);
                    break;
                }
                Err(error) => return Err(format!("{error}, after {happenings:?}")),
            }
        }
        Ok(happenings)
    }

    /// Waits for the server to close the connection.
    pub fn receive_close(&mut self) -> Result<(), String> {
        self.client.expect_close().map_err(|error| format!("a close was due: {error}"))
    }
}

/// The same client on ZooKeeper (0) and on the server under test (1).
#[derive(Debug)]
pub struct Lane {
    pub sides: [Side; 2],
    /// Which digest identity this lane uses by default.
    pub identity: usize,
}
