//! The wire side of a node: what moves bytes between this server and the others of its ensemble. Nothing here decides
//! anything, or knows what a transaction is.
//!
//! ```text
//!             ┌─ election_port: notifications ─┐
//! links ──────┤                                ├── Peers ── arrivals ──► core, replica
//! (streams)   └─ quorum_port: links ───────────┘       ◄── outputs ───
//!                   │ link: incoming packets
//!                   │ outgoing: what one is sent ◄──┬─ broadcast: what all are sent (feed)
//!                   └ supply: what one lacks     ◄──┴─ window, historian (log), spool (whole state): supplies
//! ```
//!
//! A turn is [`begin_turn`](Peers::begin_turn), [`next_arrival`](Peers::next_arrival) until there is nothing, what that led to, and
//! [`end_turn`](Peers::end_turn), which writes to each link. Nothing waits, and no clock is read.
//!
//! | bound | of | full |
//! |---|---|---|
//! | `PEER_READ_BYTES`, `PEER_READS` | what is read of a link in a turn | next turn |
//! | the longest packet | what has come of a link and was not given out | the link is not read |
//! | `FEED_BYTES` | what all are sent, and some have not taken | who is behind is closed |
//! | `LINK_OUT_BYTES` | what waits for one learner alone, without history | the link is closed |
//! | `LINK_OUT_BYTES`, `REQUEST_BYTES` | what waits for the leader | nothing more is to be forwarded; the link is closed |
//! | `HISTORY_CHUNK` x 2 | history that is ahead of a link | it waits |
//! | `LINKS_OUT_BYTES` | what waits for all links | the one with most is closed |
//! | `UNKNOWN_LINKS` | connections of a port that are no member's | the oldest is closed |
//! | `STREAMS_MAX` | streams to one server that are being connected | the oldest but one is closed |
//!
//! So all links together hold no more than `LINKS_OUT_BYTES`, two feeds, and a packet for each member and stranger.

mod addresses;
mod arrival;
mod attempt;
mod broadcast;
mod closing;
mod complaints;
mod config_text;
mod dial;
pub mod election_port;
mod ends;
mod feed;
pub mod historian;
mod introductions;
mod link;
pub mod links;
mod outgoing;
pub mod quorum_port;
mod ring;
pub mod simulated;
pub mod sockets;
pub mod spool;
mod strangers;
mod supplies;
mod supply;

#[cfg(test)]
mod tests;

pub use self::addresses::observer_master_addresses;
pub use self::arrival::Arrival;
pub use self::supplies::Records;

use paddock_consensus::config::{Config, Configs, HostPort};
use paddock_consensus::input::Link;
use paddock_consensus::message::Message;
use paddock_consensus::output::Part;
use paddock_consensus::settings::Ms;
use paddock_consensus::{Output, ServerId, Zxid};
use paddock_engine::acl::Id;
use paddock_net::observers::ObserverFigures;
use paddock_net::peer::forwarded_request::ForwardedRequest;
use paddock_net::peer::revalidation::{Revalidation, RevalidationAnswer};
use paddock_net::peer::touches::Touch;

use self::addresses::hosts;
use self::election_port::ElectionPort;
use self::links::{CannotListen, Links, Port, StreamEvent};
use self::quorum_port::QuorumPort;

/// All connections to other servers.
pub struct Peers {
    links: Box<dyn Links>,
    configs: Configs,
    election: ElectionPort,
    quorum: QuorumPort,
    /// The change of the configuration that is committed with what is performed now, and not told of yet.
    change: Option<Zxid>,
    /// Whom this server follows, or has tried to connect to since it looked for a leader last.
    leader: Option<ServerId>,
}

impl Peers {
    /// The election port is open from here on.
    pub fn new(mut links: Box<dyn Links>, configs: Configs, election: ElectionPort, quorum: QuorumPort) -> Peers {
        links.listen(Port::Election, true);
        links.set_hosts(hosts(&configs));
        Peers { links, configs, election, quorum, change: None, leader: None }
    }

    /// These are the configurations from here on. Where the committed one has this server at other addresses, its ports move
    /// there; one in which it is none leaves them where they are. Connections stay.
    pub fn set_configs(&mut self, configs: Configs) {
        let me = self.election.me();
        let of = |config: &Config| config.members().get(&me).map(|member| member.addresses.clone());
        let (before, now) = (of(&self.configs.committed), of(&configs.committed));
        if self.configs.committed.version() != configs.committed.version() {
            self.quorum.forget_introductions();
        }
        self.links.set_hosts(hosts(&configs));
        self.configs = configs;
        let Some(now) = now.filter(|now| before.as_ref() != Some(now)) else { return };
        let election: Vec<HostPort> = now.iter().map(|address| address.election.clone()).collect();
        let quorum: Vec<HostPort> = now.iter().map(|address| address.quorum.clone()).collect();
        self.links.move_to(Port::Election, &election);
        self.links.move_to(Port::Quorum, &quorum);
        self.links
            .move_to(Port::ObserverMaster, &observer_master_addresses(&quorum, self.quorum.observer_master_port()));
        if let Err(error) = self.election.move_to(&election) {
            tracing::error!("the election addresses of this server cannot be told to others: {error:?}");
        }
    }

    /// Takes in what has happened, and ends what has taken too long.
    ///
    /// # Errors
    /// If this server cannot be connected to, and is to end for that.
    pub fn begin_turn(&mut self, now: Ms) -> Result<(), CannotListen> {
        self.links.begin_turn(now)?;
        self.election.begin_turn();
        self.quorum.begin_turn(&mut *self.links, now);
        while let Some(event) = self.links.poll() {
            self.on_event(event, now);
        }
        self.election.on_time(&self.configs, &mut *self.links, now);
        self.quorum.on_time(&self.configs, &mut *self.links);
        Ok(())
    }

    /// What has come next, one after the other. What was given out before is taken.
    pub fn next_arrival(&mut self) -> Option<Arrival<'_>> {
        if let Some(told) = self.election.next(&self.configs, &mut *self.links) {
            return Some(Arrival::Election(told));
        }
        self.quorum.next(&self.configs, &mut *self.links)
    }

    /// The transaction in the PROPOSAL or INFORM that was given out last; empty if it was nothing such.
    pub fn txn_at_hand(&self) -> &[u8] {
        self.quorum.txn_at_hand()
    }

    /// Sends what there is to be sent, as far as it is taken.
    pub fn end_turn(&mut self, records: Records<'_>) {
        self.quorum.end_turn(records, &mut *self.links);
    }

    /// When [`begin_turn`](Peers::begin_turn) has something to do that no event tells of.
    pub fn deadline(&self) -> Option<Ms> {
        [self.links.deadline(), self.election.deadline(), self.quorum.deadline()].into_iter().flatten().min()
    }

    /// Whether there is something left that the turn had no room for: another one is to follow at once. To be asked after the
    /// thread's bell was told that the thread goes to sleep.
    pub fn has_more(&self) -> bool {
        self.links.has_more() || self.election.has_more() || self.quorum.has_more()
    }

    /// Whether links that are closed because this server stops have not taken everything yet. They are given a second.
    pub fn has_farewells(&self) -> bool {
        self.quorum.has_farewells()
    }

    /// These outputs of one step are performed next. A change of the configuration that is committed is told with whom it names,
    /// which is said behind the commit. What this server knows of configurations does not say whether a commit is such a one:
    /// that changes with the step.
    ///
    /// # Panics
    /// If there are two: what is proposed behind a change that is committed goes out behind that.
    pub fn begin_step(&mut self, outputs: &[Output]) {
        let mut changes = outputs.iter().filter_map(|output| match output {
            Output::Activate { config, leader: Some(_) } => Some(config.version()),
            _ => None,
        });
        self.change = changes.next();
        assert_eq!(changes.next(), None, "one change of the ensemble is committed at a time");
    }

    /// Performs what concerns connections, and gives back what concerns others, perhaps as well: a commit, the begin of a
    /// state, the end of a role, a change of the configuration, the end of this server. An answer to PING is given back too: it needs the sessions
    /// that were heard, and [`pong`](Peers::pong) sends it.
    ///
    /// A commit is to be performed here before the window is told of it.
    pub fn perform(&mut self, output: Output, records: Records<'_>, now: Ms) -> Option<Output> {
        let links = &mut *self.links;
        match output {
            Output::Dial(peer) => self.election.dial(peer, &self.configs, links, now),
            Output::Notify(peer, notification) => self.election.notify(peer, notification, &self.configs, links),
            Output::Listen(is_open) => {
                links.listen(Port::Quorum, is_open);
                self.quorum.lead(is_open);
            }
            Output::Connect(leader) => {
                self.leader = Some(leader);
                self.quorum.connect(leader, Port::Quorum, &self.configs, links);
            }
            Output::ConnectToObserverMaster(master) => {
                self.quorum.connect(master, Port::ObserverMaster, &self.configs, links);
            }
            Output::Send(_, Message::Pong) => return Some(output),
            Output::Send(link, message) => self.quorum.send(link, &message, &[], records, links),
            Output::Close(link, reason) => self.quorum.close_link(link, reason, links),
            Output::Sync(link, plan) => self.quorum.synchronise(link, plan),
            Output::Join(link) => self.quorum.join(link, records, links),
            output => {
                self.take_note(&output, records);
                return Some(output);
            }
        }
        None
    }

    /// Of what others perform, too.
    fn take_note(&mut self, output: &Output, records: Records<'_>) {
        match output {
            Output::Commit(zxid) if self.change == Some(*zxid) => {
                self.quorum.commit(Zxid(zxid.0 - 1), records.window);
            }
            Output::Commit(zxid) => self.quorum.commit(*zxid, records.window),
            Output::ServeObservers => self.links.listen(Port::ObserverMaster, true),
            Output::Replace(_) => self.quorum.begin_state(),
            Output::Halt(_) => self.election.end(&mut *self.links),
            // One without a leader came with what others were told of it, or with no transaction.
            Output::Activate { config, leader: Some(leader) } => {
                self.quorum.activate(config.version(), *leader, records.window);
            }
            Output::Become(Part::Looking, _) => {
                self.links.listen(Port::ObserverMaster, false);
                self.quorum.end_role(&mut *self.links);
                if let Some(leader) = self.leader.take() {
                    self.election.disconnect(leader, &self.configs, &mut *self.links);
                }
            }
            _ => {}
        }
    }

    /// Answers a PING, with the sessions that were heard since the last one.
    pub fn pong(&mut self, link: Link, touches: &[Touch], records: Records<'_>) {
        self.quorum.send(link, &Message::Pong, touches, records, &mut *self.links);
    }

    /// A leader has proposed the next transaction: it is in the window.
    pub fn propose(&mut self, zxid: Zxid, txn: &[u8]) {
        self.quorum.propose(zxid, txn);
    }

    /// Whether clients' requests are to be forwarded now: there is a leader, for which little waits. More is taken all the same,
    /// up to a bound at which the link ends.
    pub fn has_room_to_forward(&self) -> bool {
        self.quorum.has_room_to_forward()
    }

    /// Forwards a request of a client to the leader, with who the client is. Whether there is a leader.
    pub fn forward(&mut self, request: ForwardedRequest<'_>, ids: &[Id]) -> bool {
        self.quorum.forward(request, ids, &mut *self.links)
    }

    /// Asks the leader whether a session is alive. Whether there is a leader.
    pub fn revalidate(&mut self, revalidation: Revalidation) -> bool {
        self.quorum.revalidate(revalidation, &mut *self.links)
    }

    /// Answers a learner's question whether a session is alive.
    pub fn answer_revalidation(&mut self, link: Link, answer: RevalidationAnswer) {
        self.quorum.answer_revalidation(link, answer, &mut *self.links);
    }

    /// Answers the oldest sync of a learner.
    pub fn answer_sync(&mut self, link: Link) {
        self.quorum.answer_sync(link, &mut *self.links);
    }

    /// Nothing of the leader is given out for now, or it is again: its history is being cut, or the state that it sends is not
    /// taken in as fast as it comes. Nothing of it is read meanwhile.
    pub fn pause(&mut self, is_paused: bool) {
        self.quorum.pause(is_paused);
    }

    /// Ends the link to the leader, which has more for this server than that can keep. The core hears of it.
    pub fn leave_leader(&mut self) {
        self.quorum.leave_leader(&mut *self.links);
    }

    /// The state that the leader sends has ended, so many bytes before the end of what was given out of it last. These are
    /// packets, and are given out as such.
    pub fn end_state(&mut self, behind: usize) {
        self.quorum.end_state(behind);
    }

    /// The quorum port, for what learners are brought beside the window: whether a version is needed for it, and who takes
    /// the steps of what is read and written.
    pub fn quorum(&mut self) -> &mut QuorumPort {
        &mut self.quorum
    }

    /// What went to an observer and came from it; `wall_ms` is this moment by the wall clock.
    pub fn observer(&self, server: ServerId, wall_ms: i64) -> Option<ObserverFigures<&str>> {
        self.quorum.observer(server, wall_ms)
    }

    fn on_event(&mut self, event: StreamEvent, now: Ms) {
        let links = &mut *self.links;
        if let StreamEvent::Accepted { port, stream, from } = event {
            return match port {
                Port::Election => self.election.accept(stream, from, &self.configs, links, now),
                Port::Quorum | Port::ObserverMaster => self.quorum.accept(stream, from, &self.configs, links),
            };
        }
        let stream = event.stream();
        if self.election.owns(stream) {
            self.election.on_event(&event, &self.configs, links, now);
        } else if self.quorum.owns(stream) {
            self.quorum.on_event(&event, links);
        }
    }
}
