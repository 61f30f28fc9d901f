//! A leader's links to its learners.

use alloc::collections::BTreeMap;

use super::link::{Learner, LearnerLink, LearnerState, State};
use crate::ServerId;
use crate::Zxid;
use crate::input::Link;
use crate::mutants::mutant;
use crate::output::{Output, Reason};
use crate::step::Step;

/// So many connections a leader takes.
pub const LINKS_MAX: usize = 1024;
/// So many of these no server gets that votes in no configuration that applies, however many there are: they are left to voters, and
/// to who has not said yet who it is.
pub const LINKS_OF_VOTERS: usize = 64;

/// All of them, and which one is whose: one counts for each server. What a server has acknowledged goes with its link.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    open: BTreeMap<Link, LearnerLink>,
    of_server: BTreeMap<ServerId, Link>,
    /// What was acknowledged on links that are gone.
    #[cfg(mutants)]
    gone: BTreeMap<ServerId, Zxid>,
}

impl Links {
    /// Where there is no room, it gets the place of the one that has not said who it is for the longest, since a learner says that at
    /// once. Where all have, it goes itself.
    pub(super) fn add(&mut self, link: Link, step: &mut Step<'_>) {
        if self.open.len() >= LINKS_MAX {
            let nameless = self.open.iter().filter(|(_, open)| open.learner().is_none());
            let oldest = nameless.min_by_key(|(link, open)| (open.heard(), **link)).map(|(link, _)| *link);
            step.put(Output::Close(oldest.unwrap_or(link), Reason::TooMany));
            let Some(oldest) = oldest else { return };
            self.open.remove(&oldest);
        }
        self.open.insert(link, LearnerLink::begin(step.now));
    }

    /// Whether a link of this server may stay, now that it is known to be its own.
    pub(super) fn have_room_for(&self, server: ServerId, step: &Step<'_>) -> bool {
        let is_voter = |server| step.server.configs().is_voter(server);
        let is_others = |open: &&LearnerLink| open.learner().is_some_and(|learner| !is_voter(learner.server));
        is_voter(server) || self.open.values().filter(is_others).count() < LINKS_MAX - LINKS_OF_VOTERS
    }

    /// The link has told whose it is. If that server has another one, this one does not count yet: whoever knows the id of a
    /// server could say so.
    pub(super) fn name(&mut self, link: Link, server: ServerId) {
        self.of_server.entry(server).or_insert(link);
    }

    /// The server at this end of the link has promised to follow. Another one of the same server goes.
    pub(super) fn take_place(&mut self, link: Link, server: ServerId, step: &mut Step<'_>) {
        if let Some(former) = self.of_server.insert(server, link).filter(|former| *former != link) {
            self.close(former, Reason::Replaced, step);
        }
    }

    /// It is gone, whoever ended it.
    pub(super) fn remove(&mut self, link: Link) {
        let Some(removed) = self.open.remove(&link) else { return };
        let Some(Learner { server, .. }) = removed.learner() else { return };
        if self.of_server.get(&server) == Some(&link) {
            self.of_server.remove(&server);
            let is_its = |open: &LearnerLink| open.learner().is_some_and(|learner| learner.server == server);
            if let Some(other) = self.open.iter().rev().find_map(|(link, open)| is_its(open).then_some(*link)) {
                self.of_server.insert(server, other);
            }
        }
        #[cfg(mutants)]
        if let Some(acknowledged) = removed.acknowledged() {
            self.gone.insert(server, acknowledged);
        }
    }

    pub(super) fn close(&mut self, link: Link, reason: Reason, step: &mut Step<'_>) {
        step.put(Output::Close(link, reason));
        self.remove(link);
    }

    /// It sent what does not belong to its state.
    pub(super) fn refuse(&mut self, link: Link, zxid: Zxid, step: &mut Step<'_>) {
        if let Some(open) = self.open.get(&link) {
            let state = open.name();
            self.close(link, Reason::Unexpected { state, zxid }, step);
        }
    }

    pub(super) fn get(&mut self, link: Link) -> Option<&mut LearnerLink> {
        self.open.get_mut(&link)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Link, &mut LearnerLink)> {
        self.open.iter_mut().map(|(link, open)| (*link, open))
    }

    pub(super) fn all(&self, is_so: impl Fn(&LearnerLink) -> bool) -> bool {
        self.open.values().all(is_so)
    }

    fn of(&self, server: ServerId) -> Option<&LearnerLink> {
        self.of_server.get(&server).map(|link| &self.open[link])
    }

    /// Whether this is so of the link that this server has.
    pub(super) fn is(&self, server: ServerId, is_so: impl Fn(&LearnerLink) -> bool) -> bool {
        self.of(server).is_some_and(is_so)
    }

    /// Whether this server follows, and says of itself what no server of ZooKeeper does.
    pub(super) fn is_paddock(&self, server: ServerId) -> bool {
        self.is(server, |open| open.follows() && open.learner().is_some_and(|learner| learner.is_paddock()))
    }

    /// Whether this server has a link and told that it is its own.
    pub(super) fn has(&self, server: ServerId) -> bool {
        self.of_server.contains_key(&server)
    }

    /// Whether this server follows with the leader's history, and serves. Who observes acknowledges nothing.
    pub(super) fn is_synchronized(&self, server: ServerId) -> bool {
        self.of(server).is_some_and(|open| matches!(open.state(), State::Live(learner, _) if !learner.observes()))
    }

    /// Whether this server is sent what all are sent.
    pub(super) fn has_joined(&self, server: ServerId) -> bool {
        self.of(server).and_then(LearnerLink::learner_state).is_some_and(|learner| learner.has_joined)
    }

    /// Those that have told whose they are, each server once.
    pub(super) fn learners(&self) -> impl Iterator<Item = LearnerState> {
        self.of_server.values().filter_map(|link| self.open[link].learner_state())
    }

    /// Whether the leader and the learners of which `counts` is true are a quorum in each configuration that applies.
    pub(super) fn are_quorum(&self, step: &Step<'_>, counts: impl Fn(&LearnerLink) -> bool) -> bool {
        let me = step.server.me;
        if mutant!(26) && self.open.values().any(&counts) {
            return true;
        }
        let granted = self.goes_on_alone(step);
        step.server.configs().is_quorum_by(granted, |voter| voter == me || self.of(voter).is_some_and(&counts))
    }

    /// Whether no other voter takes the history or has it. One that waits for a whole state, of which nothing is sent before
    /// everything in it is committed, cannot help with that.
    pub(super) fn is_alone(&self, step: &Step<'_>) -> bool {
        let follows = |open: &LearnerLink| open.follows() && !open.awaits_state();
        let mut others = step.server.configs().voters().filter(|voter| *voter != step.server.me);
        !others.any(|voter| self.of(voter).is_some_and(follows))
    }

    /// Whether the leader is alone, and an oracle has just said that it is enough, under the one configuration that there is.
    pub(super) fn goes_on_alone(&self, step: &Step<'_>) -> bool {
        step.server.oracle.grants() && !step.server.configs().is_changing() && self.is_alone(step)
    }

    /// Whether the learners that serve are a quorum by themselves.
    pub(super) fn are_quorum_without_leader(&self, step: &Step<'_>) -> bool {
        let me = step.server.me;
        step.server.configs().is_quorum(|voter| voter != me && self.is_synchronized(voter))
    }

    /// What this server has acknowledged on the link that it has.
    pub(super) fn acknowledged(&self, server: ServerId) -> Option<Zxid> {
        if mutant!(26) {
            return self.open.values().filter_map(LearnerLink::acknowledged).max();
        }
        #[cfg(mutants)]
        if mutant!(31)
            && let Some(gone) = self.gone.get(&server)
        {
            return self.of(server).and_then(LearnerLink::acknowledged).max(Some(*gone));
        }
        self.of(server)?.acknowledged()
    }

    /// The reign ends, and every link with it.
    pub(super) fn end(self, reason: Reason, step: &mut Step<'_>) {
        step.out.extend(self.open.keys().map(|link| Output::Close(*link, reason)));
    }

    /// Every link whose state is `from` of something goes on to what that says.
    pub(super) fn advance(
        &mut self,
        step: &mut Step<'_>,
        mut from: impl FnMut(Link, State, &mut Step<'_>) -> Option<State>,
    ) {
        for (link, open) in &mut self.open {
            if let Some(next) = from(*link, open.state(), step) {
                open.enter(next, step.now);
            }
        }
    }
}
