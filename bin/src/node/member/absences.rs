//! Which servers are missing, and since when.

use std::collections::BTreeMap;
use std::fmt;

use paddock_consensus::ServerId;
use paddock_consensus::settings::Ms;

/// Those of a list of servers that are missing at a moment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Absences(BTreeMap<ServerId, Absence>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Absence {
    since: Ms,
    /// Somebody was told of it.
    is_told: bool,
}

/// A server that is not missing any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Return {
    /// How long it was missing.
    pub after: Ms,
    /// Somebody was told that it was.
    pub was_told: bool,
}

impl Absences {
    /// All of them are missing, each since a moment, and nobody is told yet.
    pub fn since(servers: impl IntoIterator<Item = (ServerId, Ms)>) -> Absences {
        let absence = |since| Absence { since, is_told: false };
        Absences(servers.into_iter().map(|(server, since)| (server, absence(since))).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This server is missing from now on, if it was not before.
    pub fn begin(&mut self, server: ServerId, is_told: bool, now: Ms) {
        self.0.entry(server).or_insert(Absence { since: now, is_told });
    }

    /// This server is here; `None` if it was not missing.
    pub fn end(&mut self, server: ServerId, now: Ms) -> Option<Return> {
        let Absence { since, is_told } = self.0.remove(&server)?;
        Some(Return { after: now.since(since), was_told: is_told })
    }

    /// Those that were missing for so long when nobody had been told of them, each once.
    pub fn take_overdue(&mut self, patience: Ms, now: Ms) -> Vec<ServerId> {
        let overdue = |absence: &Absence| !absence.is_told && now.since(absence.since) >= patience;
        let overdue = self.0.iter_mut().filter(|(_, absence)| overdue(absence));
        overdue
            .map(|(server, absence)| {
                absence.is_told = true;
                *server
            })
            .collect()
    }

    /// When the first of them will be overdue; `None` if all of them were told of.
    pub fn overdue_at(&self, patience: Ms) -> Option<Ms> {
        self.0.values().filter(|absence| !absence.is_told).map(|absence| absence.since.after(patience)).min()
    }

    /// For people, as they are at this moment.
    pub fn at(&self, now: Ms) -> AbsencesAt<'_> {
        AbsencesAt(self, now)
    }
}

pub struct AbsencesAt<'a>(&'a Absences, Ms);

impl fmt::Display for AbsencesAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AbsencesAt(Absences(absences), now) = self;
        for (place, (server, absence)) in absences.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}server {} (for {} ms)", server.0, now.since(absence.since).0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;
    use paddock_consensus::settings::Ms;

    use super::{Absences, Return};

    #[test]
    fn who_is_missing_is_known_with_the_time_since_when() {
        let (one, two) = (ServerId(1), ServerId(2));
        let mut absences = Absences::since([one, two].map(|server| (server, Ms(100))));
        absences.begin(one, true, Ms(150));
        assert_eq!(absences.at(Ms(350)).to_string(), "server 1 (for 250 ms), server 2 (for 250 ms)");
        assert_eq!(absences.end(two, Ms(400)), Some(Return { after: Ms(300), was_told: false }));
        assert_eq!(absences.end(two, Ms(410)), None);
        absences.begin(two, true, Ms(500));
        assert_eq!(absences.overdue_at(Ms(300)), Some(Ms(400)));
        assert_eq!(absences.take_overdue(Ms(300), Ms(399)), []);
        assert_eq!(absences.take_overdue(Ms(300), Ms(400)), [one]);
        assert_eq!(absences.take_overdue(Ms(300), Ms(900)), [], "each once");
        assert_eq!(absences.overdue_at(Ms(300)), None);
        assert_eq!(absences.end(two, Ms(900)), Some(Return { after: Ms(400), was_told: true }));
        assert!(absences.end(one, Ms(900)).is_some_and(|one| one.was_told) && absences.is_empty());
    }
}
