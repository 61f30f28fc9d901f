//! A znode as readers see it.

use crate::acl::Acl;
use crate::stat::{CONTAINER_OWNER, Stat, WIRE_LENGTH};

use super::children::{ChildNames, ChildPages};
use super::owner::{OwnerKind, TTL_MAX_MS};
use super::record::Record;

/// A znode of one version. A copy is a pointer; everything that it gives borrows from the tree.
#[derive(Clone, Copy)]
pub struct Znode<'a>(pub(super) Record<'a>);

impl<'a> Znode<'a> {
    #[inline]
    pub fn path(&self) -> &'a str {
        self.0.path()
    }

    /// `None` is null data, which is not empty data.
    #[inline]
    pub fn data(&self) -> Option<&'a [u8]> {
        self.0.data()
    }

    /// The body of a getData reply: i32 length (-1 for null), data, shown Stat.
    #[inline]
    pub fn data_and_stat(&self) -> &'a [u8] {
        self.0.body()
    }

    /// The shown Stat, as it goes on the wire.
    #[inline]
    pub fn stat_wire(&self) -> &'a [u8; WIRE_LENGTH] {
        self.0.stat_wire()
    }

    /// The stored Stat.
    pub fn stat(&self) -> Stat {
        self.0.stat()
    }

    #[inline]
    pub fn acl(&self) -> &'a Acl {
        self.0.acl()
    }

    #[inline]
    pub fn num_children(&self) -> u32 {
        self.0.num_children()
    }

    /// Bytes that [`Znode::write_children`] appends.
    pub fn children_bytes(&self) -> usize {
        self.0.children().bytes()
    }

    /// Appends the names of the children as jute strings, without the count of the vector, which is
    /// [`Znode::num_children`].
    pub fn write_children(&self, out: &mut Vec<u8>) {
        out.reserve(self.children_bytes());
        self.child_pages().for_each(|page| out.extend_from_slice(page));
    }

    /// The same bytes in the pieces in which the tree keeps them, each of whole names.
    pub fn child_pages(&self) -> ChildPages<'a> {
        self.0.children().pages()
    }

    /// The names of the children, in no order that means anything.
    pub fn children(&self) -> ChildNames<'a> {
        self.0.children().names()
    }

    /// Whether it goes away with a session. The session is the owner in its Stat.
    #[inline]
    pub fn is_ephemeral(&self) -> bool {
        self.0.shows_owner()
    }

    pub fn owner_kind(&self) -> OwnerKind {
        match self.0.owner() {
            _ if self.is_ephemeral() => OwnerKind::Ephemeral,
            0 => OwnerKind::Persistent,
            CONTAINER_OWNER => OwnerKind::Container,
            owner => OwnerKind::Ttl(owner & TTL_MAX_MS),
        }
    }
}

impl std::fmt::Debug for Znode<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Znode")
            .field("path", &self.path())
            .field("data", &self.data())
            .field("acl", self.acl())
            .field("stat", &self.stat())
            .field("num_children", &self.num_children())
            .finish()
    }
}
