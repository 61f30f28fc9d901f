//! A snapshot as ZooKeeper writes it, put together field by field: while the tree changes, and as other versions do it.

use std::collections::HashMap;
use std::path::Path;

use paddock_consensus::Zxid;
use paddock_engine::acl::{self, Acl};
use paddock_engine::database::Database;
use paddock_engine::jute::Write;
use paddock_engine::tree::Znode;
use paddock_engine::txn::DIGEST_VERSION;
use paddock_engine::zookeeper::{Compression, OutputArchive, SnapshotFile};

pub struct RawSnapshot {
    archive: OutputArchive<Vec<u8>>,
    acls: HashMap<String, i64>,
    /// Paths that are still to be written, the next one last, without the root's slash.
    ahead: Vec<String>,
}

impl RawSnapshot {
    /// Header, sessions and ACLs, as they are now.
    pub fn begin(database: &Database) -> RawSnapshot {
        let mut archive = OutputArchive::new(Vec::new());
        let mut acls = HashMap::new();
        let mut lists: Vec<Acl> = Vec::new();
        database.tree().for_each(|znode| {
            let next = lists.len() as i64 + 1;
            acls.entry(format!("{:?}", znode.acl())).or_insert_with(|| {
                lists.push(znode.acl().clone());
                next
            });
        });
        archive
            .put(|out| {
                out.extend_from_slice(b"ZKSN\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff");
                out.put_i32(database.sessions().len() as i32);
                for (session, timeout) in database.sessions() {
                    out.put_i64(session);
                    out.put_i32(timeout);
                }
                out.put_i32(lists.len() as i32);
                for (number, list) in (1..).zip(&lists) {
                    out.put_i64(number);
                    acl::write(list, out);
                }
            })
            .unwrap();
        RawSnapshot { archive, acls, ahead: vec![String::new()] }
    }

    /// Writes the next znode as it is now, if it is still there, and remembers its children of this moment. `false` when
    /// all are written.
    pub fn step(&mut self, database: &Database) -> bool {
        let Some(path) = self.ahead.pop() else { return false };
        if let Some(znode) = database.tree().get(&path) {
            self.znode(&path, znode);
            let mut children: Vec<&str> = znode.children().collect();
            children.sort_unstable();
            self.ahead.extend(children.iter().rev().map(|name| format!("{path}/{name}")));
        }
        true
    }

    pub fn znode(&mut self, path: &str, znode: Znode<'_>) {
        let next = self.acls.len() as i64 + 1;
        let number = *self.acls.entry(format!("{:?}", znode.acl())).or_insert(next);
        self.znode_with(path, znode, number);
    }

    pub fn znode_with(&mut self, path: &str, znode: Znode<'_>, acl: i64) {
        let stat = znode.stat();
        self.put(|out| {
            out.put_string(path);
            out.put_buffer(znode.data());
            out.put_i64(acl);
            for long in [stat.czxid, stat.mzxid, stat.ctime, stat.mtime] {
                out.put_i64(long);
            }
            for int in [stat.version, stat.cversion, stat.aversion] {
                out.put_i32(int);
            }
            out.put_i64(stat.ephemeral_owner);
            out.put_i64(stat.pzxid);
        });
    }

    pub fn put(&mut self, fields: impl FnOnce(&mut Vec<u8>)) {
        self.archive.put(fields).unwrap();
    }

    pub fn seal(&mut self) {
        let checksum = self.archive.checksum().unwrap();
        self.put(|out| {
            out.put_i64(i64::from(checksum));
            out.put_string("/");
        });
    }

    /// All znodes that are left, the terminator and the first seal: the whole file of a 3.5.
    pub fn end(&mut self, database: &Database) {
        while self.step(database) {}
        self.put(|out| out.put_string("/"));
        self.seal();
    }

    pub fn digest(&mut self, zxid: Zxid, digest: u64) {
        self.put(|out| {
            out.put_i64(zxid.0);
            out.put_i32(DIGEST_VERSION);
            out.put_i64(digest as i64);
        });
        self.seal();
    }

    pub fn last_zxid(&mut self, zxid: Zxid) {
        self.put(|out| out.put_i64(zxid.0));
        self.seal();
    }

    pub fn bytes(self) -> Vec<u8> {
        self.archive.finish().unwrap()
    }

    pub fn write(self, directory: &Path, zxid: Zxid) {
        std::fs::write(directory.join(SnapshotFile::name(zxid, Compression::None)), self.bytes()).unwrap();
    }
}
