//! What servers begin with so that their next epoch is a short one.

use std::path::Path;
use std::process::Command;

use paddock_consensus::{Epoch, Zxid};
use paddock_engine::database::{Database, Rules};
use paddock_engine::io::Files;
use paddock_engine::tree::HashSeed;
use paddock_engine::zookeeper::{Compression, Epochs, write_data_dir};
use paddock_tests::server::Kind;

/// The short epoch that has so many transactions.
pub const fn epoch_of(transactions: u16) -> Epoch {
    Epoch((transactions as i32) << 16)
}

/// Paddock with short epochs.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_paddock-of-short-epochs");

/// Writes what a ZooKeeper has that has taken part in the epoch before that one, and nothing but what each one has; for a Paddock
/// it is converted.
pub fn write_before(epoch: Epoch, kind: Kind, data_dir: &Path) {
    let zxid = Zxid::first_of(Epoch(epoch.0 - 1));
    let database = Database::new(HashSeed(*b"sixteen byte key"), Rules::default());
    let (head, epochs) = (database.tree().head(), Epochs::of(zxid));
    let written = write_data_dir(&Files::Real, data_dir, &head, zxid, &[], epochs, Compression::None);
    written.expect("the directory is the test's own");
    if kind == Kind::ZooKeeper {
        return;
    }
    let mut convert = Command::new(PROGRAM);
    convert.args(["convert", "--from-zookeeper", "--accept-missing-logs", "--data-dir"]).arg(data_dir);
    let converted = convert.output().expect("it runs");
    assert!(converted.status.success(), "{}", String::from_utf8_lossy(&converted.stderr));
}
