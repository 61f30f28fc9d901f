//! A stream before it is a link: its two sides make sure of each other.
//!
//! ```text
//! accepted:  TLS handshake ─► (election port: initial message) ─► quorum SASL, if it begins so ─► a link
//! dialled:   TLS handshake ─► quorum SASL ─► a link                                   at the quorum port
//!            TLS handshake ─► connected; initial message ─► quorum SASL ─► a link     at the election port
//! ```
//! What is switched off is left out. A call does what can be done with what has come: one step of a handshake or of a mechanism,
//! and never waits. What was read and belongs to the link is kept for it.

use std::io;

use mio::Token;
use mio::net::TcpStream;
use paddock_consensus::settings::Ms;
use paddock_net::peer::arriving::Stop;
use paddock_net::peer::initial_message::{self, InitialMessage};
use paddock_net::peer::quorum_auth::{self, QuorumAuthPacket, authenticates};
use paddock_net::sasl::{Negotiation, Step};

use super::channel::Channel;
use super::exchange::{Exchange, Next};
use super::failure::{Failure, Phase};
use super::refusals::Party;
use super::security::{Security, Tls};
use super::steps::Role;
use crate::node::peers::links::Port;

/// What may have come that is not taken: an initial message and a packet behind it, bytes.
const READ_MAX: usize = initial_message::BYTES_MAX + quorum_auth::BYTES_MAX;
/// Bytes that are read at a time.
const PIECE: usize = 4 << 10;

/// Who a stream is with.
#[derive(Debug)]
pub enum Other {
    /// `from`: its address, for people to read.
    Accepted { from: Box<str> },
    /// `host`: where it was dialled. `member`: the host in its line of the configuration, if it has one: nobody else is shown
    /// who this server is.
    Dialled { host: Box<str>, member: Option<Box<str>> },
}

enum Stage {
    Handshake,
    /// Of who was accepted at the election port.
    InitialMessage,
    /// Of who was accepted: whether it authenticates is not known.
    Magic,
    /// A packet has to come.
    Packet {
        exchange: Exchange,
        negotiation: Box<dyn Negotiation>,
    },
    /// The mechanism takes a step.
    Stepping(Exchange),
    /// Nothing is left but to write.
    Over,
}

/// How far a stream is.
pub enum Progress {
    /// Something has to come or to be taken, or the mechanism takes a step.
    Waits,
    /// The mechanism is to [take a step](Securing::take_step) with this token.
    Step {
        role: Role,
        negotiation: Box<dyn Negotiation>,
        token: Vec<u8>,
    },
    /// It is a link. `doubt`: it is taken although it has not shown who it is, because it need not.
    Secured {
        doubt: Option<Failure>,
    },
    Failed(Failure),
}

pub struct Securing {
    pub port: Port,
    pub token: Token,
    pub other: Other,
    /// It must be done by then.
    pub deadline: Ms,
    /// Something may have come, or be taken.
    pub is_due: bool,
    /// It was told as connected: this side has introduced itself.
    pub is_introduced: bool,
    channel: Channel,
    stage: Stage,
    /// What has come and was not taken.
    read: Vec<u8>,
    /// How much of it is an initial message.
    introduction: usize,
    has_ended: bool,
    unwritten: Vec<u8>,
    doubt: Option<Failure>,
}

/// A stream that is a link.
pub struct Secured {
    pub channel: Channel,
    pub token: Token,
    /// What has come already.
    pub read: Vec<u8>,
}

impl Securing {
    fn new(port: Port, other: Other, (channel, token): (Channel, Token), deadline: Ms) -> Securing {
        Securing {
            port,
            token,
            other,
            deadline,
            is_due: true,
            is_introduced: false,
            channel,
            stage: Stage::Handshake,
            read: Vec::new(),
            introduction: 0,
            has_ended: false,
            unwritten: Vec::new(),
            doubt: None,
        }
    }

    /// Somebody has connected from there.
    pub fn accepted(
        port: Port,
        from: Box<str>,
        (socket, token): (TcpStream, Token),
        security: &Security,
        deadline: Ms,
    ) -> Securing {
        let channel = match &security.tls {
            Some(tls) => Channel::detect_tls(socket, &tls.accepts_with()),
            None => Channel::plain(socket),
        };
        // A handshake begins with what comes, of which an event tells.
        let is_due = security.tls.is_none();
        Securing { is_due, ..Securing::new(port, Other::Accepted { from }, (channel, token), deadline) }
    }

    /// This server has connected to that host.
    ///
    /// # Errors
    /// If the handshake cannot begin.
    pub fn dialled(
        port: Port,
        (host, member): (Box<str>, Option<Box<str>>),
        (socket, token): (TcpStream, Token),
        security: &Security,
        deadline: Ms,
    ) -> io::Result<Securing> {
        let channel = match security.tls.as_ref().and_then(Tls::dials_with) {
            Some(context) => Channel::connect_tls(socket, &context, &host)?,
            None => Channel::plain(socket),
        };
        Ok(Securing::new(port, Other::Dialled { host, member }, (channel, token), deadline))
    }

    /// This server has said who it is at the election port of a member on that host, and is to show it.
    pub fn introduced(host: Box<str>, Secured { channel, token, read }: Secured, deadline: Ms) -> Securing {
        let other = Other::Dialled { host: host.clone(), member: Some(host) };
        Securing { is_introduced: true, read, ..Securing::new(Port::Election, other, (channel, token), deadline) }
    }

    /// What comes first of somebody who was accepted, once there is TLS or none.
    fn behind_tls(port: Port) -> Stage {
        if port == Port::Election { Stage::InitialMessage } else { Stage::Magic }
    }

    pub fn party(&self) -> Party {
        match &self.other {
            Other::Accepted { from } => {
                let host = from.rsplit_once(':').map_or(&**from, |(host, _)| host);
                Party::Accepted(self.port, host.into())
            }
            Other::Dialled { host, .. } => Party::Dialled(self.port, host.clone()),
        }
    }

    /// Whether nothing has come.
    pub fn is_silent(&self) -> bool {
        matches!(self.phase(), Phase::FirstByte | Phase::Introduction) && self.read.is_empty()
    }

    pub fn is_accepted(&self) -> bool {
        matches!(self.other, Other::Accepted { .. })
    }

    /// What it has not done in time. One that need not authenticate may go on without a word of that.
    pub fn late(&mut self, security: &Security) -> Progress {
        match self.stage {
            Stage::Magic if !security.requires_sasl() => Progress::Secured { doubt: None },
            _ => Progress::Failed(Failure::Late(self.phase())),
        }
    }

    fn phase(&self) -> Phase {
        match self.stage {
            Stage::Handshake if self.is_accepted() && !self.channel.is_secure() => Phase::FirstByte,
            Stage::Handshake => Phase::Handshake,
            Stage::InitialMessage => Phase::Introduction,
            Stage::Magic if self.read.len() == self.introduction && self.port != Port::Election => Phase::Introduction,
            Stage::Magic | Stage::Packet { .. } | Stage::Stepping(_) | Stage::Over => Phase::Sasl,
        }
    }

    /// It is a link from here on.
    pub fn into_secured(self) -> (Other, Secured) {
        (self.other, Secured { channel: self.channel, token: self.token, read: self.read })
    }

    /// Ends the stream; what was to be written goes out as far as it is taken.
    pub fn end(mut self) {
        let _ = self.write();
        self.channel.end();
    }

    /// Does what can be done now.
    pub fn go_on(&mut self, security: &Security) -> Progress {
        let progress = self.try_to_go_on(security).unwrap_or_else(Progress::Failed);
        self.is_due = self.awaits_bytes() && self.channel.has_more();
        progress
    }

    /// Whether it gets on with bytes that come, and has room for them.
    fn awaits_bytes(&self) -> bool {
        let reads = !matches!(self.stage, Stage::Stepping(_) | Stage::Over);
        reads && self.unwritten.is_empty() && self.read.len() < READ_MAX
    }

    /// The mechanism has taken its step.
    pub fn take_step(
        &mut self,
        negotiation: Box<dyn Negotiation>,
        step: Step,
        security: &Security,
    ) -> Result<(), Failure> {
        let Stage::Stepping(mut exchange) = std::mem::replace(&mut self.stage, Stage::Over) else { return Ok(()) };
        self.is_due = true;
        match exchange.take(step, &mut self.unwritten) {
            Ok(Next::Over) => Ok(()),
            Ok(Next::Packet | Next::Step(_)) => {
                self.stage = Stage::Packet { exchange, negotiation };
                Ok(())
            }
            // It was told, and is let in all the same.
            Err(failure) if self.is_accepted() && !security.requires_sasl() => {
                self.doubt = Some(failure);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    fn try_to_go_on(&mut self, security: &Security) -> Result<Progress, Failure> {
        loop {
            if !self.write()? {
                return Ok(Progress::Waits);
            }
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Handshake => {
                    self.stage = Stage::Handshake;
                    while self.channel.is_handshaking() {
                        if !self.read_more()? && self.channel.is_handshaking() {
                            return self.awaits(Stage::Handshake);
                        }
                    }
                    if !self.write()? {
                        return Ok(Progress::Waits);
                    }
                    match self.behind_handshake(security)? {
                        Stage::Stepping(exchange) => return Ok(self.begin_learner(exchange, security)),
                        stage => self.stage = stage,
                    }
                }
                Stage::InitialMessage => match InitialMessage::read(&self.read) {
                    Ok((_, length)) => (self.introduction, self.stage) = (length, Stage::Magic),
                    Err(Stop::Incomplete(_)) if !self.read_more()? => return self.awaits(Stage::InitialMessage),
                    Err(Stop::Incomplete(_)) => self.stage = Stage::InitialMessage,
                    // Whoever reads it says what is wrong.
                    Err(Stop::Bad(_)) => return Ok(Progress::Secured { doubt: None }),
                },
                Stage::Magic => match self.begins_with_magic(security)? {
                    Some(stage) => self.stage = stage,
                    None => return Ok(self.waits(Stage::Magic)),
                },
                Stage::Packet { exchange, negotiation } => {
                    if let Some(progress) = self.hear(exchange, negotiation)? {
                        return Ok(progress);
                    }
                }
                Stage::Stepping(exchange) => return Ok(self.waits(Stage::Stepping(exchange))),
                Stage::Over => return Ok(Progress::Secured { doubt: self.doubt.take() }),
            }
        }
    }

    fn waits(&mut self, stage: Stage) -> Progress {
        self.stage = stage;
        Progress::Waits
    }

    /// The same, where the other side may have ended the stream.
    fn awaits(&mut self, stage: Stage) -> Result<Progress, Failure> {
        self.stage = stage;
        match self.has_ended {
            true => Err(Failure::Ended(self.phase())),
            false => Ok(Progress::Waits),
        }
    }

    /// What comes behind the handshake, or in its place: [`Stage::Stepping`] for the first step.
    fn behind_handshake(&mut self, security: &Security) -> Result<Stage, Failure> {
        match &self.other {
            Other::Accepted { .. } => {
                match &security.tls {
                    Some(tls) if self.channel.is_secure() => tls.check_name(&self.channel).map_err(Failure::Name)?,
                    Some(tls) if !tls.takes_plaintext => return Err(Failure::Plaintext),
                    _ => {}
                }
                Ok(if security.sasl.is_some() { Securing::behind_tls(self.port) } else { Stage::Over })
            }
            Other::Dialled { member, .. } => {
                let is_told = member.is_some() && (self.port != Port::Election || self.is_introduced);
                let authenticates = security.sasl.as_ref().is_some_and(|sasl| sasl.learner_requires);
                Ok(if is_told && authenticates { Stage::Stepping(Exchange::learner()) } else { Stage::Over })
            }
        }
    }

    fn begin_learner(&mut self, exchange: Exchange, security: &Security) -> Progress {
        let (Some(sasl), Other::Dialled { member: Some(host), .. }) = (&security.sasl, &self.other) else {
            unreachable!("only who has dialled a member, and has SASL, begins")
        };
        let negotiation = sasl.begin_learner(host);
        self.stage = Stage::Stepping(exchange);
        Progress::Step { role: Role::Learner, negotiation, token: Vec::new() }
    }

    /// Whether whoever was accepted authenticates; `None` if that is not known yet.
    fn begins_with_magic(&mut self, security: &Security) -> Result<Option<Stage>, Failure> {
        let Some(sasl) = &security.sasl else { return Ok(Some(Stage::Over)) };
        loop {
            let is_known = authenticates(&self.read[self.introduction..]);
            return match is_known {
                None if self.read_more()? => continue,
                None if self.has_ended && self.read.is_empty() => Err(Failure::Ended(Phase::Introduction)),
                None if !self.has_ended => Ok(None),
                Some(true) => {
                    let negotiation = sasl.begin_server();
                    Ok(Some(Stage::Packet { exchange: Exchange::server(), negotiation }))
                }
                None | Some(false) if sasl.server_requires => Err(Failure::NoSasl),
                None | Some(false) => Ok(Some(Stage::Over)),
            };
        }
    }

    /// A packet has come, or not; `None` to go on.
    fn hear(&mut self, mut exchange: Exchange, negotiation: Box<dyn Negotiation>) -> Result<Option<Progress>, Failure> {
        match QuorumAuthPacket::read(&self.read[self.introduction..]) {
            Ok((packet, length)) => {
                let next = exchange.hear(&packet)?;
                let end = self.introduction + length;
                self.read.drain(self.introduction..end);
                let role = if self.is_accepted() { Role::Server } else { Role::Learner };
                Ok(match next {
                    Next::Step(token) => {
                        self.stage = Stage::Stepping(exchange);
                        Some(Progress::Step { role, negotiation, token })
                    }
                    Next::Packet => {
                        self.stage = Stage::Packet { exchange, negotiation };
                        None
                    }
                    Next::Over => None,
                })
            }
            Err(Stop::Bad(bad)) => Err(Failure::BadPacket(bad)),
            Err(Stop::Incomplete(_)) => {
                self.stage = Stage::Packet { exchange, negotiation };
                if self.read_more()? {
                    return Ok(None);
                }
                match self.has_ended {
                    true => Err(Failure::Ended(Phase::Sasl)),
                    false => Ok(Some(Progress::Waits)),
                }
            }
        }
    }

    /// Reads a piece. Whether something has come.
    fn read_more(&mut self) -> Result<bool, Failure> {
        let room = READ_MAX.saturating_sub(self.read.len()).min(PIECE);
        if self.has_ended || room == 0 {
            return Ok(false);
        }
        let mut bytes = [0; PIECE];
        match self.channel.read(&mut bytes[..room]) {
            Ok(None) => Ok(false),
            Ok(Some(0)) => {
                self.has_ended = true;
                Ok(false)
            }
            Ok(Some(count)) => {
                self.read.extend_from_slice(&bytes[..count]);
                Ok(true)
            }
            Err(error) => Err(self.broken(error)),
        }
    }

    /// Writes what is to be written. Whether all of it is.
    fn write(&mut self) -> Result<bool, Failure> {
        if !self.unwritten.is_empty() {
            let written = self.channel.write(&self.unwritten).map_err(|error| self.broken(error))?;
            self.unwritten.drain(..written);
        }
        let is_flushed = self.channel.flush().map_err(|error| self.broken(error))?;
        Ok(is_flushed && self.unwritten.is_empty())
    }

    fn broken(&self, error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::InvalidData => Failure::Handshake(error),
            _ => Failure::Ended(self.phase()),
        }
    }
}
