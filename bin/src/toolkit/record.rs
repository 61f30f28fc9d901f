//! Transactions in the words of ZooKeeper's tool for logs.

use jiff::tz::TimeZone;
use paddock_engine::acl::{Acl, Entry, entries};
use paddock_engine::txn::{CreateKind, ReadTxn, Txn};

use crate::date;
use crate::log::transaction::name;

/// The first line about a log.
pub fn header(database: i64) -> String {
    format!("ZooKeeper Transactional Log File with dbid {database} txnlog format version 2")
}

/// One transaction, its time as in this zone: a line and its end. An ACL ends each of its entries with a line's end too.
pub fn text(read: &ReadTxn<'_>, zone: &TimeZone) -> String {
    let header = &read.header;
    let mut text = format!(
        "{} session 0x{:x} cxid 0x{:x} zxid 0x{:x} {} {}",
        date::java_short(header.time, zone),
        header.client,
        i64::from(header.cxid),
        header.zxid,
        name(&read.txn),
        fields(&read.txn)
    );
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// What stands behind the name. What has no form of its own is a record, which ends with a line's end.
fn fields(txn: &Txn<'_>) -> String {
    match txn {
        Txn::Delete { path } | Txn::DeleteContainer { path } => format!("{}\n", escaped(path)),
        Txn::SetAcl { path, acl, version } => format!("{},v{{{}}},{version}\n", escaped(path), vector(acl)),
        Txn::Check { path, version } => format!("{},{version}\n", escaped(path)),
        Txn::Error(code) => format!("{code}\n"),
        Txn::CreateSession { timeout } => format!("{timeout}\n"),
        Txn::CloseSession { ephemerals: None } => String::new(),
        Txn::CloseSession { ephemerals: Some(paths) } => {
            let paths: Vec<String> = paths.iter().map(|path| escaped(path)).collect();
            format!("v{{{}}}\n", paths.join(","))
        }
        Txn::Multi(members) => {
            let members: Vec<String> =
                members.iter().map(|member| format!("{}:{}", name(member), plain(member))).collect();
            members.join(";")
        }
        Txn::Create { .. } | Txn::SetData { .. } | Txn::Reconfig { .. } => plain(txn),
    }
}

/// The fields with commas between, as they are in a multi as well. (ZooKeeper 3.9 has the bytes there, 3.10 the fields.)
fn plain(txn: &Txn<'_>) -> String {
    match txn {
        Txn::Create { kind, path, data, acl, parent_cversion } => {
            let begin = format!("{path},{},{}", shown(*data), list(acl));
            match kind {
                CreateKind::Plain { ephemeral, .. } => format!("{begin},{ephemeral},{parent_cversion}"),
                CreateKind::Container => format!("{begin},{parent_cversion}"),
                CreateKind::Ttl(ttl) => format!("{begin},{parent_cversion},{ttl}"),
            }
        }
        Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version } => {
            format!("{path},{},{version}", shown(*data))
        }
        Txn::Delete { path } | Txn::DeleteContainer { path } => path.to_string(),
        Txn::Check { path, version } => format!("{path},{version}"),
        Txn::Error(code) => code.to_string(),
        Txn::SetAcl { .. } | Txn::CreateSession { .. } | Txn::CloseSession { .. } | Txn::Multi(_) => {
            fields(txn).trim_end().to_owned()
        }
    }
}

/// Data as text.
fn shown(data: Option<&[u8]>) -> String {
    String::from_utf8_lossy(data.unwrap_or_default()).into_owned()
}

/// An ACL as a list of Java's.
fn list(acl: &Acl) -> String {
    let entries: Vec<String> = entries(acl).iter().map(|entry| format!("{}\n", inside(entry))).collect();
    format!("[{}]", entries.join(", "))
}

/// An ACL within a record.
fn vector(acl: &Acl) -> String {
    let entries: Vec<String> = entries(acl).iter().map(|entry| format!("s{{{}}}", inside(entry))).collect();
    entries.join(",")
}

fn inside(entry: &Entry) -> String {
    format!("{},s{{{},{}}}", entry.perms, escaped(&entry.id.scheme), escaped(&entry.id.id))
}

/// A text within a record: what would end it is written as its number.
fn escaped(text: &str) -> String {
    let mut escaped = String::from("'");
    for c in text.chars() {
        match c {
            '\0' | '\n' | '\r' | ',' | '}' | '%' => escaped.push_str(&format!("%{:02X}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::{AclTable, Entry, Id};
    use paddock_engine::request::opcode;
    use paddock_engine::txn::{CreateKind, ReadTxn, Txn, TxnHeader};

    use super::{TimeZone, text};

    fn told(txn: Txn<'_>) -> String {
        let header = TxnHeader { client: 0x1f, cxid: -1, zxid: 0x30, time: 0 };
        let text = text(&ReadTxn { header, txn, digest: None }, &TimeZone::UTC);
        let begin = "1/1/70, 12:00:00 AM UTC session 0x1f cxid 0xffffffffffffffff zxid 0x30 ";
        text.strip_prefix(begin).unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    #[test]
    fn transactions_are_told_as_zookeeper_tells_them() {
        let mut acls = AclTable::default();
        let entry = |perms, id: &str| Entry { perms, id: Id { scheme: "digest".into(), id: id.into() } };
        let acl = acls.intern(vec![entry(1, "a"), entry(2, "b")]);
        let kind = CreateKind::Plain { opcode: opcode::CREATE2, ephemeral: true };
        let create = Txn::Create { kind, path: "/a".into(), data: Some(b"x,y"), acl: None, parent_cversion: 4 };
        assert_eq!(told(create), "create2 /a,x,y,[31,s{'world,'anyone}\n],true,4\n");
        let kind = CreateKind::Ttl(9);
        let create = Txn::Create { kind, path: "/a".into(), data: None, acl: acl.clone(), parent_cversion: 4 };
        assert_eq!(told(create), "createTTL /a,,[1,s{'digest,'a}\n, 2,s{'digest,'b}\n],4,9\n");
        assert_eq!(told(Txn::Delete { path: "/a,}%\n".into() }), "delete '/a%2C%7D%25%0A\n");
        let set = Txn::SetAcl { path: "/a".into(), acl, version: 3 };
        assert_eq!(told(set), "setACL '/a,v{s{1,s{'digest,'a}},s{2,s{'digest,'b}}},3\n");
        let close = |ephemerals| told(Txn::CloseSession { ephemerals });
        assert_eq!(close(Some(vec!["/a".into(), "/b".into()])), "closeSession v{'/a,'/b}\n");
        assert_eq!(close(None), "closeSession \n");
        let set = Txn::SetData { path: "/a".into(), data: Some(b"z"), version: 1 };
        let multi = Txn::Multi(vec![Txn::Check { path: "/a".into(), version: 0 }, set, Txn::Error(-2)]);
        assert_eq!(told(multi), "multi check:/a,0;setData:/a,z,1;error:-2\n");
        assert_eq!(told(Txn::CreateSession { timeout: 30_000 }), "createSession 30000\n");
    }
}
