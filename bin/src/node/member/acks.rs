//! Which server a leader waits for: when proposals were sent, who acknowledges them how long afterwards, and whose acknowledgement
//! makes a quorum.
//!
//! Of a turn's acknowledgements of one server the last is measured, and counts for all of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_consensus::input::Link;

/// Turns whose proposals may be acknowledged; beyond, the oldest are forgotten, and what is acknowledged of them is not measured.
const TURNS_MAX: usize = 4096;

#[derive(Default)]
pub struct Acks {
    /// The last proposal of each turn in which any was sent, and when it was.
    sent: VecDeque<(Zxid, Instant)>,
    /// Up to here it is forgotten when proposals were sent.
    forgotten: Zxid,
    /// Who has acknowledged something in this turn: the last of it, and how many.
    heard: Vec<(Link, Zxid, u64)>,
    /// Whose acknowledgement is being taken in.
    from: Option<Link>,
    /// What each link that is there has acknowledged last.
    last: Vec<(Link, Zxid)>,
}

impl Acks {
    /// Of a leader whose history ends with this transaction as its reign begins.
    pub fn after(last: Zxid) -> Acks {
        Acks { forgotten: last, ..Acks::default() }
    }

    /// Everything up to this proposal was sent by then.
    pub fn note_sent(&mut self, last: Zxid, at: Instant) {
        if self.sent.len() == TURNS_MAX
            && let Some((forgotten, _)) = self.sent.pop_front()
        {
            self.forgotten = forgotten;
        }
        self.sent.push_back((last, at));
    }

    /// The last proposal that was sent.
    pub fn last_sent(&self) -> Zxid {
        self.sent.back().map_or(self.forgotten, |(last, _)| *last)
    }

    /// What is taken in now is this acknowledgement, or none.
    pub fn hear(&mut self, acknowledged: Option<(Link, Zxid)>) {
        self.from = acknowledged.map(|(link, _)| link);
        let Some((link, zxid)) = acknowledged else { return };
        match self.heard.iter_mut().find(|(known, ..)| *known == link) {
            Some((_, last, count)) => (*last, *count) = (zxid.max(*last), *count + 1),
            None => self.heard.push((link, zxid, 1)),
        }
    }

    /// A link acknowledges everything up to this: what it had acknowledged before.
    pub fn take_former(&mut self, link: Link, zxid: Zxid) -> Zxid {
        match self.last.iter_mut().find(|(known, _)| *known == link) {
            Some((_, last)) => std::mem::replace(last, zxid.max(*last)),
            None => {
                self.last.push((link, zxid));
                Zxid::ZERO
            }
        }
    }

    /// The link has gone.
    pub fn forget(&mut self, link: Link) {
        self.last.retain(|(known, _)| *known != link);
    }

    /// Whose acknowledgement is being taken in.
    pub fn from(&self) -> Option<Link> {
        self.from
    }

    /// All of the turn's acknowledgements are taken in: who has sent how many, and how long after the last of them was sent.
    pub fn take_heard(&mut self, now: Instant) -> Vec<(Link, Duration, u64)> {
        self.from = None;
        if self.heard.is_empty() {
            return Vec::new();
        }
        let heard = self.heard.iter();
        let told = heard.filter_map(|(link, zxid, count)| Some((*link, self.time_of(*zxid, now)?, *count))).collect();
        // Its memory is for the next turn.
        self.heard.clear();
        told
    }

    /// How long ago a proposal was sent, if that is known.
    pub fn time_of(&self, zxid: Zxid, now: Instant) -> Option<Duration> {
        if zxid <= self.forgotten {
            return None;
        }
        let (_, sent) = self.sent.get(self.sent.partition_point(|(last, _)| *last < zxid))?;
        Some(now.saturating_duration_since(*sent))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use paddock_consensus::Zxid;
    use paddock_consensus::input::Link;

    use super::{Acks, TURNS_MAX};

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn each_server_is_told_of_by_the_last_that_it_acknowledges() {
        let (mut acks, start) = (Acks::default(), Instant::now());
        acks.note_sent(Zxid(10), start);
        acks.note_sent(Zxid(20), start + ms(5));
        assert_eq!(acks.last_sent(), Zxid(20));
        for (link, zxid) in [(1, 9), (2, 3), (1, 10), (1, 11)] {
            acks.hear(Some((Link(link), Zxid(zxid))));
            assert_eq!(acks.from(), Some(Link(link)));
        }
        acks.hear(None);
        assert_eq!(acks.from(), None);
        assert_eq!(acks.take_heard(start + ms(7)), [(Link(1), ms(2), 3), (Link(2), ms(7), 1)]);
        assert!(acks.take_heard(start + ms(8)).is_empty());
        acks.hear(Some((Link(2), Zxid(21))));
        assert!(acks.take_heard(start + ms(9)).is_empty(), "it was not sent");
    }

    #[test]
    fn what_a_link_has_acknowledged_is_known_until_it_goes() {
        let mut acks = Acks::default();
        let [one, other] = [Link(1), Link(2)];
        assert_eq!([acks.take_former(one, Zxid(5)), acks.take_former(other, Zxid(7))], [Zxid::ZERO; 2]);
        assert_eq!([acks.take_former(one, Zxid(9)), acks.take_former(other, Zxid(6))], [Zxid(5), Zxid(7)]);
        assert_eq!(acks.take_former(other, Zxid(8)), Zxid(7));
        acks.forget(one);
        assert_eq!([acks.take_former(one, Zxid(9)), acks.take_former(other, Zxid(9))], [Zxid::ZERO, Zxid(8)]);
    }

    #[test]
    fn what_is_too_old_is_not_measured() {
        let (mut acks, start) = (Acks::default(), Instant::now());
        (1..=TURNS_MAX as i64 + 1).for_each(|zxid| acks.note_sent(Zxid(zxid), start));
        assert_eq!((acks.time_of(Zxid(1), start), acks.time_of(Zxid(2), start)), (None, Some(ms(0))));
        let acks = Acks::after(Zxid(7));
        assert_eq!((acks.last_sent(), acks.time_of(Zxid(7), start)), (Zxid(7), None));
    }
}
