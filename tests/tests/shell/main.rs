//! `paddock shell`: what zkCli's commands answer here, line by line, and the commands that zkCli does not have.
//!
//! | module | looks at |
//! |---|---|
//! | `said` | a run of a shell, and what it has said |
//! | `table` | zkCli's commands, in one session; `table.txt` is what is typed and what must be said |
//! | `calling` | one command, scripts, and how they end |
//! | `sessions` | events, credentials, a chroot, sessions that end |
//! | `logins` | logins by SASL |
//! | `own` | tree, find, du, watch, top, export, import |
//! | `tls` | TLS |
//! | `zkcli` | the same lines in ZooKeeper's own shell, and on a ZooKeeper: all must say the same |
mod calling;
mod logins;
mod own;
mod said;
mod sessions;
mod table;
mod tls;
mod zkcli;

use paddock_tests::server::{Kind, Server, Setup};

fn start() -> Server {
    Setup::new(Kind::under_test()).start()
}
