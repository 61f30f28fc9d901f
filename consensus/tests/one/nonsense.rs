//! Peers that say anything, beside a disk that keeps to what it is told.

use std::collections::VecDeque;
use std::sync::Arc;

use paddock_consensus::config::{Config, PeerType};
use paddock_consensus::input::{Event, Link, Mark, Ticket, Unsettled};
use paddock_consensus::message::{FromLearner, FromMaster};
use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::output::Part;
use paddock_consensus::settings::{Features, Ms, Settings};
use paddock_consensus::vote::Vote;
use paddock_consensus::{Epoch, Input, Output, Reign, ServerId, Zxid};
use proptest::prelude::*;
use proptest::sample::select;

use crate::server::{Server, config, found, settings, z};

/// Numbers, by which an act is chosen and filled.
#[derive(Clone, Copy, Debug)]
struct Act {
    what: u8,
    link: u32,
    server: i64,
    zxid: Zxid,
    epoch: i32,
    choice: u8,
}

fn zxids() -> impl Strategy<Value = Zxid> {
    let near = (0..5i32, 0..6i64).prop_map(|(epoch, counter)| z(epoch, counter));
    let far = select(vec![Zxid(-1), Zxid(i64::MIN), Zxid(i64::MAX), z(2, 0xffff_ffff), z(-1, 1)]);
    prop_oneof![9 => near, 1 => far]
}

fn acts() -> impl Strategy<Value = Act> {
    let epochs = prop_oneof![9 => 0..5i32, 1 => select(vec![-1, i32::MIN, i32::MAX - 1, i32::MAX])];
    (any::<u8>(), 1..4u32, -1..8i64, zxids(), epochs, any::<u8>())
        .prop_map(|(what, link, server, zxid, epoch, choice)| Act { what, link, server, zxid, epoch, choice })
}

/// How a server is when the nonsense begins.
#[derive(Clone, Copy, Debug)]
enum Beginning {
    Looking,
    Promised,
    TakingHistory,
    Following,
    AskingForPromises,
    Leading,
}

/// Does what the server says, sooner or later.
struct Node {
    server: Server,
    writes: VecDeque<Mark>,
    work: Option<Output>,
    /// The end of a history that is being brought.
    brought: Option<Zxid>,
    reign: Option<Reign>,
    /// The newest link; no number is used twice.
    links: u32,
}

impl Node {
    fn new(me: i64, settings: Settings) -> Node {
        let server = Server::new(me, settings, found(&[z(1, 1), z(1, 2)]));
        Node { server, writes: VecDeque::new(), work: None, brought: None, reign: None, links: 1 }
    }

    fn begin(&mut self, beginning: Beginning) {
        match beginning {
            Beginning::Looking => drop(self.server.step(Input::Time)),
            Beginning::Promised => drop(self.server.promises(2)),
            Beginning::TakingHistory => {
                self.server.promises(2);
                self.server.hears(FromMaster::Diff(z(1, 4)));
            }
            Beginning::Following => drop(self.server.serves(2, z(1, 2))),
            Beginning::AskingForPromises => drop(self.server.asks()),
            Beginning::Leading => {
                self.server.leads(z(1, 2));
                self.reign = Some(Reign::begin(Epoch(2)));
            }
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let outputs = self.server.step(input);
        outputs.into_iter().for_each(|output| self.put_out(output));
    }

    fn put_out(&mut self, output: Output) {
        match output {
            Output::Write(mark) => self.writes.push_back(mark),
            Output::Replace(last) => {
                self.brought = Some(last);
                self.begin_work(Output::Replace(last));
            }
            Output::Cut(_) | Output::Settle => self.begin_work(output),
            Output::Append(zxid) => self.brought = self.brought.map(|_| zxid),
            Output::Become(Part::Leading { epoch }, _) if self.reign.is_none() => {
                self.reign = Some(Reign::begin(epoch));
            }
            Output::Halt(_) => self.reign = None,
            Output::Become(Part::Looking, _) => {
                self.reign = None;
                if self.work != Some(Output::Settle) {
                    self.brought = None;
                }
            }
            _ => {}
        }
    }

    fn begin_work(&mut self, work: Output) {
        assert_eq!(self.work, None, "a history is made one thing at a time");
        self.work = Some(work);
    }

    fn end_work(&mut self, fails: bool) {
        let Some(work) = self.work.take() else { return };
        let settled = match work {
            _ if fails => Err(Unsettled::DigestDiffers),
            Output::Cut(last) | Output::Replace(last) => Ok(last),
            _ => Ok(self.brought.unwrap_or(self.server.zab.state().history.last())),
        };
        if fails || work == Output::Settle {
            self.brought = None;
        }
        self.step(Input::Settled(settled));
    }

    fn disk(&mut self, act: Act) {
        match act.choice % 4 {
            0 => {
                if let Some(mark) = self.writes.pop_front() {
                    self.step(Input::Written(mark));
                }
            }
            1 => self.end_work(act.choice > 200),
            2 if self.brought.is_none() && self.work.is_none() => {
                let last = self.server.zab.state().history.last();
                self.step(Input::Durable(last));
            }
            _ => {
                let state = self.server.zab.state();
                let base = state.committed.min(state.durable);
                if self.work.is_none() && state.history.contains(base) {
                    self.step(Input::Forgotten { base });
                }
            }
        }
    }

    fn propose(&mut self, act: Act) {
        let Some(zxid) = self.reign.and_then(|reign| reign.next()) else { return };
        self.reign.as_mut().unwrap().take(zxid);
        // One reconfiguration after the other is the node's to keep.
        let change = (zxid.counter() == 3).then(|| config(zxid, 4 + i64::from(act.choice % 2)));
        self.step(Input::Proposed { zxid, change: change.as_ref() });
    }

    fn act(&mut self, act: Act) {
        // A turn of the server looks at the clock before it takes anything up.
        self.step(Input::Time);
        let peer = ServerId(act.server);
        // One of the last, or one that is not there.
        let link = Link(self.links.saturating_sub(act.link - 1));
        let new = config(act.zxid, 3 + i64::from(act.choice % 3));
        match act.what % 24 {
            0..=5 => self.disk(act),
            6..=8 => self.propose(act),
            9 => {
                self.server.now = self.server.now.after(Ms(u64::from(act.choice) * 4));
                self.step(Input::Time);
            }
            10 => self.step(Input::Election { peer, event: event(act) }),
            11 => self.step(Input::Notification { from: peer, notification: notification(act), config: Some(&new) }),
            12 => {
                self.links += 1;
                self.step(Input::LearnerUp { link: Link(self.links) });
            }
            13 => self.step(Input::LearnerDown { link }),
            14 if act.choice < 60 => self.step(Input::StateBegun { link }),
            14 => self.step(Input::CaughtUp { link }),
            15 if act.choice < 20 => self.step(Input::MasterDown { link }),
            15 if act.choice < 100 => self.step(Input::MasterRefused),
            15 => self.step(Input::MasterUp { link }),
            16 => self.step(Input::Confirm(Ticket(u64::from(act.choice)))),
            17 if act.choice < 10 => self.step(Input::Stop),
            17 if act.choice < 60 => self.step(Input::Diverged),
            17 if act.choice < 90 => self.step(Input::Oracle(act.choice < 80)),
            18..=20 => self.step(Input::FromLearner { link, message: from_learner(act) }),
            _ => self.step(Input::FromMaster { link: Link(1), message: from_master(act, &new) }),
        }
    }
}

fn event(act: Act) -> Event {
    [Event::Up, Event::Refused, Event::Down][usize::from(act.choice % 3)]
}

fn notification(act: Act) -> Notification {
    let state = ServerState::from_code(i32::from(act.choice % 4)).unwrap();
    let vote = Vote { leader: ServerId(act.server), zxid: act.zxid, peer_epoch: i64::from(act.epoch) };
    let format = if act.choice < 128 { Format::Versioned } else { Format::Unversioned };
    Notification { state, vote, round: i64::from(act.choice % 5), format }
}

fn from_learner(act: Act) -> FromLearner {
    let peer_type = if act.choice < 200 { PeerType::Participant } else { PeerType::Observer };
    match act.choice % 5 {
        0 => FromLearner::Info {
            peer_type,
            server: (!act.choice.is_multiple_of(7)).then_some(ServerId(act.server)),
            accepted: Epoch(act.epoch),
            config_version: if act.choice < 220 { Zxid::ZERO } else { act.zxid },
            features: Features::EXACT_TRUNC,
        },
        1 => FromLearner::AckEpoch {
            current: (!act.choice.is_multiple_of(7)).then_some(Epoch(act.epoch)),
            last: act.zxid,
        },
        2 | 3 => FromLearner::Ack(act.zxid),
        _ => FromLearner::Pong,
    }
}

fn from_master(act: Act, new: &Arc<Config>) -> FromMaster<'_> {
    let (epoch, zxid) = (Epoch(act.epoch), act.zxid);
    let change = (act.choice > 200).then_some(new);
    match act.choice % 16 {
        0 => FromMaster::LeaderInfo { epoch, features: Features::default() },
        1 => FromMaster::Diff(zxid),
        2 => FromMaster::Trunc(zxid),
        3 => FromMaster::Snap(zxid),
        4 | 5 => FromMaster::NewLeader { epoch, config: change },
        6..=8 => FromMaster::Proposal { zxid, change },
        9 | 10 => FromMaster::Commit(zxid),
        11 => FromMaster::CommitAndActivate { zxid, leader: ServerId(act.server) },
        12 => FromMaster::Inform { zxid },
        13 => FromMaster::InformAndActivate { zxid, leader: ServerId(act.server), change: new },
        14 => FromMaster::UpToDate,
        _ => FromMaster::Ping,
    }
}

fn beginnings() -> impl Strategy<Value = Beginning> {
    select(vec![
        Beginning::Looking,
        Beginning::Promised,
        Beginning::TakingHistory,
        Beginning::Following,
        Beginning::AskingForPromises,
        Beginning::Leading,
    ])
}

proptest! {
    #[test]
    fn nothing_that_a_peer_says_ends_the_process(
        beginning in beginnings(),
        observes in any::<bool>(),
        reconfig_enabled in any::<bool>(),
        acts in prop::collection::vec(acts(), 1..300),
    ) {
        let leads = matches!(beginning, Beginning::AskingForPromises | Beginning::Leading);
        let me = if leads { 3 } else if observes { 6 } else { 1 };
        let reconfig_enabled = reconfig_enabled || leads;
        let mut node = Node::new(me, Settings { reconfig_enabled, read_only_mode: true, ..settings() });
        node.begin(beginning);
        acts.into_iter().for_each(|act| node.act(act));
        let state = node.server.zab.state();
        prop_assert!(state.epochs.current() <= state.epochs.accepted());
        prop_assert!(state.history.contains(state.durable));
    }
}
