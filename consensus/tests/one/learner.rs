//! A follower and an observer.

use paddock_consensus::config::Configs;
use paddock_consensus::epochs::Epochs;
use paddock_consensus::input::{Event, Link, Mark, Unsettled};
use paddock_consensus::message::{FromMaster, Message};
use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::output::{Cause, Part, Reason, Serve};
use paddock_consensus::settings::{Features, Ms, Settings};
use paddock_consensus::vote::Vote;
use paddock_consensus::zab::{Found, Standing};
use paddock_consensus::{Epoch, Input, Output, ServerId, Zxid};

use crate::server::{LINK, Server, TICK, closed, config, found, is_refused, looks, sent, settings, z};

fn server(zxids: &[Zxid]) -> Server {
    Server::new(1, settings(), found(zxids))
}

fn leader_info(epoch: i32) -> FromMaster<'static> {
    FromMaster::LeaderInfo { epoch: Epoch(epoch), features: Features::default() }
}

#[test]
fn an_epoch_is_promised_when_it_is_written() {
    let mut server = server(&[z(1, 1)]);
    let outputs = server.joins();
    assert!(matches!(sent(&outputs, LINK)[..], [Message::Info { accepted: Epoch(1), .. }]));
    let outputs = server.hears(leader_info(2));
    assert_eq!(outputs, [Output::Write(Mark::AcceptedEpoch(Epoch(2)))]);
    let outputs = server.written(Mark::AcceptedEpoch(Epoch(2)));
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: Some(Epoch(1)), last: z(1, 1) }]);
}

#[test]
fn a_promise_does_not_count_twice_and_no_earlier_epoch_is_promised() {
    let mut server = server(&[z(1, 1)]);
    server.joins();
    let outputs = server.hears(leader_info(1));
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: None, last: z(1, 1) }]);
    let mut server = self::server(&[z(1, 1)]);
    server.joins();
    let outputs = server.hears(leader_info(0));
    assert_eq!(closed(&outputs, LINK), Some(Reason::OldEpoch));
    assert!(looks(&outputs));
    assert_eq!(server.cause(), Some(Cause::LinkClosed(Reason::OldEpoch)));
}

/// ZOOKEEPER-2355: the zxid of DIFF is where the leader is. ZOOKEEPER-2845: what counts is the end of the log.
#[test]
fn the_position_is_the_durable_end_of_the_log() {
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    assert_eq!(server.hears(FromMaster::Diff(z(1, 9))), [Output::Commit(z(1, 1))]);
    assert_eq!(server.proposal(z(1, 2)), [Output::Append(z(1, 2))]);
    assert_eq!(server.commit(z(1, 2)), [Output::Commit(z(1, 2))]);
    server.proposal(z(1, 3));
    server.durable(z(1, 2));
    let outputs = server.step(Input::MasterDown { link: LINK });
    assert_eq!(outputs, [Output::Become(Part::Looking, Serve::No)]);
    assert_eq!(server.awaits(), "Pausing", "what was appended is on its way to the disk");
    server.durable(z(1, 3));
    assert_eq!(server.awaits(), "Voting");
    assert_eq!(server.zab.state().durable, z(1, 3));
    server.joins();
    let outputs = server.hears(leader_info(2));
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: None, last: z(1, 3) }]);
}

/// ZOOKEEPER-3911, 4646, 4643: configuration, history, epoch, and the acknowledgement last. For an observer too.
#[test]
fn newleader_is_acknowledged_when_all_before_it_is_durable() {
    for me in [1, 6] {
        let mut server = Server::new(me, settings(), found(&[z(1, 1)]));
        server.promises(2);
        server.hears(FromMaster::Diff(z(1, 2)));
        server.proposal(z(1, 2));
        server.commit(z(1, 2));
        let new = config(z(2, 0), 3);
        let outputs = server.hears(FromMaster::NewLeader { epoch: Epoch(2), config: Some(&new) });
        assert_eq!(outputs, [Output::Write(Mark::LastSeen(new.clone()))]);
        assert_eq!(server.written(Mark::LastSeen(new)), [Output::Settle]);
        assert_eq!(server.durable(z(1, 2)), [], "a promise to settle is more than a part of it");
        assert_eq!(server.settled(Ok(z(1, 2))), [Output::Write(Mark::CurrentEpoch(Epoch(2)))]);
        let outputs = server.written(Mark::CurrentEpoch(Epoch(2)));
        assert_eq!(outputs, [Output::Send(LINK, Message::AckNewLeader { epoch: Epoch(2) })]);
    }
}

/// ZOOKEEPER-4685.
#[test]
fn a_proposal_is_acknowledged_behind_newleader_when_it_is_durable() {
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Diff(z(1, 1)));
    server.proposal(z(2, 1));
    assert_eq!(server.new_leader(2), [Output::Settle]);
    server.proposal(z(2, 2));
    assert_eq!(server.durable(z(2, 2)), []);
    server.settled(Ok(z(2, 2)));
    let outputs = server.written(Mark::CurrentEpoch(Epoch(2)));
    let acks = [Message::AckNewLeader { epoch: Epoch(2) }, Message::Ack { first: z(2, 1), last: z(2, 2) }];
    assert_eq!(sent(&outputs, LINK), acks);
    server.proposal(z(2, 3));
    server.proposal(z(2, 4));
    let outputs = server.durable(z(2, 3));
    assert_eq!(sent(&outputs, LINK), [Message::Ack { first: z(2, 3), last: z(2, 3) }]);
    let outputs = server.durable(z(2, 4));
    assert_eq!(sent(&outputs, LINK), [Message::Ack { first: z(2, 4), last: z(2, 4) }]);
}

#[test]
fn what_is_durable_stays_so_when_the_history_before_it_is_settled() {
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Diff(z(1, 1)));
    server.new_leader(2);
    server.proposal(z(2, 1));
    server.durable(z(2, 1));
    server.settled(Ok(z(1, 1)));
    let outputs = server.written(Mark::CurrentEpoch(Epoch(2)));
    let acks = [Message::AckNewLeader { epoch: Epoch(2) }, Message::Ack { first: z(2, 1), last: z(2, 1) }];
    assert_eq!(sent(&outputs, LINK), acks);
}

/// ZOOKEEPER-4394.
#[test]
fn what_is_committed_before_uptodate_is_applied_with_it() {
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Diff(z(1, 1)));
    server.proposal(z(2, 1));
    server.new_leader(2);
    server.settled(Ok(z(2, 1)));
    server.written(Mark::CurrentEpoch(Epoch(2)));
    assert_eq!(server.commit(z(2, 1)), []);
    server.proposal(z(2, 2));
    let following = Part::Following { leader: ServerId(3), epoch: Epoch(2) };
    let outputs = server.hears(FromMaster::UpToDate);
    let wanted = [
        Output::Commit(z(2, 1)),
        Output::Send(LINK, Message::AckNewLeader { epoch: Epoch(2) }),
        Output::Become(following, Serve::Yes),
    ];
    assert_eq!(outputs, wanted);
    assert_eq!(server.commit(z(2, 2)), [Output::Commit(z(2, 2))], "its own disk may be later than the others'");
}

/// ZOOKEEPER-1732: whoever comes later finds a quorum of equal votes.
#[test]
fn the_vote_of_who_serves_has_the_new_epoch() {
    let mut server = server(&[z(1, 1)]);
    server.takes_history(4, z(1, 1));
    let epoch = |server: &Server| server.zab.state().decision.unwrap().vote.peer_epoch;
    assert_eq!(epoch(&server), 1);
    server.hears(FromMaster::UpToDate);
    assert_eq!(epoch(&server), 4);
}

#[test]
fn no_proposal_is_left_out_and_none_is_committed_out_of_order() {
    for zxid in [z(2, 1), z(2, 2), z(2, 4), z(3, 1), z(1, 2), Zxid(-1), Zxid(i64::MIN)] {
        let mut server = server(&[z(1, 1)]);
        server.serves(2, z(1, 1));
        server.proposal(z(2, 1));
        server.proposal(z(2, 2));
        let outputs = server.proposal(zxid);
        assert!(is_refused(&outputs, LINK) && looks(&outputs), "{zxid}: {outputs:?}");
    }
    for zxid in [z(2, 2), z(2, 3), z(1, 1), Zxid::ZERO] {
        let mut server = server(&[z(1, 1)]);
        server.serves(2, z(1, 1));
        server.proposal(z(2, 1));
        server.proposal(z(2, 2));
        assert!(is_refused(&server.commit(zxid), LINK), "{zxid}");
    }
}

#[test]
fn nothing_is_taken_before_its_time() {
    let new = config(z(2, 0), 3);
    let messages = [
        FromMaster::UpToDate,
        FromMaster::Proposal { zxid: z(1, 2), change: None },
        FromMaster::Commit(z(1, 1)),
        FromMaster::Inform { zxid: z(1, 2) },
        FromMaster::NewLeader { epoch: Epoch(2), config: Some(&new) },
        leader_info(3),
    ];
    for message in messages {
        let mut server = server(&[z(1, 1)]);
        server.promises(2);
        let outputs = server.hears(message);
        assert!(is_refused(&outputs, LINK), "{message:?}: {outputs:?}");
    }
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Diff(z(1, 1)));
    assert!(is_refused(&server.new_leader(3), LINK), "it is another epoch's");
}

#[test]
fn trunc_is_done_where_the_transaction_is_and_refused_elsewhere() {
    let zxids = [z(1, 1), z(1, 2), z(1, 3)];
    let mut server = server(&zxids);
    server.promises(2);
    assert_eq!(server.hears(FromMaster::Trunc(z(1, 1))), [Output::Cut(z(1, 1))]);
    assert_eq!(server.settled(Ok(z(1, 1))), [Output::Commit(z(1, 1))]);
    assert_eq!(server.proposal(z(2, 1)), [Output::Append(z(2, 1))]);

    let mut server = self::server(&zxids);
    server.promises(2);
    assert!(is_refused(&server.hears(FromMaster::Trunc(z(1, 4))), LINK));

    let mut server = self::server(&[z(0, 1), z(1, 1)]);
    server.promises(2);
    let outputs = server.hears(FromMaster::Trunc(z(0, 2)));
    assert_eq!(closed(&outputs, LINK), Some(Reason::Unsettled(Unsettled::NotThere)));
    let outputs = server.promises_again(2);
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: None, last: Zxid::NOTHING }]);
}

impl Server {
    fn promises_again(&mut self, epoch: i32) -> Vec<Output> {
        self.joins();
        self.hears(leader_info(epoch))
    }
}

#[test]
fn a_history_that_could_not_be_settled_is_not_relied_on_in_this_epoch() {
    for unsettled in [Unsettled::SnapshotAbove, Unsettled::NotThere] {
        let mut server = server(&[z(1, 1), z(1, 2)]);
        server.promises(2);
        server.hears(FromMaster::Trunc(z(1, 1)));
        let outputs = server.settled(Err(unsettled));
        assert_eq!(closed(&outputs, LINK), Some(Reason::Unsettled(unsettled)));
        let outputs = server.promises_again(2);
        assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: None, last: Zxid::NOTHING }]);
        assert!(is_refused(&server.hears(FromMaster::Diff(z(1, 2))), LINK), "it has nothing that it could keep");
        let outputs = server.promises(3);
        let counts = Message::AckEpoch { current: Some(Epoch(1)), last: z(1, 2) };
        assert_eq!(sent(&outputs, LINK), [counts], "another leader may have been right");
    }
}

#[test]
fn a_server_without_history_asks_for_a_full_copy_and_has_one_then() {
    let mut found = found(&[z(1, 1)]);
    found.standing = Standing::Damaged;
    let mut server = Server::new(1, settings(), found);
    let outputs = server.promises(2);
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: None, last: Zxid::NOTHING }]);
    assert_eq!(server.hears(FromMaster::Snap(z(1, 7))), [Output::Replace(z(1, 7))]);
    assert_eq!(server.settled(Ok(z(1, 7))), []);
    server.proposal(z(1, 8));
    server.commit(z(1, 8));
    server.proposal(z(1, 9));
    assert_eq!(server.zab.state().durable, z(1, 1), "what is brought counts when it is durable");
    server.new_leader(2);
    server.settled(Ok(z(1, 9)));
    server.written(Mark::CurrentEpoch(Epoch(2)));
    let state = server.zab.state();
    assert_eq!((state.durable, state.history.base()), (z(1, 9), z(1, 8)));
    server.step(Input::MasterDown { link: LINK });
    let outputs = server.promises(3);
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: Some(Epoch(2)), last: z(1, 9) }]);
}

#[test]
fn what_a_state_has_already_is_counted_and_skipped() {
    let mut server = server(&[]);
    server.promises(2);
    server.hears(FromMaster::Snap(z(1, 7)));
    server.settled(Ok(z(1, 7)));
    assert_eq!(server.proposal(z(1, 6)), []);
    assert_eq!(server.proposal(z(1, 7)), []);
    assert_eq!(server.commit(z(1, 6)), []);
    assert_eq!(server.proposal(z(1, 8)), [Output::Append(z(1, 8))]);
    assert_eq!(server.commit(z(1, 7)), []);
    assert_eq!(server.commit(z(1, 8)), [Output::Commit(z(1, 8))]);
    assert!(is_refused(&server.commit(z(1, 8)), LINK));
}

#[test]
fn repeats_of_ever_more_epochs_are_not_taken_for_ever() {
    let mut server = server(&[]);
    server.promises(200);
    let last = z(200, 1);
    server.hears(FromMaster::Snap(last));
    server.settled(Ok(last));
    let refused = (1..200).find(|epoch| is_refused(&server.proposal(z(*epoch, 1)), LINK));
    assert_eq!(refused, Some(17));
}

#[test]
fn repeats_that_are_committed_are_forgotten() {
    let mut server = server(&[]);
    server.promises(200);
    let last = z(200, 1);
    server.hears(FromMaster::Snap(last));
    server.settled(Ok(last));
    let mut begin_epoch = |epoch| {
        assert_eq!(server.proposal(z(epoch, 1)), []);
        assert_eq!(server.commit(z(epoch, 1)), []);
        server.text_length()
    };
    assert_eq!(begin_epoch(100), (101..199).map(begin_epoch).max().unwrap());
}

#[test]
fn a_state_that_is_given_up_leaves_what_was_there() {
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Snap(z(1, 7)));
    let outputs = server.step(Input::MasterDown { link: LINK });
    assert!(looks(&outputs));
    assert_eq!(server.cause(), Some(Cause::LinkDown));
    assert_eq!(server.awaits(), "Pausing", "the disk is not free yet");
    server.settled(Err(Unsettled::BadStream));
    let outputs = server.promises_again(2);
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: None, last: z(1, 1) }]);
}

#[test]
fn a_state_that_is_becoming_durable_is_waited_for() {
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Snap(z(1, 7)));
    server.settled(Ok(z(1, 7)));
    server.new_leader(2);
    server.step(Input::MasterDown { link: LINK });
    assert_eq!(server.awaits(), "Pausing");
    server.settled(Ok(z(1, 7)));
    assert_eq!(server.zab.state().durable, z(1, 7));
    let outputs = server.promises_again(2);
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: None, last: z(1, 7) }]);
}

#[test]
fn a_reconfiguration_is_acknowledged_when_its_configuration_is_written() {
    let mut server = server(&[z(1, 1)]);
    server.serves(2, z(1, 1));
    let new = config(z(2, 2), 4);
    server.proposal(z(2, 1));
    let outputs = server.hears(FromMaster::Proposal { zxid: z(2, 2), change: Some(&new) });
    let wanted = [Output::Write(Mark::LastSeen(new.clone())), Output::Append(z(2, 2))];
    assert_eq!(outputs, wanted, "no log has it without its configuration");
    server.proposal(z(2, 3));
    let outputs = server.durable(z(2, 3));
    assert_eq!(sent(&outputs, LINK), [Message::Ack { first: z(2, 1), last: z(2, 1) }]);
    let outputs = server.written(Mark::LastSeen(new.clone()));
    assert_eq!(sent(&outputs, LINK), [Message::Ack { first: z(2, 2), last: z(2, 3) }]);
    assert!(outputs.contains(&Output::Dial(ServerId(4))), "who is to vote is dialled, so that an election finds it");
    server.commit(z(2, 1));
    let outputs = server.hears(FromMaster::CommitAndActivate { zxid: z(2, 2), leader: ServerId(3) });
    let wanted = [
        Output::Commit(z(2, 2)),
        Output::Write(Mark::Committed(new.clone())),
        Output::Activate { config: new, leader: Some(ServerId(3)) },
    ];
    assert_eq!(outputs, wanted);
    let outputs = server.hears(FromMaster::CommitAndActivate { zxid: z(2, 3), leader: ServerId(3) });
    assert!(is_refused(&outputs, LINK), "that was no reconfiguration");
}

#[test]
fn a_learner_leaves_a_leader_that_is_replaced_by_the_configuration() {
    let mut server = server(&[z(1, 1)]);
    server.serves(2, z(1, 1));
    let new = config(z(2, 1), 4);
    server.hears(FromMaster::Proposal { zxid: z(2, 1), change: Some(&new) });
    let outputs = server.hears(FromMaster::CommitAndActivate { zxid: z(2, 1), leader: ServerId(4) });
    assert_eq!(closed(&outputs, LINK), Some(Reason::Reconfigured));
    assert!(looks(&outputs));
    server.durable(z(2, 1));
    server.written(Mark::LastSeen(new.clone()));
    let outputs = server.written(Mark::Committed(new));
    assert_eq!(outputs, [Output::Connect(ServerId(4))], "it goes there when its disk is done, and looks for nobody");
    let state = server.zab.state();
    assert_eq!(state.decision.map(|decision| (decision.round, decision.vote.peer_epoch)), Some((-1, -1)));
    server.step(Input::Election { peer: ServerId(4), event: Event::Up });
    let outputs = server.pass(0);
    assert_eq!(outputs, []);
    server.step(Input::MasterRefused);
    assert_eq!(server.awaits(), "AwaitingRetry", "the other has perhaps not heard of it");
    let outputs = server.pass(u64::from(settings().init_limit) * TICK);
    assert!(looks(&outputs), "then it looks as always");
}

#[test]
fn a_learner_that_a_reconfiguration_names_leads() {
    let mut server = server(&[z(1, 1)]);
    server.serves(2, z(1, 1));
    let new = config(z(2, 1), 4);
    server.hears(FromMaster::Proposal { zxid: z(2, 1), change: Some(&new) });
    server.durable(z(2, 1));
    server.written(Mark::LastSeen(new.clone()));
    server.hears(FromMaster::CommitAndActivate { zxid: z(2, 1), leader: server.me });
    let outputs = server.written(Mark::Committed(new));
    assert_eq!((outputs, server.awaits()), (vec![Output::Listen(true)], "AwaitingInfo"));
}

/// A leader that serves proposes another one when that of NEWLEADER is in force, and nobody can lead with what was before it.
#[test]
fn a_configuration_is_in_force_before_another_one_is_seen() {
    let [first, second] = [config(z(2, 1), 4), config(z(2, 2), 5)];
    let wanted = [
        Output::Write(Mark::Committed(first.clone())),
        Output::Activate { config: first.clone(), leader: None },
        Output::Write(Mark::LastSeen(second.clone())),
        Output::Append(z(2, 2)),
    ];
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Snap(z(2, 1)));
    server.settled(Ok(z(2, 1)));
    server.hears(FromMaster::NewLeader { epoch: Epoch(2), config: Some(&first) });
    let outputs = server.hears(FromMaster::Proposal { zxid: z(2, 2), change: Some(&second) });
    assert_eq!(outputs[..4], wanted);
}

/// A server of ZooKeeper forwards so what it commits while its state is on its way.
#[test]
fn a_reconfiguration_that_a_state_has_already_is_in_force() {
    let new = config(z(2, 2), 4);
    let activates = Output::Activate { config: new.clone(), leader: Some(ServerId(3)) };
    let behind_state = |me: i64| {
        let mut server = Server::new(me, settings(), found(&[z(1, 1)]));
        server.promises(2);
        server.hears(FromMaster::Snap(z(2, 3)));
        server.settled(Ok(z(2, 3)));
        server
    };
    let mut server = behind_state(1);
    server.hears(FromMaster::Proposal { zxid: z(2, 2), change: Some(&new) });
    server.proposal(z(2, 3));
    let outputs = server.hears(FromMaster::CommitAndActivate { zxid: z(2, 2), leader: ServerId(3) });
    assert_eq!(outputs, [Output::Write(Mark::Committed(new.clone())), activates.clone()]);
    assert_eq!(server.commit(z(2, 3)), []);
    let mut server = behind_state(1);
    server.proposal(z(2, 2));
    let outputs = server.hears(FromMaster::CommitAndActivate { zxid: z(2, 2), leader: ServerId(3) });
    assert!(is_refused(&outputs, LINK), "that was no reconfiguration");
    let mut server = behind_state(6);
    let told = FromMaster::InformAndActivate { zxid: z(2, 2), leader: ServerId(3), change: &new };
    assert_eq!(server.hears(told), [Output::Write(Mark::Committed(new.clone())), activates]);
}

/// What a crash left in the file and not in the log was never acknowledged, unless with the NEWLEADER of a later epoch.
#[test]
fn a_configuration_that_was_never_acknowledged_needs_no_quorum() {
    let starts = |version: Zxid, current: i32, standing| {
        let epochs = Epochs::new(Some(Epoch(2)), Some(Epoch(current)), z(1, 1)).unwrap();
        let configs = Configs { last_seen: config(version, 5), ..found(&[]).configs };
        let mut server = Server::new(1, settings(), Found { epochs, configs, standing, ..found(&[z(1, 1)]) });
        let committed = server.zab.state().configs.committed.clone();
        let is_dropped = server.zab.state().configs.last_seen == committed;
        let outputs = server.step(Input::Time);
        assert_eq!(outputs.contains(&Output::Write(Mark::LastSeen(committed))), is_dropped, "{outputs:?}");
        is_dropped
    };
    assert!(starts(z(1, 2), 1, Standing::Sound) && starts(z(2, 1), 1, Standing::Sound));
    assert!(!starts(z(1, 1), 1, Standing::Sound), "the log has it");
    assert!(!starts(z(1, 2), 2, Standing::Sound), "a leader of epoch 2 may have told it");
    assert!(!starts(z(2, 0), 1, Standing::Sound), "it is no transaction's");
    assert!(!starts(z(1, 2), 1, Standing::Damaged), "the log may have had it");
}

/// A change that is under way is not forgotten with an earlier one that others have committed.
#[test]
fn an_earlier_configuration_that_is_heard_of_leaves_the_newer_one_under_way() {
    let [committed, pending] = [config(z(1, 1), 4), config(z(1, 2), 5)];
    let configs = Configs { last_seen: pending.clone(), ..found(&[]).configs };
    let mut server = Server::new(1, settings(), Found { configs, ..found(&[z(1, 1), z(1, 2)]) });
    server.step(Input::Time);
    let vote = Vote { leader: ServerId(2), zxid: z(1, 2), peer_epoch: 1 };
    let notification = Notification { state: ServerState::Looking, vote, round: 1, format: Format::Versioned };
    let outputs = server.step(Input::Notification { from: ServerId(2), notification, config: Some(&committed) });
    assert_eq!(outputs.last(), Some(&Output::Write(Mark::Committed(committed.clone()))));
    server.written(Mark::Committed(committed.clone()));
    assert_eq!(*server.zab.state().configs, Configs { committed, last_seen: pending });
}

/// A server that does not take the configuration over has no change in its log that may need its acknowledgement.
#[test]
fn a_change_that_is_not_committed_is_refused_where_reconfiguration_is_off() {
    let new = config(z(2, 1), 4);
    let change = |zxid| FromMaster::Proposal { zxid, change: Some(&new) };
    let off = || Server::new(1, Settings { reconfig_enabled: false, ..settings() }, found(&[z(1, 1)]));
    let refuses = |outputs: &[Output]| {
        assert!(!outputs.iter().any(|output| matches!(output, Output::Append(_))), "{outputs:?}");
        closed(outputs, LINK) == Some(Reason::ReconfigDisabled)
    };
    let mut server = off();
    server.serves(2, z(1, 1));
    assert!(refuses(&server.hears(change(z(2, 1)))));
    let mut server = off();
    server.takes_history(2, z(1, 1));
    assert!(refuses(&server.hears(change(z(2, 1)))));
    let mut server = off();
    server.promises(2);
    server.hears(FromMaster::Diff(z(1, 1)));
    assert!(refuses(&server.hears(change(z(2, 1)))), "nobody said that it is committed");
    let mut server = off();
    server.promises(2);
    server.hears(FromMaster::Diff(z(2, 1)));
    assert_eq!(server.hears(change(z(2, 1))), [Output::Append(z(2, 1))]);
}

/// What a history brings as committed is in force when NEWLEADER tells of one that is not, before anything that the leader has
/// proposed is acknowledged.
#[test]
fn a_configuration_that_the_history_has_committed_is_in_force_before_what_follows_is_acknowledged() {
    let [first, second] = [config(z(1, 2), 4), config(z(2, 1), 5)];
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Diff(z(1, 2)));
    server.hears(FromMaster::Proposal { zxid: z(1, 2), change: Some(&first) });
    server.commit(z(1, 2));
    server.hears(FromMaster::Proposal { zxid: z(2, 1), change: Some(&second) });
    server.written(Mark::LastSeen(first.clone()));
    server.written(Mark::LastSeen(second.clone()));
    server.durable(z(2, 1));
    server.hears(FromMaster::NewLeader { epoch: Epoch(2), config: Some(&second) });
    let [committed, current] = [Mark::Committed(first.clone()), Mark::CurrentEpoch(Epoch(2))].map(Output::Write);
    let activated = Output::Activate { config: first.clone(), leader: None };
    assert_eq!(server.settled(Ok(z(2, 1))), [committed, activated, current]);
    assert_eq!(server.zab.state().configs.committed, first);
    assert_eq!(server.zab.state().configs.last_seen, second);
}

/// The leader is a server of ZooKeeper: a Paddock brings nobody to its history who has not heard of the commit.
#[test]
fn a_change_that_was_committed_unheard_is_in_force_before_the_next_one_is_seen() {
    let [first, second] = [config(z(1, 2), 4), config(z(2, 1), 5)];
    let mut found = found(&[z(1, 1), z(1, 2)]);
    found.configs.last_seen = first.clone();
    let mut server = Server::new(1, settings(), found);
    server.promises(2);
    server.hears(FromMaster::Diff(z(1, 2)));
    let outputs = server.hears(FromMaster::NewLeader { epoch: Epoch(2), config: Some(&second) });
    let [committed, seen] = [Mark::Committed(first.clone()), Mark::LastSeen(second)].map(Output::Write);
    assert_eq!(outputs, [committed, Output::Activate { config: first, leader: None }, seen]);
}

/// Who proposes has begun its reign, and with that the configuration of its NEWLEADER is committed: what it proposes may need the
/// quorum of that alone, so that nobody has it who does not know so.
#[test]
fn a_proposal_puts_the_configuration_of_newleader_in_force_before_it_is_in_the_log() {
    let told = config(z(1, 1), 4);
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    server.hears(FromMaster::Diff(z(1, 1)));
    server.hears(FromMaster::NewLeader { epoch: Epoch(2), config: Some(&told) });
    server.written(Mark::LastSeen(told.clone()));
    assert_eq!(server.settled(Ok(z(1, 1))), [Output::Write(Mark::CurrentEpoch(Epoch(2)))], "it may not have begun");
    server.written(Mark::CurrentEpoch(Epoch(2)));
    let committed = Output::Write(Mark::Committed(told.clone()));
    let activated = Output::Activate { config: told.clone(), leader: None };
    assert_eq!(server.proposal(z(2, 1)), [committed, activated, Output::Append(z(2, 1))]);
    assert_eq!(server.proposal(z(2, 2)), [Output::Append(z(2, 2))]);
    assert_eq!(server.durable(z(2, 2)), []);
    let acks = Message::Ack { first: z(2, 1), last: z(2, 2) };
    assert_eq!(server.written(Mark::Committed(told)), [Output::Send(LINK, acks)], "a full disk was waited for");
}

/// NEWLEADER tells the configuration that its leader has seen last, also one that is not committed.
#[test]
fn a_configuration_that_is_under_way_is_not_activated_by_uptodate() {
    let pending = config(z(2, 1), 4);
    let takes_over = |committed: bool| {
        let mut server = server(&[z(1, 1)]);
        server.promises(2);
        server.hears(FromMaster::Diff(z(1, 1)));
        server.hears(FromMaster::Proposal { zxid: z(2, 1), change: Some(&pending) });
        server.written(Mark::LastSeen(pending.clone()));
        server.durable(z(2, 1));
        server.hears(FromMaster::NewLeader { epoch: Epoch(2), config: Some(&pending) });
        server.settled(Ok(z(2, 1)));
        server.written(Mark::CurrentEpoch(Epoch(2)));
        if committed {
            server.hears(FromMaster::Commit(z(2, 1)));
        }
        server.hears(FromMaster::UpToDate)
    };
    let activates = |outputs: Vec<Output>| outputs.iter().any(|output| matches!(output, Output::Activate { .. }));
    assert!(!activates(takes_over(false)));
    assert!(activates(takes_over(true)));
}

#[test]
fn an_observer_takes_what_is_committed_and_acknowledges_none_of_it() {
    let mut server = Server::new(6, settings(), found(&[z(1, 1)]));
    let outputs = server.serves(2, z(1, 1));
    let observing = Part::Observing { leader: ServerId(3), epoch: Epoch(2) };
    assert_eq!(outputs.last(), Some(&Output::Become(observing, Serve::Yes)));
    let outputs = server.hears(FromMaster::Inform { zxid: z(2, 1) });
    assert_eq!(outputs, [Output::Append(z(2, 1)), Output::Commit(z(2, 1))]);
    assert_eq!(server.durable(z(2, 1)), []);
    assert!(is_refused(&server.proposal(z(2, 2)), LINK));
    let mut follower = self::server(&[z(1, 1)]);
    follower.serves(2, z(1, 1));
    assert!(is_refused(&follower.hears(FromMaster::Inform { zxid: z(2, 1) }), LINK));
}

#[test]
fn an_observer_that_lost_its_leader_waits_a_while() {
    let mut server = Server::new(6, Settings { seed: 3, ..settings() }, found(&[z(1, 1)]));
    server.serves(2, z(1, 1));
    server.step(Input::MasterDown { link: LINK });
    let until = server.zab.deadline().unwrap();
    assert!(until <= server.now.after(Ms(200)) && until > server.now, "{until:?}");
    server.now = until;
    server.step(Input::Time);
    assert_eq!(server.awaits(), "Voting");
}

#[test]
fn a_ping_is_answered_by_a_server_that_serves() {
    let mut server = server(&[z(1, 1)]);
    server.takes_history(2, z(1, 1));
    assert_eq!(server.hears(FromMaster::Ping), []);
    server.hears(FromMaster::UpToDate);
    assert_eq!(server.hears(FromMaster::Ping), [Output::Send(LINK, Message::Pong)]);
}

#[test]
fn a_leader_that_is_silent_is_left() {
    let mut server = server(&[z(1, 1)]);
    server.promises(2);
    assert_eq!(server.pass(10 * TICK - 1), []);
    let outputs = server.pass(1);
    assert_eq!(closed(&outputs, LINK), Some(Reason::TimedOut));

    let mut server = self::server(&[z(1, 1)]);
    server.serves(2, z(1, 1));
    server.pass(5 * TICK - 1);
    server.hears(FromMaster::Ping);
    assert_eq!(server.pass(5 * TICK - 1), []);
    server.now = server.now.after(Ms(1));
    let outputs = server.proposal(z(2, 1));
    assert_eq!(closed(&outputs, LINK), Some(Reason::TimedOut), "the time comes before what was late");
    assert!(!outputs.contains(&Output::Append(z(2, 1))));
}

#[test]
fn a_leader_that_refuses_is_tried_again_for_a_while() {
    let mut server = server(&[z(1, 1)]);
    server.joins();
    server.step(Input::MasterDown { link: LINK });
    let connect = Output::Connect(ServerId(3));
    server.step(Input::Time);
    let decided = |server: &Server| server.awaits() == "Connecting";
    assert!(!decided(&server));
    server.joins_until_connecting();
    assert!(decided(&server));
    server.step(Input::Election { peer: ServerId(3), event: Event::Up });
    for wait in [2, 4, 8, 16, 32, 64, 100, 100] {
        server.step(Input::MasterRefused);
        assert_eq!(server.awaits(), "AwaitingRetry");
        assert_eq!(server.pass(wait - 1), [], "{wait}");
        assert_eq!(server.pass(1), std::slice::from_ref(&connect), "{wait}");
    }
    let outputs = server.pass(10 * TICK);
    assert!(looks(&outputs));
    assert_eq!(server.cause(), Some(Cause::LeaderUnreached));
}

/// It died between its election and the first connection to it.
#[test]
fn a_leader_that_refuses_and_is_gone_from_the_election_port_is_not_waited_for() {
    let mut server = server(&[z(1, 1)]);
    server.step(Input::Election { peer: ServerId(3), event: Event::Up });
    server.step(Input::Time);
    server.joins_until_connecting();
    server.step(Input::MasterRefused);
    assert_eq!(server.pass(2), [Output::Connect(ServerId(3))]);
    server.step(Input::Election { peer: ServerId(3), event: Event::Down });
    assert_eq!(server.awaits(), "Connecting", "this attempt may still come to something");
    assert!(looks(&server.step(Input::MasterRefused)));
    assert_eq!(server.cause(), Some(Cause::LeaderGone));
    // The second time it lets the others come to a decision of their own.
    server.step(Input::Time);
    server.joins_until_connecting();
    assert!(looks(&server.step(Input::MasterRefused)));
    server.pass(499);
    assert_eq!(server.awaits(), "Pausing");
    server.pass(1);
    assert_ne!(server.awaits(), "Pausing");
}

/// A server of another ensemble, or one that promised more than there was, does not come back at once, over and over.
#[test]
fn a_leader_of_an_epoch_that_is_too_early_is_left_alone_for_a_tick() {
    let mut server = server(&[z(1, 1)]);
    server.joins();
    let early = FromMaster::LeaderInfo { epoch: Epoch(0), features: Default::default() };
    assert_eq!(closed(&server.hears(early), LINK), Some(Reason::OldEpoch));
    server.pass(TICK - 1);
    assert_eq!(server.awaits(), "Pausing");
    server.pass(1);
    assert_ne!(server.awaits(), "Pausing");
}

impl Server {
    fn joins_until_connecting(&mut self) {
        use paddock_consensus::vote::Vote;
        for (from, state) in [(2, ServerState::Following), (3, ServerState::Leading)] {
            let vote = Vote { leader: ServerId(3), zxid: Zxid::ZERO, peer_epoch: 1 };
            let notification = Notification { state, vote, round: 9, format: Format::Versioned };
            self.step(Input::Notification { from: ServerId(from), notification, config: None });
        }
    }
}

#[test]
fn a_state_that_differs_ends_the_role_once_in_an_epoch() {
    let mut server = server(&[z(1, 1)]);
    server.serves(2, z(1, 1));
    let outputs = server.step(Input::Diverged);
    assert_eq!(closed(&outputs, LINK), Some(Reason::Diverged));
    let outputs = server.promises_again(2);
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: None, last: Zxid::NOTHING }]);
    server.hears(FromMaster::Snap(z(1, 1)));
    server.settled(Ok(z(1, 1)));
    server.new_leader(2);
    server.settled(Ok(z(1, 1)));
    server.written(Mark::CurrentEpoch(Epoch(2)));
    server.hears(FromMaster::UpToDate);
    assert_eq!(server.step(Input::Diverged), []);
    assert_eq!(server.awaits(), "Broadcasting");
}

#[test]
fn who_looks_in_vain_serves_reads_after_a_while() {
    let read_only = Output::Become(Part::Looking, Serve::ReadOnly);
    let mut server = Server::new(1, Settings { read_only_mode: true, ..settings() }, found(&[z(1, 1)]));
    server.step(Input::Time);
    assert!(!server.pass(1999).contains(&read_only));
    assert!(server.pass(1).contains(&read_only));
    assert!(!server.pass(5000).contains(&read_only), "it is said once");
    let mut outputs = server.joins();
    outputs.extend(server.step(Input::Time));
    assert_eq!(server.awaits(), "AwaitingLeaderInfo");
    let mut never = self::server(&[z(1, 1)]);
    never.step(Input::Time);
    assert!(!never.pass(10_000).contains(&read_only));
}

/// An epoch whose file is missing is that of the last transaction. Once some of a later epoch are in the log, that would be
/// another one.
#[test]
fn epochs_without_files_are_written_before_anything_else() {
    let mut found = found(&[z(1, 1)]);
    found.epochs = paddock_consensus::epochs::Epochs::new(None, None, z(1, 1)).unwrap();
    let mut server = Server::new(1, settings(), found);
    let marks = [Mark::AcceptedEpoch(Epoch(1)), Mark::CurrentEpoch(Epoch(1))];
    assert_eq!(server.step(Input::Time), marks.clone().map(Output::Write));
    assert_eq!((server.zab.deadline(), server.awaits()), (None, "Pausing"));
    marks.into_iter().for_each(|mark| drop(server.written(mark)));
    assert_eq!(server.awaits(), "Voting");
}

#[test]
fn a_connection_that_nobody_waits_for_is_closed() {
    let mut server = server(&[z(1, 1)]);
    server.serves(2, z(1, 1));
    let outputs = server.step(Input::MasterUp { link: Link(7) });
    assert_eq!(closed(&outputs, Link(7)), Some(Reason::RoleEnded));
    let outputs = server.step(Input::LearnerUp { link: Link(8) });
    assert_eq!(closed(&outputs, Link(8)), Some(Reason::RoleEnded));
    assert_eq!(server.awaits(), "Broadcasting");
}

/// A learner that serves in epoch 2, and a leader with which it begins others on the link that they have.
fn serves_and_renews() -> Server {
    serves_with(Features::RENEWAL, Features::RENEWAL)
}

/// A learner that serves in epoch 2, and what it and its leader tell of themselves.
fn serves_with(own: Features, told: Features) -> Server {
    serves_behind(Server::new(1, Settings { features: own, ..settings() }, found(&[z(1, 1)])), told)
}

fn serves_behind(server: Server, told: Features) -> Server {
    let mut server = promises_behind(server, told);
    server.hears(FromMaster::Diff(z(1, 1)));
    server.new_leader(2);
    server.settled(Ok(z(1, 1)));
    server.written(Mark::CurrentEpoch(Epoch(2)));
    server.hears(FromMaster::UpToDate);
    assert_eq!(server.awaits(), "Broadcasting");
    server
}

fn promises_behind(mut server: Server, told: Features) -> Server {
    server.joins();
    server.hears(FromMaster::LeaderInfo { epoch: Epoch(2), features: told });
    server.written(Mark::AcceptedEpoch(Epoch(2)));
    server
}

#[test]
fn one_ack_stands_for_all_before_it_and_one_commit_too_where_both_know_that() {
    let grouped = Features::GROUPED;
    let mut server = serves_with(grouped, grouped);
    (1..=5).for_each(|counter| drop(server.proposal(z(2, counter))));
    assert_eq!(sent(&server.durable(z(2, 3)), LINK), [Message::Ack { first: z(2, 3), last: z(2, 3) }]);
    assert_eq!(server.commit(z(2, 4)), [Output::Commit(z(2, 4))], "its own disk may be later than the others'");
    assert_eq!(server.commit(z(2, 5)), [Output::Commit(z(2, 5))]);
    for (own, told) in [(grouped, Features::RENEWAL), (Features::RENEWAL, grouped)] {
        let mut server = serves_with(own, told);
        (1..=3).for_each(|counter| drop(server.proposal(z(2, counter))));
        assert_eq!(sent(&server.durable(z(2, 3)), LINK), [Message::Ack { first: z(2, 1), last: z(2, 3) }]);
        assert!(is_refused(&server.commit(z(2, 2)), LINK), "the oldest is not committed");
    }
}

#[test]
fn no_group_goes_beyond_what_was_proposed_and_none_goes_back() {
    for zxid in [z(2, 4), z(3, 1), z(2, 1), z(2, 0), z(1, 1), Zxid::ZERO, Zxid(-1), Zxid(i64::MIN)] {
        let mut server = serves_with(Features::GROUPED, Features::GROUPED);
        (1..=3).for_each(|counter| drop(server.proposal(z(2, counter))));
        server.commit(z(2, 1));
        assert!(is_refused(&server.commit(zxid), LINK), "{zxid}");
    }
}

#[test]
fn a_group_ends_before_a_change() {
    for (zxid, is_taken) in [(z(2, 1), true), (z(2, 2), false), (z(2, 3), false)] {
        let settings = Settings { features: Features::GROUPED, reconfig_enabled: true, ..settings() };
        let mut server = serves_behind(Server::new(1, settings, found(&[z(1, 1)])), Features::GROUPED);
        server.proposal(z(2, 1));
        let new = config(z(2, 2), 4);
        let outputs = server.hears(FromMaster::Proposal { zxid: z(2, 2), change: Some(&new) });
        assert!(outputs.contains(&Output::Append(z(2, 2))), "{outputs:?}");
        server.proposal(z(2, 3));
        assert_eq!(!is_refused(&server.commit(zxid), LINK), is_taken, "{zxid}");
    }
}

/// A whole state has the beginning of the group, and a configuration in it.
#[test]
fn a_group_that_a_state_has_in_part_brings_its_configuration() {
    let new = config(z(2, 2), 4);
    let grouped = Settings { features: Features::GROUPED, ..settings() };
    let mut server = promises_behind(Server::new(1, grouped, found(&[z(1, 1)])), Features::GROUPED);
    server.hears(FromMaster::Snap(z(2, 3)));
    server.settled(Ok(z(2, 3)));
    server.hears(FromMaster::Proposal { zxid: z(2, 2), change: Some(&new) });
    (3..=5).for_each(|counter| drop(server.proposal(z(2, counter))));
    server.new_leader(2);
    server.settled(Ok(z(2, 5)));
    server.written(Mark::CurrentEpoch(Epoch(2)));
    assert_eq!(server.commit(z(2, 4)), []);
    let outputs = server.hears(FromMaster::UpToDate);
    assert!(outputs.contains(&Output::Commit(z(2, 4))), "{outputs:?}");
    assert!(outputs.contains(&Output::Activate { config: new, leader: None }), "{outputs:?}");
    assert_eq!(server.commit(z(2, 5)), [Output::Commit(z(2, 5))]);
}

#[test]
fn a_learner_that_serves_promises_another_epoch_when_all_is_durable_and_shows_what_is_committed_in_it() {
    let mut server = serves_and_renews();
    server.proposal(z(2, 1));
    assert_eq!(server.commit(z(2, 1)), [Output::Commit(z(2, 1))]);
    assert_eq!(server.hears(leader_info(3)), []);
    assert_eq!(server.awaits(), "Renewing");
    assert!(server.durable(z(2, 1)).contains(&Output::Write(Mark::AcceptedEpoch(Epoch(3)))));
    let outputs = server.written(Mark::AcceptedEpoch(Epoch(3)));
    assert_eq!(sent(&outputs, LINK), [Message::AckEpoch { current: Some(Epoch(2)), last: z(2, 1) }]);
    assert_eq!(server.hears(FromMaster::Diff(z(3, 1))), []);
    server.proposal(z(3, 1));
    assert_eq!(server.commit(z(3, 1)), [Output::Commit(z(3, 1))], "others have it, and a sync may rest on it");
    server.durable(z(3, 1));
    server.new_leader(3);
    server.settled(Ok(z(3, 1)));
    let outputs = server.written(Mark::CurrentEpoch(Epoch(3)));
    assert_eq!(sent(&outputs, LINK), [Message::AckNewLeader { epoch: Epoch(3) }]);
    server.proposal(z(3, 2));
    assert_eq!(server.commit(z(3, 2)), [Output::Commit(z(3, 2))]);
    let part = Part::Following { leader: ServerId(3), epoch: Epoch(3) };
    assert!(server.hears(FromMaster::UpToDate).contains(&Output::Become(part, Serve::Yes)));
}

#[test]
fn nothing_of_what_a_learner_shows_is_changed_with_another_epoch() {
    let promised = || {
        let mut server = serves_and_renews();
        server.hears(leader_info(3));
        server.written(Mark::AcceptedEpoch(Epoch(3)));
        server
    };
    for message in [FromMaster::Trunc(z(1, 1)), FromMaster::Snap(z(2, 1))] {
        assert!(is_refused(&promised().hears(message), LINK), "{message:?}");
    }
    let mut server = promised();
    server.hears(FromMaster::Diff(z(1, 1)));
    assert!(is_refused(&server.proposal(z(2, 1)), LINK), "it is of an epoch that is over");
}

#[test]
fn a_learner_takes_another_epoch_only_of_whom_it_knows_to_begin_them_so() {
    let mut unknowing = server(&[z(1, 1)]);
    unknowing.serves(2, z(1, 1));
    assert!(is_refused(&unknowing.hears(leader_info(3)), LINK));
    assert!(is_refused(&serves_and_renews().hears(leader_info(2)), LINK), "it has promised that already");
    let mut server = serves_and_renews();
    server.proposal(z(2, 1));
    assert!(is_refused(&server.hears(leader_info(3)), LINK), "something is not committed");
}
