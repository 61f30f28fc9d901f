//! The head, and over it what earlier members of the same multi will do.

use std::collections::HashMap;

use crate::acl::Acl;
use crate::error::Code;
use crate::path;
use crate::quota::Difference;
use crate::stat::{CONTAINER_OWNER, Stat};
use crate::tree::{ExtendedTypes, OwnerKind, Tree, owner_kind, ttl_owner};
use crate::txn::{CreateKind, Txn, TxnHeader};

/// What the checks look at of a znode.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) stat: Stat,
    pub(super) owner: OwnerKind,
    pub(super) children: u32,
    pub(super) data_bytes: usize,
    pub(super) acl: Acl,
}

pub(super) struct Outlook<'t> {
    tree: &'t Tree,
    extended_types: ExtendedTypes,
    /// Of the transaction that is being made.
    header: TxnHeader,
    /// The znodes that earlier members touch; `None` is one that they delete.
    changed: HashMap<String, Option<Node>>,
}

impl<'t> Outlook<'t> {
    pub(super) fn new(tree: &'t Tree, extended_types: ExtendedTypes, header: TxnHeader) -> Outlook<'t> {
        Outlook { tree, extended_types, header, changed: HashMap::new() }
    }

    pub(super) fn extended_types(&self) -> ExtendedTypes {
        self.extended_types
    }

    /// How many znodes earlier members touch.
    pub(super) fn changed(&self) -> usize {
        self.changed.len()
    }

    pub(super) fn node(&self, path: &str) -> Option<Node> {
        if !self.changed.is_empty()
            && let Some(changed) = self.changed.get(path)
        {
            return changed.clone();
        }
        let znode = self.tree.get(path)?;
        Some(Node {
            stat: znode.stat(),
            owner: znode.owner_kind(),
            children: znode.num_children(),
            data_bytes: znode.data().map_or(0, <[u8]>::len),
            acl: znode.acl().clone(),
        })
    }

    pub(super) fn existing(&self, path: &str) -> Result<Node, Code> {
        self.node(path).ok_or(Code::NoNode)
    }

    /// The paths of a znode and of all below it, children before their parents; none if it is not there. `None` if there
    /// are more than `limit`.
    pub(super) fn subtree(&self, top: &str, limit: usize) -> Option<Vec<String>> {
        let mut found: Vec<String> = self.node(top).map(|_| top.to_owned()).into_iter().collect();
        let mut at = 0;
        while at < found.len() && found.len() <= limit {
            let parent = found[at].clone();
            let names = self.tree.get(&parent).into_iter().flat_map(|znode| znode.children());
            let paths = names.map(|name| format!("{}/{name}", parent.trim_end_matches('/')));
            // One more than allowed is enough to know.
            let room = limit + 1 - found.len();
            found.extend(paths.filter(|path| !matches!(self.changed.get(path), Some(None))).take(room));
            at += 1;
        }
        let below = format!("{}/", top.trim_end_matches('/'));
        let created = self.changed.iter().filter(|(_, node)| node.is_some()).map(|(path, _)| path);
        let is_new = |path: &&String| path.starts_with(&below) && self.tree.get(path).is_none();
        found.extend(created.filter(is_new).cloned());
        if found.len() > limit {
            return None;
        }
        // A child's path is longer than its parent's.
        found.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Some(found)
    }

    /// Lets later members see what this one will do. Returns what it adds to what is used, and where.
    pub(super) fn foresee<'x>(&mut self, txn: &'x Txn<'_>) -> Option<(&'x str, Difference)> {
        let TxnHeader { zxid, time, .. } = self.header;
        match txn {
            Txn::Create { kind, path, data, acl, parent_cversion } => {
                let data_bytes = data.map_or(0, <[u8]>::len);
                let node = self.new_node(*kind, data_bytes, acl);
                self.changed.insert(path.to_string(), Some(node));
                self.change_parent(path, |parent| {
                    parent.children += 1;
                    (parent.stat.cversion, parent.stat.pzxid) = (*parent_cversion, zxid);
                });
                Some((path, Difference::creation(data_bytes)))
            }
            Txn::Delete { path } => {
                let bytes = self.node(path).map_or(0, |node| node.data_bytes);
                self.changed.insert(path.to_string(), None);
                self.change_parent(path, |parent| {
                    parent.children -= 1;
                    parent.stat.pzxid = zxid;
                });
                Some((path, Difference::deletion(bytes)))
            }
            Txn::SetData { path, data, version } => {
                let after = data.map_or(0, <[u8]>::len);
                let before = self.node(path).map_or(0, |node| node.data_bytes);
                self.change(path, |node| {
                    node.data_bytes = after;
                    (node.stat.version, node.stat.mzxid, node.stat.mtime) = (*version, zxid, time);
                });
                Some((path, Difference::rewriting(before, after)))
            }
            _ => None,
        }
    }

    fn new_node(&self, kind: CreateKind, data_bytes: usize, acl: &Acl) -> Node {
        let TxnHeader { client, zxid, time, .. } = self.header;
        let ephemeral_owner = match kind {
            CreateKind::Plain { ephemeral: true, .. } => client,
            CreateKind::Plain { .. } => 0,
            CreateKind::Container => CONTAINER_OWNER,
            CreateKind::Ttl(ttl) => ttl_owner(ttl),
        };
        let stat = Stat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time,
            mtime: time,
            ephemeral_owner,
            ..Stat::default()
        };
        let owner = owner_kind(ephemeral_owner, self.extended_types);
        Node { stat, owner, children: 0, data_bytes, acl: acl.clone() }
    }

    fn change_parent(&mut self, path: &str, change: impl FnOnce(&mut Node)) {
        if let Some((parent, _)) = path::split(path) {
            self.change(parent, change);
        }
    }

    fn change(&mut self, path: &str, change: impl FnOnce(&mut Node)) {
        if let Some(mut node) = self.node(path) {
            change(&mut node);
            self.changed.insert(path.to_owned(), Some(node));
        }
    }
}
