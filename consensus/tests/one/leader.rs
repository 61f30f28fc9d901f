//! A leader.

use std::sync::Arc;

use paddock_consensus::config::{Change, Config, PeerType, Refused};
use paddock_consensus::epochs::Epochs;
use paddock_consensus::input::{Event, Fault, Link, Mark, Ticket};
use paddock_consensus::message::{FromLearner, Message};
use paddock_consensus::notification::ServerState;
use paddock_consensus::output::{Cause, HaltReason, Part, Reason, Serve};
use paddock_consensus::plan::{First, Plan};
use paddock_consensus::settings::{Features, Ms, Settings};
use paddock_consensus::zab::{LINKS_MAX, LINKS_OF_VOTERS};
use paddock_consensus::{Epoch, Input, Output, ServerId, Zxid};

use crate::server::{LINK, Server, TICK, closed, config, found, is_refused, looks, sent, settings, z};

const LAST: Zxid = z(1, 2);
const SECOND: Link = Link(2);
const THIRD: Link = Link(3);
const FOURTH: Link = Link(4);

fn server() -> Server {
    Server::new(3, settings(), found(&[z(1, 1), LAST]))
}

#[test]
fn an_epoch_above_all_is_told_when_it_is_written() {
    let mut server = server();
    assert!(server.elected().contains(&Output::Listen(true)));
    server.info(SECOND, 6, 4);
    assert_eq!(server.awaits(), "AwaitingInfo", "an observer is not counted, but heard");
    let outputs = server.info(LINK, 1, 1);
    let stamped = config(z(5, 0), 3);
    let marks = [Mark::AcceptedEpoch(Epoch(5)), Mark::LastSeen(stamped)];
    assert_eq!(outputs, marks.clone().map(Output::Write), "and the first configuration gets a version");
    let outputs: Vec<Output> = marks.into_iter().flat_map(|mark| server.written(mark)).collect();
    let info = Message::LeaderInfo { epoch: Epoch(5) };
    assert_eq!((sent(&outputs, LINK), sent(&outputs, SECOND)), (vec![info.clone()], vec![info]));
}

#[test]
fn nobody_is_synchronised_before_the_leader_has_written_its_epoch() {
    let mut server = server();
    server.asks();
    assert_eq!(server.ack_epoch(LINK, 1, z(1, 1)), [Output::Write(Mark::CurrentEpoch(Epoch(2)))]);
    let outputs = server.written(Mark::CurrentEpoch(Epoch(2)));
    assert_eq!(outputs, [Output::Sync(LINK, Plan { first: First::Diff(LAST), from: z(1, 1) })]);
    let outputs = server.step(Input::CaughtUp { link: LINK });
    let new_leader = Message::NewLeader { epoch: Epoch(2), config: config(z(2, 0), 3) };
    assert_eq!(outputs, [Output::Join(LINK), Output::Send(LINK, new_leader)]);
}

#[test]
fn who_knows_more_is_not_led() {
    for (current, last) in [(1, z(1, 3)), (2, z(1, 1))] {
        let mut server = server();
        server.asks();
        server.info(SECOND, 2, 1);
        let outputs = server.ack_epoch(LINK, current, last);
        assert_eq!(closed(&outputs, LINK), Some(Reason::Newer));
        assert!(!looks(&outputs), "the second voter may be enough");
        let outputs = server.ack_epoch(SECOND, current, last);
        assert_eq!(closed(&outputs, SECOND), Some(Reason::Newer));
        assert!(looks(&outputs) && outputs.contains(&Output::Listen(false)), "nobody is left");
        assert_eq!(server.cause(), Some(Cause::NewerHistories));
    }
}

/// The epoch after it counts for all.
#[test]
fn an_epoch_without_a_quorum_that_may_promise_it_is_given_up_at_once() {
    let mut server = server();
    server.asks();
    server.info(SECOND, 2, 1);
    let outputs = server.says(LINK, FromLearner::AckEpoch { current: None, last: LAST });
    assert!(!looks(&outputs), "the second voter may be enough");
    let outputs = server.says(SECOND, FromLearner::AckEpoch { current: None, last: LAST });
    assert!(looks(&outputs) && outputs.contains(&Output::Listen(false)));
    assert_eq!(server.cause(), Some(Cause::PromisesSpent));
}

/// ZOOKEEPER-2959: observers, servers of no configuration and those that promised before are no quorum.
#[test]
fn only_voters_are_counted() {
    let mut server = server();
    server.elected();
    server.info(SECOND, 6, 1);
    server.info(THIRD, 9, 1);
    assert_eq!(server.awaits(), "AwaitingInfo");
    server.info(LINK, 1, 1);
    server.written(Mark::AcceptedEpoch(Epoch(2)));
    server.written(Mark::LastSeen(config(z(2, 0), 3)));
    server.ack_epoch(SECOND, 1, LAST);
    server.ack_epoch(THIRD, 1, LAST);
    server.says(LINK, FromLearner::AckEpoch { current: None, last: LAST });
    assert_eq!(server.awaits(), "AwaitingAckEpoch");
    server.info(Link(4), 2, 1);
    server.ack_epoch(Link(4), 1, LAST);
    server.written(Mark::CurrentEpoch(Epoch(2)));
    for link in [SECOND, THIRD] {
        server.step(Input::CaughtUp { link });
        server.ack(link, z(2, 0));
    }
    assert_eq!(server.awaits(), "AwaitingNewLeaderAcks");
    server.step(Input::CaughtUp { link: LINK });
    server.ack(LINK, z(2, 0));
    assert_eq!(server.awaits(), "Broadcasting");
    server.proposes(z(2, 1));
    server.durable(z(2, 1));
    assert_eq!(server.ack(SECOND, z(2, 1)), []);
    assert_eq!(server.ack(THIRD, z(2, 1)), []);
    assert_eq!(server.ack(LINK, z(2, 1)), [], "it does not know durably which configuration is committed");
    assert_eq!(server.written(Mark::Committed(config(z(2, 0), 3))), [Output::Commit(z(2, 1))]);
}

#[test]
fn a_quorum_with_the_history_commits_all_of_it() {
    let mut server = server();
    server.syncs(LAST);
    let outputs = server.ack(LINK, z(2, 0));
    let config = config(z(2, 0), 3);
    let wanted = [
        Output::Commit(LAST),
        Output::Write(Mark::Committed(config.clone())),
        Output::Activate { config, leader: None },
        Output::Become(Part::Leading { epoch: Epoch(2) }, Serve::Yes),
        Output::Send(LINK, Message::UpToDate),
    ];
    assert_eq!(outputs, wanted);
    assert_eq!(server.zab.state().decision.unwrap().vote.peer_epoch, 2);
    assert_eq!(
        server.gets(SECOND, 2, LAST),
        [Output::Send(SECOND, Message::UpToDate)],
        "who comes late waits for nothing"
    );
}

#[test]
fn a_leader_that_takes_no_clients_may_propose() {
    let mut server = Server::new(3, Settings { leader_serves: false, ..settings() }, found(&[z(1, 1), LAST]));
    let outputs = server.leads(LAST);
    assert!(outputs.contains(&Output::Become(Part::Leading { epoch: Epoch(2) }, Serve::No)));
    server.proposes(z(2, 1));
}

#[test]
fn the_own_disk_may_be_the_last() {
    let mut server = server();
    server.leads(LAST);
    server.gets(SECOND, 2, LAST);
    server.proposes(z(2, 1));
    server.proposes(z(2, 2));
    assert_eq!(server.ack(LINK, z(2, 2)), []);
    assert_eq!(server.ack(SECOND, z(2, 1)), [Output::Commit(z(2, 1))]);
    assert_eq!(server.durable(z(2, 2)), [Output::Commit(z(2, 2))]);
    assert_eq!(server.ack(SECOND, z(2, 2)), []);
}

/// ZOOKEEPER-4685, from the leader's side.
#[test]
fn an_acknowledgement_before_that_of_newleader_is_kept_for_after_it() {
    let mut server = server();
    server.leads(LAST);
    server.proposes(z(2, 1));
    server.durable(z(2, 1));
    server.info(SECOND, 2, 1);
    server.ack_epoch(SECOND, 1, LAST);
    server.step(Input::CaughtUp { link: SECOND });
    assert_eq!(server.ack(SECOND, z(2, 1)), [], "not before it has the history");
    assert_eq!(server.ack(SECOND, z(2, 0)), [Output::Send(SECOND, Message::UpToDate), Output::Commit(z(2, 1))]);
    let mut server = self::server();
    server.syncs(LAST);
    server.ack(LINK, LAST);
    assert_eq!(server.awaits(), "AwaitingNewLeaderAcks");
}

#[test]
fn acknowledgements_go_with_their_link() {
    let mut server = server();
    server.leads(LAST);
    server.proposes(z(2, 1));
    server.ack(LINK, z(2, 1));
    server.step(Input::LearnerDown { link: LINK });
    assert_eq!(server.durable(z(2, 1)), []);
    server.info(SECOND, 1, 2);
    let outputs = server.says(SECOND, FromLearner::AckEpoch { current: None, last: z(2, 1) });
    let cut = Plan { first: First::Trunc(LAST), from: LAST };
    assert_eq!(outputs, [Output::Sync(SECOND, cut)]);
    server.step(Input::CaughtUp { link: SECOND });
    assert_eq!(server.ack(SECOND, z(2, 0)), [Output::Send(SECOND, Message::UpToDate)]);
    assert_eq!(server.ack(SECOND, z(2, 1)), [Output::Commit(z(2, 1))]);
}

#[test]
fn another_connection_of_a_server_takes_the_place_of_the_former() {
    let mut server = server();
    server.leads(LAST);
    let outputs = server.info(SECOND, 1, 2);
    assert_eq!(closed(&outputs, LINK), None, "whoever knows the id may have said this");
    let outputs = server.says(SECOND, FromLearner::AckEpoch { current: None, last: LAST });
    assert_eq!(closed(&outputs, LINK), Some(Reason::Replaced));
    assert_eq!(server.ack(LINK, z(2, 0)), [], "nothing is heard on it any more");
    let outputs = server.info(THIRD, 3, 1);
    assert!(is_refused(&outputs, THIRD), "nobody else is this server");
}

#[test]
fn a_connection_that_only_says_whose_it_is_costs_that_server_nothing() {
    let mut server = server();
    server.leads(LAST);
    server.info(SECOND, 1, 2);
    server.proposes(z(2, 1));
    server.durable(z(2, 1));
    assert_eq!(server.ack(LINK, z(2, 1)), [Output::Commit(z(2, 1))]);
    server.step(Input::LearnerDown { link: SECOND });
    assert_eq!(server.zab.learners().map(|learner| learner.is_live).collect::<Vec<_>>(), [true]);
}

/// The first one is gone before the leader has seen its end.
#[test]
fn the_later_connection_of_a_server_counts_when_the_former_is_gone() {
    let mut server = server();
    server.elected();
    server.info(SECOND, 6, 1);
    server.info(Link(4), 6, 1);
    server.step(Input::LearnerDown { link: SECOND });
    assert_eq!(server.zab.learners().count(), 1);
    let outputs = server.info(LINK, 1, 1);
    assert_eq!(
        outputs,
        [Output::Write(Mark::AcceptedEpoch(Epoch(2))), Output::Write(Mark::LastSeen(config(z(2, 0), 3)))]
    );
}

#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    for zxid in [z(2, 2), z(3, 1), z(1, 3), Zxid(i64::MAX)] {
        let mut server = server();
        server.leads(LAST);
        server.proposes(z(2, 1));
        assert!(is_refused(&server.ack(LINK, zxid), LINK), "{zxid}");
    }
    let mut server = server();
    server.leads(LAST);
    for zxid in [z(1, 1), LAST, z(2, 0), z(7, 0)] {
        assert_eq!(server.ack(LINK, zxid), [], "{zxid} says nothing new");
    }
}

#[test]
fn strangers_with_newer_histories_leave_nothing_behind() {
    let mut server = server();
    server.asks();
    let before = server.text_length();
    for number in 10..500 {
        let link = Link(number as u32);
        server.info(link, number, 1);
        assert_eq!(closed(&server.ack_epoch(link, 1, z(1, 3)), link), Some(Reason::Newer));
    }
    assert_eq!(server.text_length(), before, "what they had is not remembered");
}

#[test]
fn a_learner_with_a_later_configuration_is_not_led() {
    let mut server = server();
    server.elected();
    server.step(Input::LearnerUp { link: LINK });
    let info = FromLearner::Info {
        peer_type: paddock_consensus::config::PeerType::Participant,
        server: Some(paddock_consensus::ServerId(1)),
        accepted: Epoch(1),
        config_version: Zxid(1),
        features: paddock_consensus::settings::Features::default(),
    };
    let outputs = server.says(LINK, info);
    assert_eq!(closed(&outputs, LINK), Some(Reason::Newer));
}

/// Who has promised a later epoch to a leader that never was one could not follow before there is another.
#[test]
fn a_member_that_promised_a_later_epoch_makes_all_elect_anew() {
    let mut server = server();
    server.leads(LAST);
    server.is_seen_looking(2, 2);
    let outputs = server.info(THIRD, 2, 7);
    assert!(looks(&outputs));
    assert_eq!(server.cause(), Some(Cause::LaterEpoch));
    server.elected();
    let outputs = server.info(Link(5), 1, 2);
    assert_eq!(outputs, [Output::Write(Mark::AcceptedEpoch(Epoch(8)))]);
}

#[test]
fn nobody_else_ends_a_reign_with_a_later_epoch() {
    let told = [Output::Send(THIRD, Message::LeaderInfo { epoch: Epoch(2) })];
    let tries: [(&str, i64, Option<i64>); 4] = [
        ("a stranger", 9, Some(2)),
        ("a server that follows, or who knows its id", 1, Some(2)),
        ("a member that was not heard to look for a leader", 2, None),
        ("a member with the data of another ensemble", 2, Some(3)),
    ];
    for (who, id, current) in tries {
        let mut server = server();
        server.leads(LAST);
        if let Some(current) = current {
            server.is_seen_looking(id, current);
        }
        assert_eq!(server.info(THIRD, id, 7), told, "{who}");
        assert_eq!(server.awaits(), "Broadcasting", "{who}");
        server.step(Input::LearnerDown { link: THIRD });
        server.step(Input::LearnerDown { link: LINK });
        assert!((0..20).any(|_| looks(&server.pass(TICK / 2))), "{who}");
        assert_eq!(server.cause(), Some(Cause::NotFollowed), "{who}");
        server.elected();
        let outputs = server.info(Link(5), 1, 2);
        assert_eq!(outputs, [Output::Write(Mark::AcceptedEpoch(Epoch(3)))], "{who} leaves nothing behind");
    }
}

/// What it would be when it comes back, it says itself.
#[test]
fn who_is_gone_is_not_taken_for_one_who_looks() {
    let mut server = server();
    server.leads(LAST);
    server.is_seen_looking(2, 1);
    server.step(Input::Election { peer: ServerId(2), event: Event::Up });
    server.step(Input::Election { peer: ServerId(2), event: Event::Down });
    server.info(THIRD, 2, 7);
    assert_eq!(server.awaits(), "Broadcasting");
}

/// It had looked before it followed.
#[test]
fn who_has_followed_since_is_not_taken_for_one_who_looks() {
    let mut server = server();
    server.leads(LAST);
    server.is_seen_looking(2, 1);
    server.gets(SECOND, 2, LAST);
    server.step(Input::LearnerDown { link: SECOND });
    server.info(THIRD, 2, 7);
    assert_eq!(server.awaits(), "Broadcasting");
}

#[test]
fn an_epoch_that_is_far_above_all_is_not_believed_and_a_strangers_never_counts() {
    for accepted in [1 + (1 << 20) + 1, i32::MAX - 1, i32::MAX] {
        let mut server = server();
        server.elected();
        assert!(is_refused(&server.info(SECOND, 2, accepted), SECOND), "{accepted}");
    }
    let mut server = server();
    server.elected();
    for number in 0..10 {
        server.info(Link(10 + number), 6, 1 + (1 << 20) * number as i32);
    }
    let outputs = server.info(LINK, 1, 1);
    let next = Output::Write(Mark::AcceptedEpoch(Epoch(2 + (1 << 20))));
    assert!(outputs.contains(&next), "many go no further than one: {outputs:?}");
    let mut server = self::server();
    server.elected();
    server.info(SECOND, 9, 7);
    let outputs = server.info(LINK, 1, 1);
    assert!(outputs.contains(&Output::Write(Mark::AcceptedEpoch(Epoch(2)))), "{outputs:?}");
}

#[test]
fn learners_are_told_twice_in_a_tick_that_the_leader_is_there() {
    let mut server = server();
    server.leads(LAST);
    server.info(SECOND, 2, 1);
    assert_eq!(server.pass(TICK / 2), [Output::Send(LINK, Message::Ping)]);
    server.ack_epoch(SECOND, 1, LAST);
    assert_eq!(server.pass(TICK / 2), [LINK, SECOND].map(|link| Output::Send(link, Message::Ping)));
    server.info(THIRD, 6, 1);
    server.says(THIRD, FromLearner::AckEpoch { current: None, last: Zxid::NOTHING });
    let outputs = server.pass(TICK / 2);
    assert_eq!(sent(&outputs, THIRD), [], "the bytes of a state have no place for it");
}

#[test]
fn a_silent_learner_goes_and_without_a_quorum_the_reign_ends() {
    let mut server = server();
    server.leads(LAST);
    for _ in 0..9 {
        assert_eq!(server.pass(TICK / 2), [Output::Send(LINK, Message::Ping)]);
    }
    server.says(LINK, FromLearner::Pong);
    for _ in 0..9 {
        assert!(!looks(&server.pass(TICK / 2)));
    }
    let outputs = server.pass(TICK / 2);
    assert_eq!(closed(&outputs, LINK), Some(Reason::TimedOut));
    assert!(looks(&outputs) || looks(&server.pass(TICK / 2)), "it is looked at once in a tick");
    assert_eq!(server.cause(), Some(Cause::NotFollowed));
}

/// It tells nobody what it has before that is durable, and does not lead with it, whatever it may have begun in the step that
/// ended the reign.
#[test]
fn what_is_finished_behind_a_reign_is_durable_before_anything_is_announced() {
    for decides in [false, true] {
        let mut server = server();
        server.leads(LAST);
        (0..9).for_each(|_| drop(server.pass(TICK / 2)));
        server.now = server.now.after(Ms(TICK));
        if decides {
            // Server 2 is gone, and server 1 wants this one to lead: nobody is left to be waited for.
            server.step(Input::Election { peer: ServerId(2), event: Event::Refused });
            server.supported(1);
            server.now = server.now.after(Ms(200));
            server.step(Input::Time);
            assert_eq!(server.awaits(), "AwaitingInfo");
        } else {
            assert!(looks(&server.step(Input::Time)));
            assert_eq!(server.awaits(), "Voting");
        }
        let outputs = server.proposes(z(2, 1));
        assert_eq!(outputs.contains(&Output::Listen(false)), decides, "{outputs:?}");
        assert!(!outputs.iter().any(|output| matches!(output, Output::Notify(..) | Output::Commit(_))), "{outputs:?}");
        assert_eq!((server.awaits(), server.zab.deadline()), ("Pausing", None));
        assert_eq!(server.supported(1), [], "it is heard later");
        server.durable(z(2, 1));
        assert_eq!(server.zab.state().announced.map(|summary| summary.last), Some(z(2, 1)));
        assert_eq!(server.awaits(), "Voting", "server 1 wanted it with what it had before");
    }
}

/// No log has a reconfiguration whose quorum its server does not know.
#[test]
fn a_reconfiguration_that_is_finished_behind_a_reign_is_seen() {
    let mut server = server();
    server.leads(LAST);
    (0..9).for_each(|_| drop(server.pass(TICK / 2)));
    assert!(looks(&server.pass(TICK)));
    let new = config(z(2, 1), 4);
    let outputs = server.step(Input::Proposed { zxid: z(2, 1), change: Some(&new) });
    assert!(outputs.contains(&Output::Write(Mark::LastSeen(new.clone()))), "{outputs:?}");
    server.durable(z(2, 1));
    assert_eq!(server.awaits(), "Pausing", "it is not written");
    server.written(Mark::LastSeen(new.clone()));
    assert_eq!((server.awaits(), &server.zab.state().configs.last_seen), ("Voting", &new));
}

/// The state that it would take holds what only it could help to commit.
#[test]
fn a_leader_that_only_a_learner_without_its_history_follows_cannot_commit() {
    for is_committed in [false, true] {
        let mut server = server();
        server.leads(LAST);
        server.proposes(z(2, 1));
        server.durable(z(2, 1));
        if is_committed {
            server.ack(LINK, z(2, 1));
        }
        server.step(Input::LearnerDown { link: LINK });
        server.info(SECOND, 2, 1);
        let outputs = server.says(SECOND, FromLearner::AckEpoch { current: None, last: Zxid::NOTHING });
        assert!(matches!(&outputs[..], [Output::Sync(SECOND, Plan { first: First::Snap, .. })]), "{outputs:?}");
        let is_over = (0..3).any(|_| looks(&server.pass(TICK / 2)));
        assert_eq!(is_over, !is_committed);
    }
}

/// It needs no commit any more, and helps with it when it has the state.
#[test]
fn a_learner_that_is_sent_a_state_follows_whatever_is_proposed_meanwhile() {
    let mut server = server();
    server.leads(LAST);
    server.info(SECOND, 2, 1);
    server.says(SECOND, FromLearner::AckEpoch { current: None, last: Zxid::NOTHING });
    server.step(Input::StateBegun { link: SECOND });
    server.step(Input::LearnerDown { link: LINK });
    server.proposes(z(2, 1));
    server.durable(z(2, 1));
    assert!(!(0..8).any(|_| looks(&server.pass(TICK / 2))));
    server.step(Input::CaughtUp { link: SECOND });
    server.ack(SECOND, z(2, 0));
    assert_eq!(server.ack(SECOND, z(2, 1)), [Output::Commit(z(2, 1))]);
}

/// A process that was stopped for a while commits nothing with what had come before.
#[test]
fn a_late_clock_is_looked_at_before_anything_else() {
    let mut server = server();
    server.leads(LAST);
    server.proposes(z(2, 1));
    server.durable(z(2, 1));
    server.now = server.now.after(Ms(60_000));
    let outputs = server.ack(LINK, z(2, 1));
    assert!(looks(&outputs) && !outputs.contains(&Output::Commit(z(2, 1))), "{outputs:?}");
}

#[test]
fn a_learner_that_acknowledges_nothing_goes() {
    let mut server = server();
    server.leads(LAST);
    server.gets(SECOND, 2, LAST);
    server.proposes(z(2, 1));
    server.durable(z(2, 1));
    server.ack(LINK, z(2, 1));
    let mut closed_at = None;
    for half_tick in 1..=12 {
        let outputs = server.pass(TICK / 2);
        [LINK, SECOND].into_iter().for_each(|link| drop(server.says(link, FromLearner::Pong)));
        closed_at = closed_at.or(closed(&outputs, SECOND).map(|reason| (half_tick, reason)));
        assert_eq!(closed(&outputs, LINK), None);
    }
    assert_eq!(closed_at, Some((11, Reason::TimedOut)));
}

/// Its own disk is one like the others', and the others need not wait for it.
#[test]
fn a_leader_whose_own_disk_takes_nothing_leaves_it_to_the_others() {
    for goes_on in [true, false] {
        let mut server = server();
        server.leads(LAST);
        server.gets(SECOND, 2, LAST);
        server.proposes(z(2, 1));
        server.ack(LINK, z(2, 1));
        let commits = server.ack(SECOND, z(2, 1));
        assert!(commits.contains(&Output::Commit(z(2, 1))), "two others have it");
        if !goes_on {
            server.step(Input::LearnerDown { link: SECOND });
        }
        let mut left_at = None;
        for half_tick in 1..=12 {
            let outputs = server.pass(TICK / 2);
            [LINK, SECOND].into_iter().for_each(|link| drop(server.says(link, FromLearner::Pong)));
            left_at = left_at.or(looks(&outputs).then_some(half_tick));
        }
        if goes_on {
            assert_eq!((left_at, server.cause()), (Some(11), Some(Cause::DiskBehind)));
            server.pass(60_000);
            assert_eq!(server.awaits(), "Pausing", "it votes when its disk has what it has proposed");
            server.durable(z(2, 1));
            assert_eq!(server.awaits(), "Voting");
        } else {
            assert_eq!(left_at, None, "without it there is no quorum");
        }
    }
}

#[test]
fn a_sync_is_confirmed_by_answers_to_what_was_asked_after_it_came() {
    let mut server = server();
    server.leads(LAST);
    server.pass(TICK / 2);
    let ping = || Output::Send(LINK, Message::Ping);
    assert_eq!(server.confirm(1), [ping()]);
    assert_eq!(server.confirm(2), [], "it waits for the next round");
    assert_eq!(server.says(LINK, FromLearner::Pong), [], "this one was asked before");
    assert_eq!(server.says(LINK, FromLearner::Pong), [Output::Confirmed(Ticket(1)), ping()]);
    assert_eq!(server.says(LINK, FromLearner::Pong), [Output::Confirmed(Ticket(2))]);
    assert!(is_refused(&server.says(LINK, FromLearner::Pong), LINK), "nobody asked");
}

#[test]
fn observers_confirm_nothing_and_a_deposed_leader_neither() {
    let mut server = server();
    assert!(server.confirm(1).contains(&Output::Lost(Ticket(1))));
    server.leads(LAST);
    server.gets(SECOND, 6, LAST);
    server.pass(TICK / 2);
    server.confirm(2);
    assert_eq!(server.says(SECOND, FromLearner::Pong), []);
    server.confirm(3);
    let outputs = server.pass(60_000);
    assert!(looks(&outputs));
    assert!([2, 3].into_iter().all(|ticket| outputs.contains(&Output::Lost(Ticket(ticket)))), "{outputs:?}");
}

#[test]
fn a_leader_that_stops_hands_over_what_it_has_proposed() {
    let mut server = server();
    server.leads(LAST);
    server.proposes(z(2, 1));
    server.durable(z(2, 1));
    assert_eq!(server.step(Input::Stop), [], "who waits for what was proposed is still served");
    let outputs = server.ack(LINK, z(2, 1));
    let wanted = [
        Output::Commit(z(2, 1)),
        Output::Close(LINK, Reason::Stopped),
        Output::Listen(false),
        Output::Halt(HaltReason::Stopped),
    ];
    assert_eq!(outputs, wanted);

    let mut server = self::server();
    server.leads(LAST);
    server.proposes(z(2, 1));
    server.step(Input::Stop);
    server.says(LINK, FromLearner::Pong);
    let outputs: Vec<Output> = (0..20).flat_map(|_| server.pass(TICK / 2)).collect();
    assert_eq!(outputs.last(), Some(&Output::Halt(HaltReason::Stopped)), "nobody is waited for without an end");
}

/// Servers 1, 2, 4 and 5 follow at links 1 to 4, and server 3 leads, and has proposed that all five vote.
fn proposes_five() -> Server {
    let mut server = server();
    server.leads(LAST);
    for (link, voter) in [(SECOND, 2), (THIRD, 4), (FOURTH, 5)] {
        server.gets(link, voter, LAST);
    }
    let new = config(z(2, 1), 5);
    server.step(Input::Proposed { zxid: z(2, 1), change: Some(&new) });
    server.written(Mark::LastSeen(new));
    server.durable(z(2, 1));
    server
}

/// All five vote.
fn leads_five() -> Server {
    let mut server = proposes_five();
    [LINK, SECOND, THIRD, FOURTH].into_iter().for_each(|link| drop(server.ack(link, z(2, 1))));
    server.written(Mark::Committed(config(z(2, 1), 5)));
    server
}

#[test]
fn a_leader_that_stops_waits_for_the_slow_as_long_as_it_is_needed_and_no_longer() {
    let mut server = leads_five();
    server.proposes(z(2, 2));
    server.durable(z(2, 2));
    assert_eq!(server.step(Input::Stop), []);
    server.ack(LINK, z(2, 2));
    assert!(server.ack(SECOND, z(2, 2)).contains(&Output::Commit(z(2, 2))), "with the leader they are a quorum");
    assert!(!has_stopped(&server.pass(30)), "without it they are none");
    server.ack(THIRD, z(2, 2));
    assert!(!has_stopped(&server.pass(19)), "who is well has it in a moment");
    assert!(has_stopped(&server.pass(1)));
}

#[test]
fn a_leader_that_stops_waits_on_when_one_of_the_quorum_with_everything_goes() {
    let mut server = leads_five();
    server.proposes(z(2, 2));
    server.durable(z(2, 2));
    server.step(Input::Stop);
    [LINK, SECOND, THIRD].into_iter().for_each(|link| drop(server.ack(link, z(2, 2))));
    server.pass(10);
    server.step(Input::LearnerDown { link: SECOND });
    assert!(!has_stopped(&server.pass(19)), "the one that is late is needed");
    assert!(has_stopped(&server.ack(FOURTH, z(2, 2))), "and all that are there have everything");
}

#[test]
fn a_leader_that_stops_has_no_quorum_behind_it_before_the_syncs_are_proven() {
    let mut server = leads_five();
    server.proposes(z(2, 2));
    server.durable(z(2, 2));
    server.confirm(1);
    server.step(Input::Stop);
    [LINK, SECOND, THIRD].into_iter().for_each(|link| drop(server.ack(link, z(2, 2))));
    assert!(!has_stopped(&server.pass(30)));
    server.says(LINK, FromLearner::Pong);
    assert!(server.says(SECOND, FromLearner::Pong).contains(&Output::Confirmed(Ticket(1))));
    assert!(!has_stopped(&server.pass(19)));
    assert!(has_stopped(&server.pass(1)));
}

#[test]
fn a_leader_that_stops_waits_for_the_slow_where_a_pending_change_has_another_quorum() {
    let mut server = proposes_five();
    server.step(Input::Stop);
    [LINK, SECOND].into_iter().for_each(|link| drop(server.ack(link, z(2, 1))));
    assert!(!has_stopped(&server.pass(30)), "of the five that vote now two have it");
    server.ack(THIRD, z(2, 1));
    assert!(!has_stopped(&server.pass(19)));
    assert!(has_stopped(&server.pass(1)));
}

fn has_stopped(outputs: &[Output]) -> bool {
    outputs.last() == Some(&Output::Halt(HaltReason::Stopped))
}

#[test]
fn a_leader_that_stops_waits_for_the_proof_of_the_syncs_before_which_nobody_is_answered() {
    let mut server = server();
    server.leads(LAST);
    server.confirm(1);
    assert_eq!(server.step(Input::Stop), []);
    let outputs = server.says(LINK, FromLearner::Pong);
    assert_eq!(outputs.first(), Some(&Output::Confirmed(Ticket(1))));
    assert_eq!(outputs.last(), Some(&Output::Halt(HaltReason::Stopped)));
}

#[test]
fn a_failing_disk_ends_the_process() {
    let mut server = server();
    server.leads(LAST);
    let outputs = server.fails(Fault::Log);
    assert_eq!(outputs.last(), Some(&Output::Halt(HaltReason::Failed(Fault::Log))));
    assert_eq!((server.zab.deadline(), server.pass(1000)), (None, Vec::new()));
}

#[test]
fn nobody_leads_without_a_quorum_for_longer_than_init_limit() {
    let mut server = server();
    server.elected();
    assert!(!looks(&server.pass(10 * TICK - 1)));
    assert_eq!(server.cause(), None, "no role has ended");
    assert!(looks(&server.pass(1)));
    assert_eq!(server.cause(), Some(Cause::NoQuorum));
    let mut server = self::server();
    server.asks();
    (0..9).for_each(|_| assert!(!looks(&server.pass(TICK))));
    assert!(looks(&server.pass(TICK)));
}

/// A full disk may be so for hours, and meanwhile whoever has left this leader may have another.
#[test]
fn nobody_leads_whose_disk_does_not_take_the_epoch_for_longer_than_init_limit() {
    let accepted: fn(&mut Server) = |server| {
        server.elected();
        server.info(LINK, 1, 1);
    };
    let current: fn(&mut Server) = |server| {
        server.asks();
        server.ack_epoch(LINK, 1, z(1, 1));
    };
    for (begin, awaits) in [(accepted, "WritingAccepted"), (current, "WritingCurrent")] {
        let mut server = server();
        begin(&mut server);
        assert_eq!(server.awaits(), awaits);
        (0..9).for_each(|_| assert!(!looks(&server.pass(TICK)), "{awaits}"));
        assert!(looks(&server.pass(TICK)), "{awaits}");
        assert_eq!(server.cause(), Some(Cause::NoQuorum), "{awaits}");
    }
}

/// ZOOKEEPER-3109.
#[test]
fn a_leader_whose_supporters_look_again_need_not_wait_for_them() {
    let mut server = Server::new(3, Settings { epoch_wait_max: Some(Ms(120)), ..settings() }, found(&[z(1, 1), LAST]));
    server.elected();
    server.pass(20);
    assert!(!looks(&server.supported(1)), "what it said may be old");
    assert!(!looks(&server.pass(TICK)));
    assert!(looks(&server.pass(TICK / 2)));
    assert_eq!(server.cause(), Some(Cause::Abandoned));
}

/// In each state in which it waits for a quorum. Whoever has joined is there, whatever becomes of its other connection.
#[test]
fn a_leader_waits_a_tick_for_a_quorum_that_is_gone() {
    let waits: [fn(&mut Server) -> Vec<Output>; 3] = [Server::elected, Server::asks, |server| server.syncs(LAST)];
    for (index, begin) in waits.into_iter().enumerate() {
        let mut server = server();
        begin(&mut server);
        let awaits = server.awaits();
        let gone = Input::Election { peer: ServerId(1), event: Event::Down };
        assert!(!looks(&server.step(gone)), "it may come back");
        if index > 0 {
            assert!(!looks(&server.pass(2 * TICK)), "{awaits}");
            assert!(!looks(&server.step(Input::LearnerDown { link: LINK })), "{awaits}");
            assert!(looks(&server.pass(TICK / 2)), "{awaits}");
        } else {
            assert!(!looks(&server.pass(TICK)), "{awaits}");
            assert!(looks(&server.pass(TICK / 2)), "{awaits}");
        }
    }
}

#[test]
fn there_is_a_last_epoch() {
    let mut found = found(&[z(1, 1)]);
    found.epochs = Epochs::new(Some(Epoch(i32::MAX)), Some(Epoch(1)), z(1, 1)).unwrap();
    let mut server = Server::new(3, settings(), found);
    assert_eq!(server.elected().last(), Some(&Output::Halt(HaltReason::EpochsExhausted)));
    let mut server = self::server();
    server.elected();
    assert!(is_refused(&server.info(LINK, 1, i32::MAX), LINK), "nobody can lead it");
}

#[test]
fn a_reconfiguration_needs_both_quorums_and_its_own_file() {
    let mut server = server();
    server.leads(LAST);
    server.gets(SECOND, 2, LAST);
    let new = config(z(2, 2), 5);
    server.proposes(z(2, 1));
    let outputs = server.step(Input::Proposed { zxid: z(2, 2), change: Some(&new) });
    assert_eq!(outputs, [Output::Write(Mark::LastSeen(new.clone()))]);
    server.durable(z(2, 2));
    assert_eq!(server.ack(LINK, z(2, 2)), [Output::Commit(z(2, 1))]);
    assert_eq!(server.ack(SECOND, z(2, 2)), [], "of five that are two, and the own file is not written");
    let outputs = server.written(Mark::LastSeen(new.clone()));
    let wanted = [
        Output::Commit(z(2, 2)),
        Output::Write(Mark::Committed(new.clone())),
        Output::Activate { config: new, leader: Some(ServerId(3)) },
        // Who is to vote is dialled when that is written, so that an election finds it.
        Output::Dial(ServerId(4)),
        Output::Dial(ServerId(5)),
    ];
    assert_eq!(outputs, wanted);
    assert_eq!(server.awaits(), "Broadcasting");
}

/// Servers 1 to `voters` vote, and the others of three observe.
fn with_observers(version: Zxid, voters: i64) -> Arc<Config> {
    let role = |id| if id <= voters { "participant" } else { "observer" };
    let lines: String = (1..=3).map(|id| format!("server.{id}=h{id}:2888:3888:{}\n", role(id))).collect();
    Arc::new(Config::parse(&format!("{lines}version={:x}", version.0)).unwrap())
}

#[test]
fn a_leader_that_may_not_lead_on_names_who_has_most_and_leaves() {
    let mut server = server();
    server.leads(LAST);
    server.gets(SECOND, 2, LAST);
    let new = with_observers(z(2, 1), 2);
    server.step(Input::Proposed { zxid: z(2, 1), change: Some(&new) });
    server.written(Mark::LastSeen(new.clone()));
    server.proposes(z(2, 2));
    server.durable(z(2, 2));
    assert_eq!(server.ack(LINK, z(2, 1)), [], "of two both are needed");
    let outputs = server.ack(SECOND, z(2, 2));
    let wanted = [
        Output::Commit(z(2, 1)),
        Output::Write(Mark::Committed(new.clone())),
        Output::Activate { config: new.clone(), leader: Some(ServerId(2)) },
        Output::Suspend(true),
    ];
    assert_eq!((&outputs[..], server.awaits()), (&wanted[..], "Closed"));
    assert!(!server.zab.would_have_quorum(&new), "it proposes nothing more");
    let change = Change { joining: None, leaving: Some("3"), members: None, config_id: -1 };
    assert_eq!(server.zab.reconfigure(&change, true, z(2, 3)), Err(Refused::ReconfigInProgress));
    assert_eq!(server.step(Input::Suspended), []);
    server.written(Mark::Committed(new.clone()));
    assert_eq!(server.ack(LINK, z(2, 2)), [], "it commits nothing more, whoever has it");
    assert_eq!(server.step(Input::LearnerDown { link: SECOND }), []);
    let outputs = server.step(Input::LearnerDown { link: LINK });
    assert!(looks(&outputs) && outputs.ends_with(&[Output::Connect(ServerId(2))]), "{outputs:?}");
    assert_eq!((server.cause(), server.awaits()), (Some(Cause::Reconfigured), "Connecting"));
    assert_eq!(server.zab.state().decision.unwrap().state, ServerState::Observing);
}

/// ZOOKEEPER-3829: a leader that commits nothing must not stay.
#[test]
fn a_leader_that_nobody_leaves_leaves_in_time() {
    let mut server = server();
    server.leads(LAST);
    server.gets(SECOND, 2, LAST);
    let new = with_observers(z(2, 1), 2);
    server.step(Input::Proposed { zxid: z(2, 1), change: Some(&new) });
    server.ack(LINK, z(2, 1));
    server.ack(SECOND, z(2, 1));
    assert_eq!(server.awaits(), "Closed");
    let outputs = server.pass(TICK);
    assert!(looks(&outputs) && closed(&outputs, LINK).is_some() && closed(&outputs, SECOND).is_some());
    assert_eq!(server.cause(), Some(Cause::Reconfigured));
}

#[test]
fn a_new_configuration_needs_a_quorum_that_follows() {
    let mut server = server();
    assert!(!server.zab.would_have_quorum(&config(z(2, 0), 1)), "it does not lead");
    server.leads(LAST);
    server.info(SECOND, 4, 1);
    server.info(THIRD, 6, 1);
    for (voters, would) in [(1, true), (2, false), (3, true), (4, false)] {
        assert_eq!(server.zab.would_have_quorum(&config(z(2, 1), voters)), would, "{voters}");
    }
    // A server that is in no configuration follows too.
    server.ack_epoch(SECOND, 1, LAST);
    server.step(Input::CaughtUp { link: SECOND });
    assert!(!server.zab.would_have_quorum(&config(z(2, 1), 4)), "it has not acknowledged the history");
    server.ack(SECOND, z(2, 0));
    assert!(server.zab.would_have_quorum(&config(z(2, 1), 4)));
    server.step(Input::LearnerDown { link: SECOND });
    assert!(!server.zab.would_have_quorum(&config(z(2, 1), 4)));
}

/// NEWLEADER tells the newest configuration alone: who does not know the one before would need the quorum of an older one.
#[test]
fn who_does_not_know_the_configuration_in_force_hears_of_it_before_it_is_changed() {
    for is_changing in [false, true] {
        let mut server = server();
        server.leads(LAST);
        server.info(SECOND, 2, 1);
        server.ack_epoch(SECOND, 1, LAST);
        if is_changing {
            server.step(Input::Proposed { zxid: z(2, 1), change: Some(&config(z(2, 1), 2)) });
        }
        let outputs = server.step(Input::CaughtUp { link: SECOND });
        assert_eq!(closed(&outputs, SECOND), is_changing.then_some(Reason::OldConfig));
        assert_eq!(outputs.contains(&Output::Join(SECOND)), !is_changing);
    }
}

/// A server of ZooKeeper has with UPTODATE in force what NEWLEADER told, and acknowledges no proposal before.
#[test]
fn a_learner_that_comes_while_a_change_is_under_way_serves_when_that_is_committed() {
    let new = config(z(2, 1), 3);
    for is_needed in [false, true] {
        let mut server = server();
        server.leads(LAST);
        server.step(Input::Proposed { zxid: z(2, 1), change: Some(&new) });
        server.written(Mark::LastSeen(new.clone()));
        server.durable(z(2, 1));
        if is_needed {
            server.step(Input::LearnerDown { link: LINK });
        }
        server.step(Input::LearnerUp { link: SECOND });
        let (accepted, features) = (Epoch(2), Features::default());
        let (server_2, config_version) = (Some(ServerId(2)), z(2, 0));
        let peer_type = PeerType::Participant;
        server.says(SECOND, FromLearner::Info { peer_type, server: server_2, accepted, config_version, features });
        server.ack_epoch(SECOND, 1, LAST);
        server.step(Input::CaughtUp { link: SECOND });
        let outputs = server.ack(SECOND, z(2, 0));
        let serves = |outputs: &[Output]| sent(outputs, SECOND).contains(&Message::UpToDate);
        assert_eq!(serves(&outputs), is_needed, "whoever is needed for the change is not kept from it");
        if !is_needed {
            let outputs = server.ack(LINK, z(2, 1));
            let place = |wanted: &Output| outputs.iter().position(|output| output == wanted);
            let [committed, told] = [Output::Commit(z(2, 1)), Output::Send(SECOND, Message::UpToDate)];
            assert!(place(&committed) < place(&told) && place(&committed).is_some(), "{outputs:?}");
        }
    }
}

#[test]
fn there_is_one_reconfiguration_at_a_time() {
    let mut server = server();
    server.leads(LAST);
    server.gets(SECOND, 2, LAST);
    let removes = Change { joining: None, leaving: Some("6"), members: None, config_id: z(2, 0).0 };
    let new = Arc::new(server.zab.reconfigure(&removes, true, z(2, 1)).unwrap());
    assert!(!new.members().contains_key(&ServerId(6)));
    server.step(Input::Proposed { zxid: z(2, 1), change: Some(&new) });
    let refused = server.zab.reconfigure(&removes, true, z(2, 2));
    assert_eq!(refused, Err(Refused::ReconfigInProgress), "whether or not it is in a file");
    server.written(Mark::LastSeen(new.clone()));
    server.ack(LINK, z(2, 1));
    server.ack(SECOND, z(2, 1));
    assert_eq!(
        server.zab.reconfigure(&removes, true, z(2, 2)),
        Err(Refused::BadVersion { there_is: z(2, 1) }),
        "the other is committed, and in force at once"
    );
    let removes = Change { config_id: z(2, 1).0, ..removes };
    assert!(server.zab.reconfigure(&removes, true, z(2, 2)).is_ok());
    let alone = Change { members: Some("server.3=a:1:2,server.7=b:1:2"), ..removes };
    assert_eq!(server.zab.reconfigure(&alone, true, z(2, 2)), Err(Refused::NewConfigNoQuorum));
}

#[test]
fn there_are_so_many_links_and_no_more() {
    let mut server = server();
    server.elected();
    let most = LINKS_MAX as u32;
    let outputs: Vec<Output> =
        (100..100 + most).flat_map(|link| server.step(Input::LearnerUp { link: Link(link) })).collect();
    assert_eq!(outputs, []);
    for (new, oldest) in [(100 + most, 100), (101 + most, 101)] {
        let outputs = server.step(Input::LearnerUp { link: Link(new) });
        assert_eq!(outputs, [Output::Close(Link(oldest), Reason::TooMany)], "who has said nothing for the longest");
    }
    assert_eq!(server.says(Link(100), FromLearner::Ack(LAST)), [], "it is gone");
}

#[test]
fn who_has_said_who_it_is_gives_its_place_to_nobody() {
    let mut server = server();
    server.elected();
    let most = LINKS_MAX as u32;
    (100..100 + most).for_each(|link| drop(server.info(Link(link), 2, 1)));
    let outputs = server.step(Input::LearnerUp { link: Link(99) });
    assert_eq!(outputs, [Output::Close(Link(99), Reason::TooMany)]);
}

#[test]
fn observers_leave_room_for_voters() {
    let mut server = server();
    server.leads(LAST);
    let observers = (LINKS_MAX - LINKS_OF_VOTERS) as u32;
    let observe = |server: &mut Server, number: u32| {
        let link = Link(100 + number);
        server.step(Input::LearnerUp { link });
        let features = Features::default();
        let (accepted, config_version, me) = (Epoch(1), Zxid::ZERO, Some(ServerId(i64::from(100 + number))));
        let info = FromLearner::Info { peer_type: PeerType::Observer, server: me, accepted, config_version, features };
        server.says(link, info)
    };
    for number in 0..observers {
        assert_eq!(closed(&observe(&mut server, number), Link(100 + number)), None);
    }
    assert_eq!(observe(&mut server, observers), [Output::Close(Link(100 + observers), Reason::TooMany)]);
    // As many as may be come, and say nothing.
    (10_000..10_000 + LINKS_MAX as u32).for_each(|link| drop(server.step(Input::LearnerUp { link: Link(link) })));
    assert!(sent(&server.gets(SECOND, 2, LAST), SECOND).contains(&Message::UpToDate), "a voter comes late");
    assert_eq!(server.zab.learners().count(), 2 + observers as usize, "and nobody who is there has gone");
    server.step(Input::LearnerDown { link: Link(100) });
    assert_eq!(closed(&observe(&mut server, observers), Link(100 + observers)), None, "one has gone");
}
