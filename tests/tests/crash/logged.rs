//! What the log of a server says, for the judge of histories: the answer of `paddock log show`, in its words.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use paddock_history::{Change, Data, History, Mode, Operation, Transaction};
use paddock_tests::server::{DEADLINE, paddock, poll_until};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Bits of a zxid that count the transactions of an epoch.
const COUNTER_BITS: u32 = 32;

/// Adds to a history what the log in a `dataDir` has got since the last time: all, or what there is up to a zxid that it must
/// have. Where the log lacks something of that, which is told, nothing is added.
pub fn extend(history: &mut History, data_dir: &Path, to: Option<i64>) -> Result<(), String> {
    let log = history.log.get_or_insert_default();
    let last = log.last().map_or(0, |transaction| transaction.zxid);
    let mut more = transactions(data_dir, last);
    more.truncate(more.partition_point(|transaction| to.is_none_or(|to| transaction.zxid <= to)));
    let mut before = last;
    for &Transaction { zxid, .. } in &more {
        if !follows(before, zxid) {
            return Err(format!("{}: the log has 0x{zxid:x} behind 0x{before:x}", data_dir.display()));
        }
        before = zxid;
    }
    if let Some(to) = to.filter(|&to| before < to) {
        return Err(format!("{}: the log ends with 0x{before:x}, before 0x{to:x}", data_dir.display()));
    }
    log.extend(more);
    Ok(())
}

/// No zxid of an epoch is left out, and the first one of an epoch is 1.
fn follows(before: i64, zxid: i64) -> bool {
    let first_of_its_epoch = (zxid >> COUNTER_BITS << COUNTER_BITS) + 1;
    zxid == before + 1 || (zxid == first_of_its_epoch && zxid > before)
}

/// The transactions in a `dataDir` after a zxid.
fn transactions(data_dir: &Path, after: i64) -> Vec<Transaction> {
    let from = (after + 1).to_string();
    let mut said = String::new();
    let shown = poll_until(DEADLINE, || {
        let mut show = Command::new(paddock());
        show.args(["log", "show", "--json", "--data", "--from", &from]).arg(data_dir);
        let output = show.output().expect("the binary under test can be started");
        said = String::from_utf8_lossy(&output.stderr).into_owned();
        // A server that runs may remove a segment that is being read.
        output.status.success().then_some(output.stdout)
    });
    let shown = shown.unwrap_or_else(|| panic!("paddock log show: {said}"));
    let lines = String::from_utf8(shown).expect("JSON is UTF-8");
    let objects =
        lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    objects.filter_map(|object| transaction(&object)).collect()
}

/// Nothing for an object that is not a transaction.
fn transaction(object: &Value) -> Option<Transaction> {
    let zxid = hex(object.get("zxid")?);
    Some(Transaction {
        zxid,
        session: hex(&object["session"]),
        cxid: object["cxid"].as_i64().and_then(|cxid| i32::try_from(cxid).ok()).expect("cxid is a number"),
        change: change(object),
    })
}

fn hex(value: &Value) -> i64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let bits = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    bits.unwrap_or_else(|| panic!("{value} is not 0x and digits")) as i64
}

fn change(object: &Value) -> Change {
    match object["type"].as_str() {
        Some("createSession") => Change::CreateSession,
        Some("closeSession") => Change::Done(Operation::Close),
        Some("error") => Change::Failed,
        Some("multi") => {
            let members = object["members"].as_array().expect("a multi has members").iter().map(operation);
            members
                .collect::<Option<Vec<Operation>>>()
                .map_or(Change::Failed, |members| Change::Done(Operation::Multi(members)))
        }
        _ => Change::Done(operation(object).unwrap_or_else(|| panic!("{object} is no transaction that is known"))),
    }
}

/// What one member of a multi did, or a transaction alone; nothing where it failed.
fn operation(object: &Value) -> Option<Operation> {
    let path = object["path"].as_str().map(str::to_owned);
    Some(match object["type"].as_str()? {
        "create" | "create2" | "createContainer" | "createTTL" => {
            let mode = Mode { is_ephemeral: object["ephemeral"] == true, is_sequential: false };
            Operation::Create { path: path?, data: data(object), mode }
        }
        "delete" | "deleteContainer" => Operation::Delete { path: path?, version: -1 },
        "setData" => Operation::SetData { path: path?, data: data(object), version: -1 },
        "setACL" => Operation::SetAcl { path: path?, version: -1 },
        "check" => Operation::Check { path: path?, version: -1 },
        _ => return None,
    })
}

fn data(object: &Value) -> Option<Data> {
    let bytes = object["data"].as_str().map(|text| STANDARD.decode(text).expect("data is in Base64"));
    bytes.as_deref().map(Data::of)
}

#[test]
fn a_log_that_lacks_a_transaction_is_seen() {
    let zxid = |epoch: i64, counter: i64| epoch << COUNTER_BITS | counter;
    assert!(follows(0, 1) && follows(zxid(1, 7), zxid(1, 8)) && follows(zxid(1, 7), zxid(3, 1)));
    assert!(!follows(0, 2) && !follows(zxid(1, 7), zxid(1, 9)) && !follows(zxid(1, 7), zxid(3, 2)));
    assert!(!follows(zxid(1, 1), zxid(1, 1)) && !follows(zxid(3, 1), zxid(1, 1)));
}
