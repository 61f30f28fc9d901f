//! Servers and what is on its way between them, in the hand of a script.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use paddock_consensus::config::Config;
use paddock_consensus::input::{Event, Mark};
use paddock_consensus::notification::{Notification, ServerState};
use paddock_consensus::settings::Ms;
use paddock_consensus::{Output, ServerId, Zxid};

use crate::server::{self, Role, Server};

/// More deliveries than any script needs: servers that answer each other for ever.
const DELIVERIES: usize = 1000;

#[derive(Default)]
pub struct Ensemble {
    pub servers: BTreeMap<ServerId, Server>,
    pub configs: BTreeMap<Zxid, Arc<Config>>,
    now: Ms,
    /// For each connection and direction what is not delivered yet: the newest.
    connections: BTreeMap<(ServerId, ServerId), Option<Notification>>,
    /// What each server is writing.
    writing: BTreeMap<ServerId, Mark>,
    said: String,
}

impl Ensemble {
    /// What happened since the last report, and what each server is now.
    pub fn report(&mut self) -> String {
        let mut report = std::mem::take(&mut self.said);
        for (me, server) in &self.servers {
            writeln!(report, "{}: {}", me.0, describe(server)).expect("a String takes everything");
        }
        report
    }

    /// One step of a server, and what comes of it.
    pub fn step(&mut self, me: ServerId, step: impl FnOnce(&mut Server, Ms, &mut Vec<Output>)) -> Result<(), String> {
        let server = self.servers.get_mut(&me).ok_or_else(|| format!("there is no server {}", me.0))?;
        let mut out = Vec::new();
        step(server, self.now, &mut out);
        out.into_iter().for_each(|output| self.perform(me, output));
        Ok(())
    }

    pub fn connect(&mut self, one: ServerId, other: ServerId) -> Result<(), String> {
        for ends in [(one, other), (other, one)] {
            self.connections.insert(ends, None);
        }
        self.tell_both(one, other, Event::Up)
    }

    /// The connection falls, and what is on its way is lost.
    pub fn fall(&mut self, one: ServerId, other: ServerId) -> Result<(), String> {
        for ends in [(one, other), (other, one)] {
            self.connections.remove(&ends).ok_or("there is no such connection")?;
        }
        self.tell_both(one, other, Event::Down)
    }

    /// The process ends, and all its connections.
    pub fn crash(&mut self, me: ServerId) -> Result<(), String> {
        self.servers.get_mut(&me).ok_or("there is no such server")?.role = None;
        let peers = self.connections.keys().filter(|(from, _)| *from == me).map(|(_, to)| *to);
        for peer in peers.collect::<Vec<_>>() {
            self.connections.remove(&(me, peer));
            self.connections.remove(&(peer, me));
            self.event(peer, me, Event::Down)?;
        }
        Ok(())
    }

    /// Only where the process runs.
    pub fn event(&mut self, me: ServerId, peer: ServerId, event: Event) -> Result<(), String> {
        match self.servers.get(&me).is_some_and(|server| server.role.is_some()) {
            true => self.step(me, |server, now, out| server.on_event(peer, event, now, out)),
            false => Ok(()),
        }
    }

    /// What is on its way between two servers arrives.
    pub fn deliver(&mut self, from: ServerId, to: ServerId) -> Result<(), String> {
        let waits = self.connections.get_mut(&(from, to)).ok_or("there is no such connection")?;
        let notification = waits.take().ok_or("nothing is on its way")?;
        let config = self.servers[&from].configs.committed.clone();
        self.step(to, |server, now, out| server.on_notification(from, &notification, Some(&config), now, out))
    }

    /// Everything arrives, and what comes of it, the lower servers' first.
    pub fn deliver_all(&mut self) -> Result<(), String> {
        for _ in 0..DELIVERIES {
            let next = self.connections.iter().find(|(_, waits)| waits.is_some()).map(|(ends, _)| *ends);
            let Some((from, to)) = next else { return Ok(()) };
            self.deliver(from, to)?;
        }
        Err("servers tell each other something for ever".into())
    }

    /// Time passes, and every server has each of its deadlines.
    pub fn wait(&mut self, time: Ms) -> Result<(), String> {
        let end = self.now.after(time);
        loop {
            let due = self.servers.iter().filter_map(|(me, server)| Some((server.deadline()?, *me))).min();
            let Some((deadline, me)) = due.filter(|(deadline, _)| *deadline <= end) else { break };
            self.now = self.now.max(deadline);
            self.step(me, |server, now, out| server.on_time(now, out))?;
        }
        self.now = end;
        Ok(())
    }

    pub fn written(&mut self, me: ServerId) -> Result<(), String> {
        let mark = self.writing.remove(&me).ok_or("it writes nothing")?;
        self.step(me, |server, now, out| server.on_written(mark, now, out))
    }

    pub fn report_support(&mut self, me: ServerId) -> Result<(), String> {
        let server = &self.servers[&me];
        let decision = server.decision().ok_or("it has not decided")?;
        let word = if decision.is_supported(&server.configs, |_| false) { "can" } else { "can not" };
        writeln!(self.said, "those who support {} {word} be a quorum", me.0).expect("a String takes everything");
        Ok(())
    }

    fn tell_both(&mut self, one: ServerId, other: ServerId, event: Event) -> Result<(), String> {
        self.event(one, other, event)?;
        self.event(other, one, event)
    }

    fn perform(&mut self, me: ServerId, output: Output) {
        let said = match output {
            Output::Dial(peer) => format!("{} dials {}", me.0, peer.0),
            Output::Notify(peer, notification) => {
                let text = format!("{} tells {}: {}", me.0, peer.0, server::notification(&notification));
                match self.connections.get_mut(&(me, peer)).map(|waits| waits.replace(notification)) {
                    Some(Some(_)) => format!("{text}, in place of the last"),
                    Some(None) => text,
                    None => format!("{text}, without a connection"),
                }
            }
            Output::Write(mark) => {
                let Mark::Committed(config) = &mark else { panic!("an election writes nothing else") };
                let text = format!("{} writes configuration {}", me.0, config.version());
                let before = self.writing.insert(me, mark);
                assert!(before.is_none(), "{} is being written already", me.0);
                text
            }
            other => panic!("an election does not put out {other:?}"),
        };
        writeln!(self.said, "{said}").expect("a String takes everything");
    }
}

fn describe(server: &Server) -> String {
    let (Some(role), Some(says)) = (&server.role, server.says()) else { return "down".into() };
    match role {
        Role::Looking(looking) => {
            let deadline = looking.deadline().map_or_else(String::new, |deadline| format!(", until {}", deadline.0));
            let proposes = server::vote(&says.vote);
            format!("{}{deadline}, round {}, proposes {proposes}", looking.awaits(), says.round)
        }
        Role::Decided(decision) => {
            let supporters: Vec<String> = decision.supporters.iter().map(|server| server.0.to_string()).collect();
            let state = match decision.state {
                ServerState::Looking => unreachable!("it has decided"),
                ServerState::Following => "Following",
                ServerState::Leading => "Leading",
                ServerState::Observing => "Observing",
            };
            let vote = server::vote(&decision.vote);
            format!("{state} {vote}, round {}, with {}", decision.round, supporters.join(" "))
        }
    }
}
