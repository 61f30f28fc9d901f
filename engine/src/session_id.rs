//! The ids of sessions, as ZooKeeper makes them: the server's number in the highest byte, then 40 bits of its clock at the
//! start, and room to count.

const SERVER_AT: u32 = 56;
const CLOCK_AT: u32 = 16;
/// What of the clock, in milliseconds, there is room for.
const CLOCK: i64 = 0xff_ffff_ffff;
/// Where the clock has gone back, ids are left out: those of an hour, and of as much more as the clock shows beyond a full
/// hour. Sessions that are over may have had the next ones, also those of other starts after which the same session still
/// lived, and whoever was in one of them must not come back to another's.
const LEFT_OUT: i64 = HOUR << CLOCK_AT;
/// In milliseconds.
const HOUR: i64 = 3_600_000;

/// The ids that one server gives to new sessions.
#[derive(Debug)]
pub struct SessionIds {
    next: i64,
}

impl SessionIds {
    /// After a start at this time of the wall clock. Where the clock has gone back, the ids go on well after those of
    /// the `living` sessions.
    pub fn new(server_id: i64, wall_ms: i64, living: impl Iterator<Item = i64>) -> SessionIds {
        let start = (server_id << SERVER_AT) | ((wall_ms & CLOCK) << CLOCK_AT);
        // That value marks containers.
        let mut ids = SessionIds { next: if start == i64::MIN { start + 1 } else { start } };
        ids.go_on_after(server_id, wall_ms, living);
        ids
    }

    /// Likewise where the server has become to know of other `living` sessions. An id that was given is not given again.
    pub fn go_on_after(&mut self, server_id: i64, wall_ms: i64, living: impl Iterator<Item = i64>) {
        let newest = living.filter(|session| SessionIds::are_of(server_id, *session)).max();
        if let Some(newest) = newest.filter(|newest| *newest >= self.next) {
            let after = newest.wrapping_add(LEFT_OUT + (wall_ms.rem_euclid(HOUR) << CLOCK_AT));
            // At the end of the clock's bits there is less room.
            self.next = if SessionIds::are_of(server_id, after) { after } else { newest.wrapping_add(1) };
        }
    }

    /// Whether the server of this number gave the session its id.
    pub fn are_of(server_id: i64, session: i64) -> bool {
        session >> SERVER_AT == (server_id << SERVER_AT) >> SERVER_AT
    }

    /// An id that no session has. 0 is none.
    pub fn next(&mut self, is_taken: impl Fn(i64) -> bool) -> i64 {
        while self.next == 0 || is_taken(self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let session = self.next;
        self.next = session.wrapping_add(1);
        session
    }
}

#[cfg(test)]
mod tests {
    use super::{CLOCK_AT, LEFT_OUT, SessionIds};

    fn first_among(server_id: i64, wall_ms: i64, living: &[i64]) -> i64 {
        SessionIds::new(server_id, wall_ms, living.iter().copied()).next(|_| false)
    }

    fn first(server_id: i64, wall_ms: i64) -> i64 {
        first_among(server_id, wall_ms, &[])
    }

    #[test]
    fn session_ids_start_with_the_server() {
        let id = first(1, 0x1234_5678_9abc);
        assert_eq!((id >> 56, id & 0xffff, (id >> 16) & 0xff_ffff_ffff), (1, 0, 0x34_5678_9abc));
    }

    #[test]
    fn trap_084_servers_from_128_have_negative_ids_and_none_marks_a_container() {
        assert_eq!(first(128, 0), i64::MIN + 1);
        assert!(first(200, 5) < 0);
        assert_eq!(first(200, 5) as u64 >> 56, 200);
    }

    #[test]
    fn ids_go_on_where_the_clock_has_gone_back() {
        let before = first(1, 5000) + 3;
        let others = before + LEFT_OUT..before + 2 * LEFT_OUT;
        assert!(others.contains(&first_among(1, 4000, &[before, first(2, 9000)])));
        assert_eq!(first_among(1, 6000, &[before]), first(1, 6000));
        let last = first(2, 0) - 2;
        assert_eq!(first_among(1, 4000, &[last]), last + 1);
        let negative = first(200, 5000);
        assert!(first_among(200, 4000, &[negative]) >= negative + LEFT_OUT);
    }

    #[test]
    fn each_start_after_the_clock_has_gone_back_has_ids_of_its_own() {
        let (hour, old) = (3_600_000, first(1, 9_000_000));
        let ids: Vec<i64> = [4000, 4001, 5000, hour - 1].map(|wall_ms| first_among(1, wall_ms, &[old])).into();
        for (place, id) in ids.iter().enumerate() {
            assert!(ids[..place].iter().all(|other| id.abs_diff(*other) >= 1 << CLOCK_AT), "{ids:x?}");
        }
    }

    #[test]
    fn what_was_given_is_not_given_again_where_the_clock_goes_back_while_the_server_runs() {
        let mut ids = SessionIds::new(1, 5000, [].into_iter());
        let given = ids.next(|_| false);
        ids.go_on_after(1, 4000, [first(1, 3000), first(2, 9000)].into_iter());
        assert_eq!(ids.next(|_| false), given + 1);
        let known = first(1, 9000);
        ids.go_on_after(1, 4000, [known].into_iter());
        assert!(ids.next(|_| false) >= known + LEFT_OUT);
    }

    #[test]
    fn no_id_is_given_twice_or_is_none() {
        let mut ids = SessionIds { next: -1 };
        assert_eq!([ids.next(|_| false), ids.next(|id| id < 3), ids.next(|_| false)], [-1, 3, 4]);
    }
}
