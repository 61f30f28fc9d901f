//! Whether the server lives, and whether it serves clients: for programs that start it and send it clients. Both are told on the
//! thread of all connections, whatever commands wait.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use paddock_consensus::output::Part;
use paddock_net::serving::Serve;

use super::source::Source;
use crate::http::Answer;

/// The replica's thread, which orders all writes, tells in this time that it goes on. It waits for nothing but its disk, and sleeps
/// much less; what takes long in it tells in between. The service of the Debian package has the same time (`WatchdogSec=`).
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// The answer at one of the two paths.
pub fn answer(source: &Source, path: &str) -> Option<Answer> {
    match path {
        "/health/live" => Some(live(source.status.replica.alive.get(), source.status.clock.millis(Instant::now()))),
        "/health/ready" => Some(ready(source.serve(), source.status.member.part())),
        _ => None,
    }
}

/// `told` is when the replica's thread told last that it goes on, 0 before its first turn and after its last; both are ms of the
/// monotonic clock.
fn live(told: u64, now: u64) -> Answer {
    let silence = Duration::from_millis(now.saturating_sub(told));
    if told == 0 || silence <= SILENCE_MAX {
        return Answer::text(StatusCode::OK, "live");
    }
    let why_not = format!(
        "not live: the thread that orders all writes has not gone on for {} s; most likely the disk of the log or of the snapshots \
         hangs: see what the kernel's log says of it, and start the server again",
        silence.as_secs()
    );
    Answer::text(StatusCode::SERVICE_UNAVAILABLE, &why_not)
}

fn ready(serve: Serve, part: Option<Part>) -> Answer {
    let why_not = match (serve, part) {
        (Serve::ReadOnly, _) => return Answer::text(StatusCode::OK, "ready, for reads alone"),
        (_, Some(Part::Looking)) => "not ready: this server looks for a leader",
        (Serve::Yes, _) => return Answer::text(StatusCode::OK, "ready"),
        (Serve::No, Some(Part::Leading { .. })) => "not ready: this server leads, and does not serve clients",
        (Serve::No, Some(_)) => "not ready: this server is brought what it lacks",
        (Serve::No, None) => "not ready: this server does not serve clients",
    };
    Answer::text(StatusCode::SERVICE_UNAVAILABLE, why_not)
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use paddock_consensus::output::Part;
    use paddock_consensus::{Epoch, ServerId};
    use paddock_net::serving::Serve;

    use super::{SILENCE_MAX, live, ready};
    use crate::http::Content;

    #[test]
    fn live_is_whose_replica_goes_on() {
        let most = SILENCE_MAX.as_millis() as u64;
        for (told, now) in [(0, 10 * most), (7, 7), (7, 6), (7, most + 7)] {
            assert_eq!(live(told, now).status, StatusCode::OK, "{told} {now}");
        }
        let hung = live(7, most + 8);
        assert_eq!(hung.status, StatusCode::SERVICE_UNAVAILABLE);
        let Content::Whole(text) = hung.content else { panic!("it is whole") };
        assert!(text.starts_with(b"not live: the thread that orders all writes has not gone on for 120 s; "));
    }

    #[test]
    fn ready_is_who_serves_clients() {
        let following = Part::Following { leader: ServerId(1), epoch: Epoch(1) };
        for (serve, part, expected) in [
            (Serve::Yes, None, StatusCode::OK),
            (Serve::Yes, Some(following), StatusCode::OK),
            (Serve::ReadOnly, Some(Part::Looking), StatusCode::OK),
            (Serve::Yes, Some(Part::Looking), StatusCode::SERVICE_UNAVAILABLE),
            (Serve::No, Some(following), StatusCode::SERVICE_UNAVAILABLE),
            (Serve::No, Some(Part::Leading { epoch: Epoch(1) }), StatusCode::SERVICE_UNAVAILABLE),
            (Serve::No, None, StatusCode::SERVICE_UNAVAILABLE),
        ] {
            assert_eq!(ready(serve, part).status, expected, "{serve:?} {part:?}");
        }
    }
}
