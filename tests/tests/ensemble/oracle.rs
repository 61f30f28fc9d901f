//! Two servers with an oracle: a file for each that says whether it goes on while the other is gone.
use paddock_tests::client::Client;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::network::{Cut, Loss};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, TempDir, poll_until};
use std::path::PathBuf;

const TIMEOUT_MS: i32 = 40_000;
/// What a server says of a file that does not let it go on.
const DENIED: &str = "does not let this server go on without the other";
const GRANTED: &str = "lets this server go on without the other";

fn setup() -> Setup {
    Setup::new(Kind::Paddock)
        .config("tickTime", "100")
        .config("initLimit", "100")
        .config("syncLimit", "12")
        .config("maxSessionTimeout", "60000")
}

/// Two servers that share nothing, each with an oracle of its own, which says no.
struct Two {
    ensemble: Ensemble,
    oracles: TempDir,
}

impl Two {
    fn begin(ensemble: Ensemble) -> Two {
        let two = Two { ensemble, oracles: TempDir::new("oracles") };
        two.ensemble.kill(&[0, 1]);
        for place in [0, 1] {
            two.says(place, "0");
            two.server(place).configure("oraclePath", Some(&two.path(place)));
            two.server(place).spawn();
        }
        two
    }

    fn server(&self, place: usize) -> &Server {
        self.ensemble.server(place)
    }

    fn path(&self, place: usize) -> PathBuf {
        self.oracles.path().join(place.to_string())
    }

    fn says(&self, place: usize, text: &str) {
        self.oracles.write(&place.to_string(), text.as_bytes());
    }

    /// Waits until the server has said this since its log was so long.
    fn wait_for(&self, place: usize, since: usize, words: &str) {
        let said = || self.server(place).log()[since..].contains(words).then_some(());
        let log = || self.server(place).log_tail();
        assert!(poll_until(DEADLINE, said).is_some(), "the server of place {place} does not say {words:?}:\n{}", log());
    }
}

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes sessions")
}

fn create(server: &Server, path: &str) {
    client(server).ok(&Request::create(path, b"", flags::PERSISTENT));
}

pub fn the_one_goes_on_that_is_let() {
    let two = Two::begin(Ensemble::start(setup(), 2));
    let leader = two.ensemble.wait_for_leader(&[0, 1]);
    let other = 1 - leader;
    create(two.server(leader), "/both");

    // The leader dies, and the other is not let; then it is.
    let since = two.server(other).log().len();
    two.ensemble.kill(&[leader]);
    two.wait_for(other, since, DENIED);
    assert_eq!(two.server(other).mode(), None, "it serves");
    two.says(other, "1");
    assert_eq!(two.ensemble.wait_for_leader(&[other]), other);
    create(two.server(other), "/alone");

    // Who comes back follows, and has what was written meanwhile.
    two.server(leader).spawn();
    assert_eq!(two.ensemble.wait_for_leader(&[0, 1]), other);
    two.ensemble.kill(&[other]);
    let since = two.server(leader).log().len();
    two.wait_for(leader, since, DENIED);
    two.says(leader, "1");
    assert_eq!(two.ensemble.wait_for_leader(&[leader]), leader);
    let mut client = client(two.server(leader));
    for path in ["/both", "/alone"] {
        client.ok(&Request::exists(path, false));
    }

    // What was granted is taken back: the reign is over.
    two.says(leader, "0");
    assert!(poll_until(DEADLINE, || two.server(leader).mode().is_none().then_some(())).is_some(), "it serves on");
    two.ensemble.assert_no_errors();
}

pub fn only_one_of_two_serves() {
    let two = Two::begin(Ensemble::start_apart(setup(), 2, 0));
    let leader = two.ensemble.wait_for_leader(&[0, 1]);
    let other = 1 - leader;
    two.says(leader, "1");
    let since = [0, 1].map(|place| two.server(place).log().len());
    let cut = |from, to| Cut { from, to, loss: Loss::Silent };
    two.ensemble.network().cut(&[cut(0, 1), cut(1, 0)]);
    // It waits for the follower first, and then for the oracle.
    create(two.server(leader), "/alone");
    two.wait_for(leader, since[leader], GRANTED);
    two.wait_for(other, since[other], DENIED);
    assert_eq!(two.server(leader).mode().as_deref(), Some("leader"));
    assert_eq!(two.server(other).mode(), None, "both serve");

    // What was granted is taken back, and then they meet.
    two.says(leader, "0");
    assert!(poll_until(DEADLINE, || two.server(leader).mode().is_none().then_some(())).is_some(), "it serves on");
    two.ensemble.network().heal();
    assert_eq!(two.ensemble.wait_for_leader(&[0, 1]), leader, "it has what the other has not");
    let mut client = client(two.server(other));
    client.ok(&Request::sync("/alone"));
    client.ok(&Request::exists("/alone", false));
    two.ensemble.assert_no_errors();
}
