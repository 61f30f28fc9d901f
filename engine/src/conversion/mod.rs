//! What a conversion of a ZooKeeper's files leaves, and how it comes into place. ZooKeeper's files are only read.
//!
//! ```text
//! <dataDir>/paddock-1/   conversion -> milestone -> snapshot.<zxid>, which is written beside first and renamed last
//! ```
//!
//! Until the snapshot of just the transaction that the note names has its name, nothing counts, whatever else a crash has
//! left: [`Own`] says so, and the next conversion replaces it.
//!
//! The note, the file `conversion`, is text, for people too: a line for each field, its name and its value.
//!
//! | field | value |
//! |---|---|
//! | `paddock-conversion` | 1, the format; the first line |
//! | `zxid` | the last transaction that was converted, 0x and hexadecimal |
//! | `time` | wall clock at its end, ms |
//! | `listing` | CRC32C of names, lengths and times of ZooKeeper's files as they were, 8 hexadecimal digits |
//!
//! | part | file |
//! |---|---|
//! | the note: this file | `mod` |
//! | what tells whether ZooKeeper's files have changed | `listing` |
//! | whether there is a state, and whether it is more than what was converted | `own` |
//! | putting a state into place | `placement` |

mod listing;
mod own;
mod placement;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use crate::io::Files;
use crate::snapshot::snapshot_dir;

pub use listing::Listing;
pub use own::{Own, OwnError};
pub use placement::{Placed, PlacementError, Target};

const FILE: &str = "conversion";
const FORMAT: &str = "paddock-conversion 1";
/// No note is longer, bytes.
const BYTES_MAX: usize = 4096;

/// What is noted of a conversion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conversion {
    /// The last transaction that was converted.
    pub zxid: Zxid,
    /// Wall clock, ms.
    pub time: i64,
    /// That of ZooKeeper's files as they were converted.
    pub listing: Listing,
}

impl Conversion {
    /// That of a `dataDir`. `None`: there was none, or its note cannot be understood.
    pub fn read(files: &Files, data_dir: &Path) -> io::Result<Option<Conversion>> {
        match files.read(&note_path(data_dir), BYTES_MAX) {
            Ok(text) => Ok(std::str::from_utf8(&text).ok().and_then(Conversion::parse)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces that of a `dataDir`; durable when this returns.
    pub fn write(&self, files: &Files, data_dir: &Path) -> io::Result<()> {
        files.write_atomically(&note_path(data_dir), self.text().as_bytes())
    }

    fn parse(text: &str) -> Option<Conversion> {
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) {
            return None;
        }
        let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).collect();
        let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        Some(Conversion {
            zxid: Zxid(i64::from_str_radix(field("zxid")?.strip_prefix("0x")?, 16).ok()?),
            time: field("time")?.parse().ok()?,
            listing: Listing(u32::from_str_radix(field("listing")?, 16).ok()?),
        })
    }

    fn text(&self) -> String {
        let Conversion { zxid, time, listing: Listing(listing) } = self;
        format!("{FORMAT}\nzxid {zxid}\ntime {time}\nlisting {listing:08x}\n")
    }
}

fn note_path(data_dir: &Path) -> PathBuf {
    snapshot_dir(data_dir).join(FILE)
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::{Conversion, Listing};

    #[test]
    fn a_note_reads_as_it_was_written_and_nothing_else_is_one() {
        let note = Conversion { zxid: Zxid(0x2_0000_0001), time: 1_700_000_000_123, listing: Listing(7) };
        let text = note.text();
        assert_eq!(Conversion::parse(&text), Some(note));
        assert_eq!(Conversion::parse(&(text.clone() + "later more\n")), Some(note), "a later version may add lines");
        for (part, other) in [("-conversion 1", "-conversion 2"), ("0x", ""), ("time ", "time x"), ("listing", "list")]
        {
            assert_eq!(Conversion::parse(&text.replace(part, other)), None, "{part}");
        }
        for end in 0..text.len() {
            // Any result will do but for a panic.
            let _ = text.get(..end).map(Conversion::parse);
        }
    }
}
