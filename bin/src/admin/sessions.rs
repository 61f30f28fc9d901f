//! The command that tells of sessions and their ephemerals.

use std::collections::BTreeMap;

use paddock_consensus::output::Part;
use paddock_net::survey::{OwnedPaths, Piece, Question};

use super::json::{Json, named};
use super::list_cost::ListCost;
use super::outcome::{Outcome, Refusal};
use super::source::Source;

/// A session in an array, at most, bytes.
const SESSION_BYTES: usize = 22;
/// What stands around a text, bytes.
const TEXT_BYTES: usize = 12;

/// `dump`.
pub fn dump(source: &Source) -> Result<Outcome, Refusal> {
    let mut cost = ListCost::default();
    let expiry = if ends_sessions(source) { by_expiry(source, &mut cost)? } else { BTreeMap::new() };
    let expiry = expiry.into_iter().map(|(moment, sessions)| (moment.to_string(), Json::array(sessions))).collect();
    let owned = ephemerals(source, &mut cost)?;
    let owned = owned.into_iter().map(|(session, paths)| (session.to_string(), Json::array(paths))).collect();
    Ok(Outcome::of(named([
        ("expiry_time_to_session_ids", Json::Object(expiry)),
        ("session_id_to_ephemeral_paths", Json::Object(owned)),
    ])))
}

/// Whether this server decides when a session has ended.
fn ends_sessions(source: &Source) -> bool {
    !source.is_read_only() && matches!(source.status.member.part(), None | Some(Part::Leading { .. }))
}

/// Sessions by the end of the tick in which they are due, in ms of the monotonic clock: so those of pieces that were told in several
/// turns come together.
fn by_expiry(source: &Source, cost: &mut ListCost) -> Result<BTreeMap<i64, Vec<i64>>, Refusal> {
    let (now, tick) = (source.millis(), i64::from((source.conf)().tick_time).max(1));
    let mut expiry: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    source.surveyor.ask(Question::Sessions, |piece| {
        if let Piece::Sessions(sessions) = piece {
            cost.add(sessions.len(), sessions.len() * SESSION_BYTES);
            let known = expiry.len();
            for session in sessions {
                let due = now.saturating_add(session.due_in.unwrap_or(0));
                expiry.entry(end_of_tick(due, tick)).or_default().push(session.session);
            }
            let new = expiry.len() - known;
            cost.add_names(new, new * (SESSION_BYTES + TEXT_BYTES));
        }
        cost.is_borne()
    })?;
    cost.check().map(|()| expiry)
}

/// As ZooKeeper has it: a moment that is an end belongs to the next tick.
fn end_of_tick(moment: i64, tick: i64) -> i64 {
    (moment / tick).saturating_add(1).saturating_mul(tick)
}

fn ephemerals(source: &Source, cost: &mut ListCost) -> Result<BTreeMap<i64, Vec<String>>, Refusal> {
    let mut owned: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    source.surveyor.ask(Question::Ephemerals, |piece| {
        if let Piece::Ephemerals(list) = piece {
            for OwnedPaths { session, paths } in list {
                cost.add_names(1, SESSION_BYTES + TEXT_BYTES);
                cost.add(paths.len(), paths.iter().map(|path| path.len() + TEXT_BYTES).sum());
                owned.entry(session).or_default().extend(paths.into_iter().map(String::from));
            }
        }
        cost.is_borne()
    })?;
    cost.check().map(|()| owned)
}

#[cfg(test)]
mod tests {
    use super::end_of_tick;

    #[test]
    fn moments_of_one_tick_are_one() {
        for (moment, end) in [(0, 2000), (1999, 2000), (2000, 4000), (2001, 4000), (i64::MAX, i64::MAX)] {
            assert_eq!(end_of_tick(moment, 2000), end, "{moment}");
        }
    }
}
