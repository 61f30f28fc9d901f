//! What the log of a server says, for the judge of histories: the answer of `paddock log show`, in its words.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use paddock_history::{Change, Data, Mode, Operation, Transaction};
use paddock_tests::server::{DEADLINE, paddock, poll_until};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The transactions in a `dataDir` after a zxid, each of them there: a server that stands alone leaves no zxid out.
pub fn transactions(data_dir: &Path, after: i64) -> Vec<Transaction> {
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
    let transactions: Vec<Transaction> = objects.filter_map(|object| transaction(&object)).collect();
    for (transaction, zxid) in transactions.iter().zip(after + 1..) {
        assert_eq!(transaction.zxid, zxid, "the log lacks a transaction");
    }
    transactions
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
