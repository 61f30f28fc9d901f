//! What zkTxnLogToolkit.sh does.

use std::path::Path;

use jiff::tz::TimeZone;
use paddock_engine::acl::AclTable;
use paddock_engine::io::Files;
use paddock_engine::txn::Txn;
use paddock_engine::zookeeper::log::{Entry, LogReader};

use super::chop::chop;
use super::given::{Given, Known};
use super::{ToolkitError, record};
use crate::answer::Answer;
use crate::date;
use crate::kind::{self, Kind};
use crate::log::parse_zxid;
use crate::log::source::{End, Part, Source, TXN_BYTES_MAX};

const KNOWN: [Known; 7] = [
    Known { short: 'h', long: "help", takes_value: false },
    Known { short: 'r', long: "recover", takes_value: false },
    Known { short: 'v', long: "verbose", takes_value: false },
    Known { short: 'd', long: "dump", takes_value: false },
    Known { short: 'y', long: "yes", takes_value: false },
    Known { short: 'c', long: "chop", takes_value: false },
    Known { short: 'z', long: "zxid", takes_value: true },
];

const USAGE: &str = "usage: zkTxnLogToolkit.sh [-dhc] <txn_log_file_name> (-z <zxid>)
 -c,--chop         Make a copy of the log that ends with the transaction of -z: <txn_log_file_name>.chopped<zxid>
 -d,--dump         Tell all transactions (default)
 -h,--help         Tell this
 -z,--zxid <arg>   With -c: the last transaction of the copy";

/// Says why nothing is made to look sound.
const NO_RECOVERY: &str = "checksums are not computed anew: what is damaged would look sound. `paddock log cut FILE --after ZXID` \
                           makes a copy of what is before the damage";

/// How a log of Paddock's own is headed, which has no dbid.
const OWN_DATABASE: i64 = 0;

/// The file is ZooKeeper's, or a segment of Paddock's; or it is a directory with such.
pub fn run(words: &[String], answer: &mut Answer) -> Result<(), ToolkitError> {
    let given = match Given::read(words, &KNOWN) {
        Ok(given) => given,
        Err(error) => {
            answer.line(format_args!("{USAGE}"))?;
            return Err(ToolkitError::refused(error + "\n", 1));
        }
    };
    let Some(file) = given.rest.first().filter(|_| !given.has('h')) else {
        answer.line(format_args!("{USAGE}"))?;
        return if given.has('h') { Ok(()) } else { Err(ToolkitError::refused("no log file is named", 1)) };
    };
    if given.has('r') {
        return Err(ToolkitError::refused(NO_RECOVERY, 1));
    }
    let path = Path::new(file);
    let kind = if path.is_dir() { Ok(Kind::Other) } else { kind::of_file(path) };
    let missing = |_| ToolkitError::refused(format!("File doesn't exist or not readable: {file}"), 1);
    let kind = kind.map_err(missing)?;
    match given.value('z').filter(|_| given.has('c')) {
        Some(zxid) => {
            let zxid = parse_zxid(zxid).map_err(|error| ToolkitError::refused(error, 1))?;
            chop(path, zxid, answer).map_err(ToolkitError::from)
        }
        None if kind == Kind::ZooKeeperLog => dump_zookeepers(path, answer),
        None => dump(path, answer),
    }
}

fn dump_zookeepers(file: &Path, answer: &mut Answer) -> Result<(), ToolkitError> {
    let damaged = |source| ToolkitError::Format { file: file.to_owned(), source };
    let mut reader = LogReader::open(&Files::Real, file, TXN_BYTES_MAX).map_err(damaged)?;
    answer.line(format_args!("{}", record::header(reader.database())))?;
    let (mut acls, mut count, zone) = (AclTable::default(), 0, date::zone());
    loop {
        let (entry, damage) = reader.read_any().map_err(damaged)?;
        let Entry::Record { zxid, txn, .. } = entry else { break };
        let told = told(zxid.0, txn, &mut acls, &zone);
        // ZooKeeper tells such a one twice too.
        if damage.is_some() {
            answer.text(format_args!("CRC ERROR - {told}"))?;
        }
        answer.text(format_args!("{told}"))?;
        count += 1;
    }
    answer.line(format_args!("EOF reached after {count} txns."))?;
    Ok(())
}

fn dump(path: &Path, answer: &mut Answer) -> Result<(), ToolkitError> {
    let source = Source::find(path, None)?;
    answer.line(format_args!("{}", record::header(OWN_DATABASE)))?;
    let (mut acls, mut count, zone, mut written) = (AclTable::default(), 0u64, date::zone(), Ok(()));
    let end = source.read(&mut |part| {
        if let Part::Transaction { zxid, bytes } = part
            && written.is_ok()
        {
            written = answer.text(format_args!("{}", told(zxid.0, bytes, &mut acls, &zone)));
            count += 1;
        }
    })?;
    written?;
    if let End::Damaged(damage) = end {
        return Err(ToolkitError::refused(damage, 1));
    }
    answer.line(format_args!("EOF reached after {count} txns."))?;
    Ok(())
}

/// A transaction with the end of its line.
fn told(zxid: i64, bytes: &[u8], acls: &mut AclTable, zone: &TimeZone) -> String {
    match Txn::read(bytes, acls) {
        Ok(read) => record::text(&read, zone),
        Err(_) => format!("zxid 0x{zxid:x} is not a transaction that is known\n"),
    }
}
