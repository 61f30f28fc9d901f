//! A transaction as text for people and as JSON for programs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use paddock_engine::acl::Acl;
use paddock_engine::request::opcode;
use paddock_engine::txn::{CreateKind, ReadTxn, Txn};
use serde_json::{Map, Value, json};

use crate::acl;
use crate::date::when;

/// ZooKeeper's name of what a transaction does.
pub fn name(txn: &Txn<'_>) -> &'static str {
    match txn {
        Txn::Create { kind: CreateKind::Plain { opcode: opcode::CREATE2, .. }, .. } => "create2",
        Txn::Create { kind: CreateKind::Plain { .. }, .. } => "create",
        Txn::Create { kind: CreateKind::Container, .. } => "createContainer",
        Txn::Create { kind: CreateKind::Ttl(_), .. } => "createTTL",
        Txn::Delete { .. } => "delete",
        Txn::DeleteContainer { .. } => "deleteContainer",
        Txn::SetData { .. } => "setData",
        Txn::Reconfig { .. } => "reconfig",
        Txn::SetAcl { .. } => "setACL",
        Txn::Check { .. } => "check",
        Txn::Multi(_) => "multi",
        Txn::Error(_) => "error",
        Txn::CreateSession { .. } => "createSession",
        Txn::CloseSession { .. } => "closeSession",
    }
}

/// The path that one operation is about, and how many bytes of data it writes.
pub fn written<'t>(txn: &'t Txn<'_>) -> Option<(&'t str, usize)> {
    match txn {
        Txn::Create { path, data, .. } | Txn::SetData { path, data, .. } | Txn::Reconfig { path, data, .. } => {
            Some((path, data.map_or(0, <[u8]>::len)))
        }
        Txn::Delete { path } | Txn::DeleteContainer { path } | Txn::SetAcl { path, .. } | Txn::Check { path, .. } => {
            Some((path, 0))
        }
        Txn::Multi(_) | Txn::Error(_) | Txn::CreateSession { .. } | Txn::CloseSession { .. } => None,
    }
}

/// One line. Data and ACLs, which may be secret or long, only where they are asked for.
pub fn text(read: &ReadTxn<'_>, with_data: bool) -> String {
    let header = &read.header;
    format!(
        "0x{:x} {} session 0x{:x} cxid 0x{:x} {}",
        header.zxid,
        when(header.time),
        header.client,
        header.cxid,
        describe(&read.txn, with_data)
    )
}

fn describe(txn: &Txn<'_>, with_data: bool) -> String {
    let name = name(txn);
    let shown = |data: &Option<&[u8]>| match data {
        None => "null".to_owned(),
        Some(data) if with_data => format!("data {}", STANDARD.encode(data)),
        Some(data) => format!("{} bytes", data.len()),
    };
    let list = |acl: &Acl| if with_data { format!(", acl {}", acl::text(acl)) } else { String::new() };
    match txn {
        Txn::Create { kind, path, data, acl, parent_cversion } => {
            let kind = match kind {
                CreateKind::Plain { ephemeral: true, .. } => ", ephemeral".to_owned(),
                CreateKind::Ttl(ttl) => format!(", lives {ttl} ms"),
                CreateKind::Plain { .. } | CreateKind::Container => String::new(),
            };
            format!("{name} {path:?}{kind}, {}{}, parent's cversion {parent_cversion}", shown(data), list(acl))
        }
        Txn::Delete { path } | Txn::DeleteContainer { path } => format!("{name} {path:?}"),
        Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version } => {
            format!("{name} {path:?} version {version}, {}", shown(data))
        }
        Txn::SetAcl { path, version, acl } => format!("{name} {path:?} aversion {version}{}", list(acl)),
        Txn::Check { path, version } => format!("{name} {path:?} version {version}"),
        Txn::Error(code) => format!("{name} {code}"),
        Txn::CreateSession { timeout } => format!("{name}, timeout {timeout} ms"),
        Txn::CloseSession { ephemerals: Some(paths) } if !paths.is_empty() => {
            format!("{name}, {} ephemerals", paths.len())
        }
        Txn::CloseSession { .. } => format!("{name}, whatever ephemerals it has"),
        Txn::Multi(members) => {
            let members: Vec<String> = members.iter().map(|member| describe(member, with_data)).collect();
            format!("{name} [{}]", members.join("; "))
        }
    }
}

/// One object. Zxids and sessions are text, since few programs can hold them as numbers.
pub fn object(read: &ReadTxn<'_>, with_data: bool) -> Value {
    let header = &read.header;
    let mut object = fields(&read.txn, with_data);
    object.insert("zxid".into(), json!(format!("0x{:x}", header.zxid)));
    object.insert("session".into(), json!(format!("0x{:x}", header.client)));
    object.insert("cxid".into(), json!(header.cxid));
    object.insert("time".into(), json!(header.time));
    if let Some(digest) = read.digest {
        object.insert("digest".into(), json!(format!("{digest:x}")));
    }
    Value::Object(object)
}

fn fields(txn: &Txn<'_>, with_data: bool) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    put("type", json!(name(txn)));
    if let Some((path, _)) = written(txn) {
        put("path", json!(path));
    }
    match txn {
        Txn::Create { data, .. } | Txn::SetData { data, .. } | Txn::Reconfig { data, .. } if with_data => {
            put("data", json!(data.map(|data| STANDARD.encode(data))));
        }
        Txn::Create { data, .. } | Txn::SetData { data, .. } | Txn::Reconfig { data, .. } => {
            put("dataLength", json!(data.map(<[u8]>::len)));
        }
        _ => {}
    }
    match txn {
        Txn::Create { kind, acl, parent_cversion, .. } => {
            match kind {
                CreateKind::Plain { ephemeral, .. } => put("ephemeral", json!(ephemeral)),
                CreateKind::Ttl(ttl) => put("ttl", json!(ttl)),
                CreateKind::Container => {}
            }
            put("parentCversion", json!(parent_cversion));
            if with_data {
                put("acl", acl::json(acl));
            }
        }
        Txn::SetAcl { acl, version, .. } => {
            put("aversion", json!(version));
            if with_data {
                put("acl", acl::json(acl));
            }
        }
        Txn::SetData { version, .. } | Txn::Reconfig { version, .. } | Txn::Check { version, .. } => {
            put("version", json!(version));
        }
        Txn::Error(code) => put("error", json!(code)),
        Txn::CreateSession { timeout } => put("timeout", json!(timeout)),
        Txn::CloseSession { ephemerals } => put("ephemerals", json!(ephemerals)),
        Txn::Multi(members) => {
            put("members", members.iter().map(|member| Value::Object(fields(member, with_data))).collect());
        }
        Txn::Delete { .. } | Txn::DeleteContainer { .. } => {}
    }
    object
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::{AclTable, Entry, Id};
    use paddock_engine::request::opcode;
    use paddock_engine::txn::{CreateKind, ReadTxn, Txn, TxnHeader};

    use super::{object, text};

    fn read(txn: Txn<'_>) -> ReadTxn<'_> {
        ReadTxn { header: TxnHeader { client: 0x1f, cxid: 2, zxid: 0x30, time: 0 }, txn, digest: Some(255) }
    }

    #[test]
    fn a_transaction_is_told_to_people_and_to_programs() {
        let config = Txn::Reconfig { path: "/zookeeper/config".into(), data: Some(b"version=30"), version: -1 };
        let reconfig = read(config);
        let begin = "0x30 1970-01-01T00:00:00.000Z session 0x1f cxid 0x2 reconfig \"/zookeeper/config\" version -1, ";
        assert_eq!(text(&reconfig, false), format!("{begin}10 bytes"));
        let told = object(&reconfig, true);
        let told = ["type", "path", "data", "version"].map(|name| told[name].to_string());
        assert_eq!(told, ["\"reconfig\"", "\"/zookeeper/config\"", "\"dmVyc2lvbj0zMA==\"", "-1"]);
        let mut acls = AclTable::default();
        let acl = acls.intern(vec![Entry { perms: 9, id: Id { scheme: "digest".into(), id: "pat:hash".into() } }]);
        let kind = CreateKind::Plain { opcode: opcode::CREATE2, ephemeral: true };
        let create = Txn::Create { kind, path: "/a\n".into(), data: Some(b"hush"), acl, parent_cversion: 4 };
        let read = read(Txn::Multi(vec![create, Txn::Error(-2)]));
        let begin = "0x30 1970-01-01T00:00:00.000Z session 0x1f cxid 0x2 multi [create2 \"/a\\n\", ephemeral, ";
        let end = ", parent's cversion 4; error -2]";
        assert_eq!(text(&read, false), format!("{begin}4 bytes{end}"));
        assert_eq!(text(&read, true), format!("{begin}data aHVzaA==, acl digest:pat:hash:rd{end}"));
        let told = object(&read, false);
        assert_eq!(told["digest"], "ff");
        assert_eq!(told["members"][0]["dataLength"], 4);
        assert!(!told.to_string().contains("hash"), "{told}");
        let told = object(&read, true);
        assert_eq!(told["members"][0]["data"], "aHVzaA==");
        assert_eq!(told["members"][0]["acl"][0]["id"], "pat:hash");
        assert_eq!(told["members"][1]["error"], -2);
    }
}
