//! Who is answered on the election port.

use crate::notification::{Notification, ServerState};

/// What a server that would say `own` of itself answers to one that said `heard`; `None` if it has nothing to tell it.
///
/// Whoever looks for a leader is told what others know: by each that looks no more, and by each that looks in a later round.
/// That the asker votes is not asked, since observers and servers in no configuration find their leader in this way. Nobody
/// else is answered here: whoever is not looking asks nothing, and whoever looks in a later round has no use for the answer. So
/// two servers never answer each other without an end. Whoever looks in the same round is for those to answer who look too, and
/// know whether they have heard it before.
pub fn answer(own: &Notification, heard: &Notification) -> Option<Notification> {
    let has_news = own.state != ServerState::Looking || heard.round < own.round;
    (heard.state == ServerState::Looking && has_news).then_some(*own)
}

#[cfg(test)]
mod tests {
    use super::answer;
    use crate::notification::{Format, Notification, ServerState};
    use crate::vote::Vote;

    fn says(state: ServerState, round: i64) -> Notification {
        Notification { state, vote: Vote::LEAST, round, format: Format::Versioned }
    }

    #[test]
    fn who_looks_is_answered_by_who_knows_more() {
        use ServerState::{Following, Leading, Looking, Observing};
        for state in [Following, Leading, Observing] {
            let own = says(state, 5);
            for round in [-1, 4, 5, 6, i64::MAX] {
                assert_eq!(answer(&own, &says(Looking, round)), Some(own));
            }
            for other in [Following, Leading, Observing] {
                assert_eq!(answer(&own, &says(other, 4)), None);
                assert_eq!(answer(&says(Looking, 5), &says(other, 4)), None);
            }
        }
        let own = says(Looking, 5);
        let answered = [i64::MIN, 4, 5, 6].map(|round| answer(&own, &says(Looking, round)).is_some());
        assert_eq!(answered, [true, true, false, false]);
    }

    #[test]
    fn two_servers_never_answer_each_other_for_ever() {
        use ServerState::{Following, Leading, Looking, Observing};
        let all = [Looking, Following, Leading, Observing].map(|state| [4, 5].map(|round| says(state, round)));
        for first in all.as_flattened() {
            for second in all.as_flattened() {
                let told = answer(first, second);
                assert_eq!(told.and_then(|told| answer(second, &told)), None, "{first:?} {second:?}");
            }
        }
    }
}
