//! Metrics as agents and dashboards read them: every key of ZooKeeper's is told, in the form that programs parse, and moves when the
//! thing happens that it is named after.
//!
//! | module | looks at |
//! |---|---|
//! | `agents` | the rules by which published agents take `mntr` apart |
//! | `ensemble` | keys by the part of a server, and what moves when servers work together |
//! | `keys` | that there are all of ZooKeeper's keys, and no others but those with a prefix of their own |
//! | `moves` | what moves on a server that stands alone, by groups of events |
//! | `told` | what one answer to `mntr` has |
mod agents;
mod ensemble;
mod keys;
mod moves;
mod told;

use paddock_tests::server::{Kind, Setup};

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT_MS: i32 = 20_000;

fn setup() -> Setup {
    Setup::new(Kind::under_test())
}
