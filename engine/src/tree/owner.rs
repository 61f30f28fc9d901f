//! What a stored ephemeral owner says about the life of its znode.

use crate::stat::CONTAINER_OWNER;

/// The longest time to live, ms: it has 40 bits of the stored owner.
pub const TTL_MAX_MS: i64 = 0xff_ffff_ffff;

/// The upper 24 bits of a TTL owner: the mark of an extended type, then the number of the type, which is 0.
const TTL_MARK: u64 = 0xff0000;

/// What owners may mean beside sessions and containers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExtendedTypes {
    #[default]
    Off,
    /// A time to live.
    On,
    /// The same, also as ZooKeeper 3.5.3 wrote it: every negative owner but a container's.
    Emulate353,
}

/// When a znode goes away by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerKind {
    Persistent,
    /// With the session that owns it.
    Ephemeral,
    /// Some time after its last child.
    Container,
    /// When it has no children and was not written for so many ms.
    Ttl(i64),
}

/// The kind of a stored owner. A TTL is one only where extended types are enabled; without them, and for every mark
/// that ZooKeeper does not define, the znode is an ephemeral. Of the 60 bits that 3.5.3 had, ZooKeeper reads 40.
pub fn owner_kind(owner: i64, extended_types: ExtendedTypes) -> OwnerKind {
    let is_ttl = match extended_types {
        ExtendedTypes::Off => false,
        ExtendedTypes::On => (owner as u64) >> 40 == TTL_MARK,
        ExtendedTypes::Emulate353 => owner < 0,
    };
    match owner {
        0 => OwnerKind::Persistent,
        CONTAINER_OWNER => OwnerKind::Container,
        _ if is_ttl => OwnerKind::Ttl(owner & TTL_MAX_MS),
        _ => OwnerKind::Ephemeral,
    }
}

/// The owner to store for a znode that lives `ttl_ms` after its last change.
///
/// # Panics
/// Outside 1 to [`TTL_MAX_MS`].
pub fn ttl_owner(ttl_ms: i64) -> i64 {
    assert!((1..=TTL_MAX_MS).contains(&ttl_ms), "a time to live of {ttl_ms} ms does not fit its 40 bits");
    (TTL_MARK << 40) as i64 | ttl_ms
}

#[cfg(test)]
mod tests {
    use super::{CONTAINER_OWNER, ExtendedTypes, OwnerKind, TTL_MAX_MS, owner_kind, ttl_owner};

    #[test]
    fn kinds() {
        let session = 0x0100_0000_0000_0001;
        let ttl_353 = |ttl: i64| i64::MIN | ttl;
        for (owner, plain, extended, emulated) in [
            (0, OwnerKind::Persistent, OwnerKind::Persistent, OwnerKind::Persistent),
            (session, OwnerKind::Ephemeral, OwnerKind::Ephemeral, OwnerKind::Ephemeral),
            (-2, OwnerKind::Ephemeral, OwnerKind::Ephemeral, OwnerKind::Ttl(TTL_MAX_MS - 1)),
            (CONTAINER_OWNER, OwnerKind::Container, OwnerKind::Container, OwnerKind::Container),
            (ttl_owner(1), OwnerKind::Ephemeral, OwnerKind::Ttl(1), OwnerKind::Ttl(1)),
            (ttl_owner(TTL_MAX_MS), OwnerKind::Ephemeral, OwnerKind::Ttl(TTL_MAX_MS), OwnerKind::Ttl(TTL_MAX_MS)),
            (ttl_353(7), OwnerKind::Ephemeral, OwnerKind::Ephemeral, OwnerKind::Ttl(7)),
        ] {
            assert_eq!(owner_kind(owner, ExtendedTypes::Off), plain, "{owner:#x}");
            assert_eq!(owner_kind(owner, ExtendedTypes::On), extended, "{owner:#x}");
            assert_eq!(owner_kind(owner, ExtendedTypes::Emulate353), emulated, "{owner:#x}");
        }
        assert_eq!(ttl_owner(1) as u64, 0xff00_0000_0000_0001);
    }
}
