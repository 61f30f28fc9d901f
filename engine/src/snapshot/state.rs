//! The snapshot of a state that nobody else holds a version of: that of a conversion, or of a generation to come.

use std::io;
use std::path::Path;

use super::writer::{WrittenSnapshot, write};
use crate::database::Database;
use crate::io::Files;
use crate::tree::HashSeed;

/// Writes the snapshot of a state into a `dataDir`, where it has no name yet.
///
/// # Panics
/// If something else holds a version of the tree.
pub fn write_state(
    files: &Files,
    data_dir: &Path,
    database: &mut Database,
    seed: &HashSeed,
) -> io::Result<WrittenSnapshot> {
    write_long_state(files, data_dir, database, seed, &mut || {})
}

/// The same, of a state that may be large: `alive` is told again and again that it goes on.
pub fn write_long_state(
    files: &Files,
    data_dir: &Path,
    database: &mut Database,
    seed: &HashSeed,
    alive: &mut dyn FnMut(),
) -> io::Result<WrittenSnapshot> {
    let (zxid, sessions) = (database.last_zxid(), database.sessions().collect::<Vec<_>>());
    let tree = database.tree_mut();
    let sealed = tree.seal();
    tree.publish(sealed);
    let pin = tree.pin().expect("nothing else holds a version of it");
    let mut go_on = || {
        alive();
        true
    };
    write(files, data_dir, &pin.view(), zxid, seed, &sessions, &mut go_on)
}
