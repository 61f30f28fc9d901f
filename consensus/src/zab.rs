//! One server's part in the ensemble.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use crate::config::{Change, Config, Configs, PeerType, Refused};
use crate::election::{Connections, Decision, Looking, Standpoint, answer, own_vote};
use crate::epochs::Epochs;
use crate::input::{Event, Input, Link, Mark};
use crate::leading::{Leading, ObserverMaster};
use crate::learning::Learning;
use crate::notification::{Notification, ServerState};
use crate::output::{Cause, HaltReason, Output, Part, Reason, Serve};
use crate::pause::Pause;
use crate::search::Search;
use crate::server::Server;
use crate::settings::{Ms, Settings};
use crate::step::{Over, Step};
use crate::summary::Summary;
use crate::{History, ServerId, Zxid};

pub use crate::leading::{LINKS_MAX, LINKS_OF_VOTERS, LearnerState};
pub use crate::server::{Found, Standing};

/// What passes before a server looks again that has decided twice, one time after the other, on a leader who is gone. In that time
/// the others can be silent for as long as they have to be before they decide.
const GONE_AGAIN: Ms = Ms(500);

/// What a server is and has, and the role that it plays. All that happens to it comes as an [`Input`], with the time, and all
/// that it does goes out as an [`Output`].
#[derive(Clone, Debug)]
pub struct Zab {
    server: Server,
    /// The round of the election that this server is in, or was in last.
    round: i64,
    connections: Connections,
    /// Why the role before the last search has ended.
    cause: Option<Cause>,
    role: Role,
}

#[derive(Clone, Debug)]
enum Role {
    Pausing(Pause),
    Looking(Search),
    Learning(Learning),
    Leading(Leading),
    Halted,
}

/// What a server is at this moment, for words that tell of it and for whoever checks it.
#[derive(Clone, Debug)]
pub struct State<'a> {
    /// The name of the state, by what it waits for.
    pub awaits: &'static str,
    pub state: ServerState,
    /// Of a server that has decided.
    pub decision: Option<&'a Decision>,
    pub round: i64,
    /// Why the role before the last search has ended; `None` before the first has.
    pub cause: Option<Cause>,
    pub epochs: &'a Epochs,
    pub configs: &'a Configs,
    /// What is in the log's buffer, and what of that is durable.
    pub history: &'a History,
    pub durable: Zxid,
    /// Up to here everything is known to be committed.
    pub committed: Zxid,
    /// What its votes say of its history, and what it tells a leader; `None` if it has no usable history.
    pub announced: Option<Summary>,
}

impl Zab {
    /// It does nothing yet, and its [deadline](Zab::deadline) has come.
    pub fn new(me: ServerId, settings: Settings, found: Found, now: Ms) -> Zab {
        let server = Server::new(me, settings, found);
        let role = Role::Pausing(Pause::begin(now));
        Zab { server, round: 0, connections: Connections::default(), cause: None, role }
    }

    /// `now` never falls. What a peer sends can at most end its link.
    ///
    /// # Panics
    /// If the server itself says what cannot be: that is ready which was never asked for, that is durable which was never
    /// appended, or a proposal that does not follow.
    pub fn step(&mut self, now: Ms, input: Input<'_>, out: &mut Vec<Output>) {
        // What the time has decided is decided first: after a process was stopped for a while, what was true before does not
        // hold any more. Only nothing may be said on a link that is gone, and what is proposed is in the log already.
        let has_happened =
            matches!(input, Input::MasterDown { .. } | Input::LearnerDown { .. } | Input::Proposed { .. });
        if has_happened {
            self.on_input(now, input, out);
            self.on_time(now, out);
        } else {
            self.on_time(now, out);
            self.on_input(now, input, out);
        }
        // The last thing that was waited for may have come.
        if let Role::Pausing(pause) = &self.role
            && pause.deadline(&self.server).is_some_and(|deadline| deadline <= now)
        {
            self.look(now, out);
        }
    }

    /// When [`Input::Time`] is owed next.
    pub fn deadline(&self) -> Option<Ms> {
        match &self.role {
            Role::Pausing(pause) => pause.deadline(&self.server),
            Role::Looking(search) => search.deadline(),
            Role::Learning(learning) => learning.deadline(&self.server.settings),
            Role::Leading(leading) => Some(leading.deadline(&self.server.settings)),
            Role::Halted => None,
        }
    }

    pub fn state(&self) -> State<'_> {
        let decision = self.decision();
        State {
            awaits: self.awaits(),
            state: decision.map_or(ServerState::Looking, |decision| decision.state),
            decision,
            round: self.round,
            cause: self.cause,
            epochs: self.server.epochs(),
            configs: self.server.configs(),
            history: self.server.log.history(),
            durable: self.server.log.durable(),
            committed: self.server.committed(),
            announced: self.server.summary(),
        }
    }

    /// Of a leader, or of a follower that serves observers: the learners that have told who they are.
    pub fn learners(&self) -> impl Iterator<Item = LearnerState> {
        let (leading, observer_master) = match &self.role {
            Role::Leading(leading) => (Some(leading), None),
            Role::Learning(learning) => (None, learning.observer_master()),
            _ => (None, None),
        };
        let observers = observer_master.into_iter().flat_map(ObserverMaster::observers);
        leading.into_iter().flat_map(Leading::learners).chain(observers)
    }

    /// Of a leader whose reign has begun: whether a quorum of this configuration's voters is there with everything that was
    /// committed, itself included if it votes there. Nobody else has a quorum.
    pub fn would_have_quorum(&self, config: &Config) -> bool {
        match &self.role {
            Role::Leading(leading) => leading.would_have_quorum(self.server.me, config),
            _ => false,
        }
    }

    /// The configuration that a request makes of the present one, with `version`, the zxid of the transaction that will bring
    /// it: what [`Change::apply`] says, where a reconfiguration that was proposed and is not committed is under way too, and
    /// last whether the leader [would have a quorum](Zab::would_have_quorum), and has one without an oracle. A leader that has to
    /// leave for another takes none either, as if that were under way. There is one reconfiguration at a time, so each has to be
    /// handed in by [`Input::Proposed`] before the next one is asked for.
    pub fn reconfigure(&self, change: &Change<'_>, standalone_enabled: bool, version: Zxid) -> Result<Config, Refused> {
        if matches!(&self.role, Role::Leading(leading) if leading.is_reconfiguring() || leading.is_closed()) {
            return Err(Refused::ReconfigInProgress);
        }
        let config = change.apply(self.server.configs(), standalone_enabled, version)?;
        // No oracle speaks while two apply: who is alone could not commit it, and would lead no more.
        let is_alone = self.server.settings.has_oracle && !self.would_have_quorum(&self.server.configs().committed);
        if !is_alone && self.would_have_quorum(&config) { Ok(config) } else { Err(Refused::NewConfigNoQuorum) }
    }

    fn awaits(&self) -> &'static str {
        match &self.role {
            Role::Pausing(_) => "Pausing",
            Role::Looking(search) => search.looking.awaits(),
            Role::Learning(learning) => learning.awaits(),
            Role::Leading(leading) => leading.awaits(),
            Role::Halted => "Halted",
        }
    }

    fn decision(&self) -> Option<&Decision> {
        match &self.role {
            Role::Learning(learning) => Some(learning.decision()),
            Role::Leading(leading) => Some(leading.decision()),
            Role::Pausing(_) | Role::Looking(_) | Role::Halted => None,
        }
    }
}

/// What happens, by whom it concerns.
impl Zab {
    fn on_time(&mut self, now: Ms, out: &mut Vec<Output>) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if let Role::Pausing(_) = self.role {
            return self.look(now, out);
        }
        let before = out.len();
        match &self.role {
            Role::Looking(_) => self.search(now, out, |looking, at, now, out| looking.on_time(at, now, out)),
            Role::Learning(_) => self.learn(now, out, Learning::on_time),
            Role::Leading(_) => self.lead(now, out, Leading::on_time),
            Role::Pausing(_) | Role::Halted => {}
        }
        self.server.count_writes(&out[before..]);
    }

    fn on_input(&mut self, now: Ms, input: Input<'_>, out: &mut Vec<Output>) {
        let before = out.len();
        match input {
            Input::Time | Input::Drained { .. } => {}
            Input::Election { peer, event } => self.on_election(peer, event, now, out),
            Input::Notification { from, notification, config } => {
                self.on_notification(from, &notification, config, now, out);
            }
            Input::Written(mark) => self.on_written(&mark, now, out),
            Input::Durable(zxid) => {
                self.server.log.on_durable(zxid);
                self.learn(now, out, Learning::on_durable);
                self.lead(now, out, Leading::on_durable);
            }
            Input::Settled(settled) => {
                let settled = self.server.on_settled(settled);
                self.learn(now, out, |learning, step| learning.on_settled(settled, step));
            }
            Input::Forgotten { base } => self.server.log.forget_up_to(base),
            Input::Oracle(grants) => self.on_oracle(grants, now, out),
            Input::Stop => self.stop(now, out),
            Input::Failed(fault) => self.over(Over::Halt(HaltReason::Failed(fault)), now, out),
            input => self.on_link_input(now, input, out),
        }
        // Whoever is to vote is dialled when that is written, so that an election finds it connected.
        self.server.take_new_voters().into_iter().for_each(|voter| self.connections.dial(voter, out));
        self.server.count_writes(&out[before..]);
    }

    /// What concerns a leader alone, or a learner alone. Late words for a role that has ended are taken no notice of.
    fn on_link_input(&mut self, now: Ms, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::MasterUp { link } => self.on_master_up(link, now, out),
            Input::MasterRefused => self.on_master_refused(now, out),
            Input::MasterDown { link } => self.learn(now, out, |learning, _| learning.on_master_down(link)),
            Input::FromMaster { link, message } => {
                self.learn(now, out, |learning, step| learning.on_message(link, &message, step));
            }
            Input::Diverged => self.learn(now, out, Learning::on_diverged),
            Input::LearnerUp { link } => self.on_learner_up(link, now, out),
            Input::LearnerDown { link } => {
                self.lead(now, out, |leading, step| leading.on_learner_down(link, step));
                self.serve_observers(now, out, |master, _| master.on_learner_down(link));
            }
            Input::FromLearner { link, message } => {
                self.lead(now, out, |leading, step| leading.on_message(link, message, step));
                self.serve_observers(now, out, |master, step| master.on_message(link, message, step));
            }
            Input::StateBegun { link } => {
                if let Role::Leading(leading) = &mut self.role {
                    leading.on_state_begun(link);
                }
                self.serve_observers(now, out, |master, _| master.on_state_begun(link));
            }
            Input::CaughtUp { link } => {
                self.lead(now, out, |leading, step| leading.on_caught_up(link, step));
                self.serve_observers(now, out, |master, step| master.on_caught_up(link, step));
            }
            Input::Proposed { zxid, change } => match &self.role {
                Role::Leading(leading) if leading.has_begun() => {
                    self.lead(now, out, |leading, step| leading.on_proposed(zxid, change, step))
                }
                _ => self.on_finished(zxid, change, now, out),
            },
            Input::Suspended => self.lead(now, out, Leading::on_suspended),
            Input::Confirm(ticket) => match self.role {
                Role::Leading(_) => self.lead(now, out, |leading, step| leading.on_confirm(ticket, step)),
                _ => out.push(Output::Lost(ticket)),
            },
            _ => {}
        }
    }

    /// What a leader had begun to make is finished when its reign has ended: its own history has it. Whatever has begun since then
    /// ends, for a position that is announced, or led from, is the end of the durable log. The search that follows upon the pause
    /// tells of it. A configuration that it brings is seen by that.
    fn on_finished(&mut self, zxid: Zxid, change: Option<&Arc<Config>>, now: Ms, out: &mut Vec<Output>) {
        self.server.log.append(zxid);
        if let Some(config) = change {
            self.server.see(zxid, config, out);
        }
        let step = &mut Step { server: &mut self.server, now, out };
        let behind = Over::Look(self.cause.expect("a reign has ended"));
        match mem::replace(&mut self.role, Role::Halted) {
            Role::Halted => return,
            Role::Pausing(pause) => return self.role = Role::Pausing(pause),
            Role::Looking(search) => search.end(step),
            Role::Learning(learning) => drop(learning.end(behind, step)),
            Role::Leading(leading) => drop(leading.end(behind, step)),
        }
        self.role = Role::Pausing(Pause::begin(now));
    }

    fn on_master_up(&mut self, link: Link, now: Ms, out: &mut Vec<Output>) {
        match self.role {
            Role::Learning(_) => self.learn(now, out, |learning, step| learning.on_master_up(link, step)),
            _ => out.push(Output::Close(link, Reason::RoleEnded)),
        }
    }

    fn on_master_refused(&mut self, now: Ms, out: &mut Vec<Output>) {
        let connections = mem::take(&mut self.connections);
        self.learn(now, out, |learning, step| learning.on_master_refused(&connections, step));
        self.connections = connections;
    }

    fn on_learner_up(&mut self, link: Link, now: Ms, out: &mut Vec<Output>) {
        match &self.role {
            Role::Leading(_) => self.lead(now, out, |leading, step| leading.on_learner_up(link, step)),
            Role::Learning(learning) if learning.observer_master().is_some() => {
                self.serve_observers(now, out, |master, step| master.on_learner_up(link, step));
            }
            _ => out.push(Output::Close(link, Reason::RoleEnded)),
        }
    }

    fn on_election(&mut self, peer: ServerId, event: Event, now: Ms, out: &mut Vec<Output>) {
        self.connections.on_event(self.server.configs(), peer, event);
        self.search(now, out, |looking, at, now, out| looking.on_event(at, peer, event, now, out));
        if event == Event::Down {
            self.lead(now, out, |leading, step| leading.on_peer_down(peer, step));
        }
    }

    fn on_notification(
        &mut self,
        from: ServerId,
        heard: &Notification,
        config: Option<&Arc<Config>>,
        now: Ms,
        out: &mut Vec<Output>,
    ) {
        if let Some(decision) = self.decision() {
            let answer = answer(&decision.says(), heard);
            out.extend(answer.map(|answer| Output::Notify(from, answer)));
        }
        match &mut self.role {
            Role::Pausing(pause) => pause.hear(&self.server, from, *heard),
            Role::Looking(_) => self
                .search(now, out, |looking, at, now, out| looking.on_notification(at, from, heard, config, now, out)),
            Role::Learning(_) => self.learn(now, out, |learning, _| learning.hear(from, heard)),
            Role::Leading(_) => self.lead(now, out, |leading, step| leading.hear(from, heard, step)),
            Role::Halted => {}
        }
    }

    fn on_written(&mut self, mark: &Mark, now: Ms, out: &mut Vec<Output>) {
        self.server.on_written(mark);
        match &mut self.role {
            // Only a search has this written; whatever a role before it wrote was answered during the pause.
            Role::Looking(search) if matches!(mark, Mark::Committed(_)) => {
                let mut at = standpoint(&self.server, &mut self.round, &mut self.connections);
                search.looking.on_configured(&mut at, now, out);
            }
            _ => {
                self.learn(now, out, |learning, step| learning.on_written(mark, step));
                self.lead(now, out, |leading, step| leading.on_written(mark, step));
            }
        }
    }

    fn on_oracle(&mut self, grants: bool, now: Ms, out: &mut Vec<Output>) {
        self.server.oracle.hear(grants);
        self.search(now, out, |looking, at, _, _| looking.on_oracle(at, grants));
        self.lead(now, out, Leading::on_oracle);
        self.server.oracle.end_step();
    }

    fn stop(&mut self, now: Ms, out: &mut Vec<Output>) {
        let step = &mut Step { server: &mut self.server, now, out };
        match mem::replace(&mut self.role, Role::Halted) {
            Role::Leading(leading) => match leading.stop(step) {
                Ok(leading) => self.role = Role::Leading(leading),
                Err(over) => self.end(over, now, out),
            },
            role => {
                self.role = role;
                self.over(Over::Halt(HaltReason::Stopped), now, out);
            }
        }
    }
}

/// The roles, and what follows upon them.
impl Zab {
    /// Lends the search to `happens`, if there is one. It may end with a decision.
    fn search(
        &mut self,
        now: Ms,
        out: &mut Vec<Output>,
        happens: impl FnOnce(&mut Looking, &mut Standpoint<'_>, Ms, &mut Vec<Output>) -> Option<Decision>,
    ) {
        let Role::Looking(search) = &mut self.role else { return };
        let mut at = standpoint(&self.server, &mut self.round, &mut self.connections);
        let decision = happens(&mut search.looking, &mut at, now, out);
        let step = &mut Step { server: &mut self.server, now, out };
        match decision {
            None => search.look_at_clock(step),
            Some(decision) => {
                search.end(step);
                self.decided(decision, now, out);
            }
        }
    }

    fn decided(&mut self, decision: Decision, now: Ms, out: &mut Vec<Output>) {
        let step = &mut Step { server: &mut self.server, now, out };
        match decision.state {
            ServerState::Leading => match Leading::begin(decision, step) {
                Ok(leading) => self.role = Role::Leading(leading),
                Err(over) => self.over(over, now, out),
            },
            ServerState::Following | ServerState::Observing | ServerState::Looking => {
                self.role = Role::Learning(Learning::begin(decision, step));
            }
        }
    }

    fn learn(
        &mut self,
        now: Ms,
        out: &mut Vec<Output>,
        happens: impl FnOnce(Learning, &mut Step<'_>) -> Result<Learning, Over>,
    ) {
        match mem::replace(&mut self.role, Role::Halted) {
            Role::Learning(learning) => {
                let step = &mut Step { server: &mut self.server, now, out };
                match happens(learning, step) {
                    Ok(learning) => self.role = Role::Learning(learning),
                    Err(over) => self.end(over, now, out),
                }
            }
            role => self.role = role,
        }
    }

    fn lead(
        &mut self,
        now: Ms,
        out: &mut Vec<Output>,
        happens: impl FnOnce(&mut Leading, &mut Step<'_>) -> Result<(), Over>,
    ) {
        let Role::Leading(leading) = &mut self.role else { return };
        let step = &mut Step { server: &mut self.server, now, out };
        if let Err(over) = happens(leading, step) {
            self.over(over, now, out);
        }
    }

    /// Lends a follower's observer master to `happens`, if it has one. Nothing that an observer does ends a role.
    fn serve_observers(
        &mut self,
        now: Ms,
        out: &mut Vec<Output>,
        happens: impl FnOnce(&mut ObserverMaster, &mut Step<'_>),
    ) {
        if let Role::Learning(learning) = &mut self.role
            && let Some(observer_master) = learning.observer_master_mut()
        {
            happens(observer_master, &mut Step { server: &mut self.server, now, out });
        }
    }

    /// The role that there is, whichever it is, is over.
    fn over(&mut self, over: Over, now: Ms, out: &mut Vec<Output>) {
        let step = &mut Step { server: &mut self.server, now, out };
        let over = match mem::replace(&mut self.role, Role::Halted) {
            Role::Leading(leading) => leading.end(over, step),
            Role::Learning(learning) => learning.end(over, step),
            // It ends once.
            Role::Halted => return,
            Role::Pausing(_) | Role::Looking(_) => over,
        };
        self.end(over, now, out);
    }

    /// What follows upon a role that has ended.
    fn end(&mut self, over: Over, now: Ms, out: &mut Vec<Output>) {
        match over {
            Over::Halt(reason) => out.push(Output::Halt(reason)),
            Over::Look(cause) => {
                let before = self.cause.replace(cause);
                self.server.log.abandon();
                out.push(Output::Become(Part::Looking, Serve::No));
                let pause = match self.server.take_designated() {
                    Some(leader) => Pause::before(leader, now),
                    None => Pause::begin(now.after(self.observer_wait().max(self.wait_behind(cause, before)))),
                };
                self.role = Role::Pausing(pause);
            }
        }
    }

    /// How long an observer that has lost its leader waits before it looks again.
    fn observer_wait(&mut self) -> Ms {
        let longest = self.server.settings.observer_election_delay_max.0;
        match self.server.peer_type() {
            PeerType::Participant => Ms(0),
            PeerType::Observer => Ms(self.server.random.draw_up_to(longest)),
        }
    }

    /// How long a server waits that cannot follow the leader there is, and would come back to it at once; or that was as quick to
    /// decide on one who is gone as the time before: each of its searches is a new round for all, who begin to wait anew.
    fn wait_behind(&self, cause: Cause, before: Option<Cause>) -> Ms {
        match cause {
            Cause::LinkClosed(Reason::OldEpoch) => self.server.settings.tick,
            Cause::LeaderGone if before == Some(cause) => GONE_AGAIN,
            _ => Ms(0),
        }
    }

    /// What a server decides that a reconfiguration sends to this leader, which may be itself: it goes there in the part that
    /// its configuration gives it. `None` if that cannot be, so that it looks.
    fn goes_to(&self, leader: ServerId) -> Option<Decision> {
        let Server { me, .. } = self.server;
        let configs = self.server.configs();
        let state = match self.server.peer_type() {
            PeerType::Participant if leader == me => ServerState::Leading,
            PeerType::Participant => ServerState::Following,
            PeerType::Observer => ServerState::Observing,
        };
        let last = self.server.log.durable();
        configs.committed.is_voter(leader).then(|| Decision::designated(leader, last, state, configs))
    }

    /// The pause is over: a search begins, and hears first what was said meanwhile. It is left out where a reconfiguration has
    /// named the leader.
    fn look(&mut self, now: Ms, out: &mut Vec<Output>) {
        let before = out.len();
        if self.server.write_missing(out) {
            return self.server.count_writes(&out[before..]);
        }
        let Role::Pausing(pause) = mem::replace(&mut self.role, Role::Halted) else {
            unreachable!("a search follows upon a pause")
        };
        if let Some(decision) = pause.designated().and_then(|leader| self.goes_to(leader)) {
            self.decided(decision, now, out);
            return self.server.count_writes(&out[before..]);
        }
        let mut at = standpoint(&self.server, &mut self.round, &mut self.connections);
        let looking = Looking::begin(&mut at, now, out);
        let step = &Step { server: &mut self.server, now, out };
        self.role = Role::Looking(Search::begin(looking, step));
        for (from, heard) in pause.into_heard() {
            self.search(now, out, |looking, at, now, out| looking.on_notification(at, from, &heard, None, now, out));
        }
    }
}

/// What a search is lent.
fn standpoint<'a>(server: &'a Server, round: &'a mut i64, connections: &'a mut Connections) -> Standpoint<'a> {
    let peer_type = server.peer_type();
    let history = server.summary().filter(|_| peer_type == PeerType::Participant);
    let (me, configs) = (server.me, server.configs());
    Standpoint {
        me,
        peer_type,
        own: own_vote(me, configs, history),
        configs,
        accepted: server.epochs().accepted(),
        settings: &server.settings,
        round,
        connections,
    }
}
