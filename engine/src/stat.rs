//! The Stat of a znode, as it is stored and as it is shown.

/// Length of a shown Stat on the wire, bytes.
pub const WIRE_LENGTH: usize = 68;

/// The owner that marks a container.
pub const CONTAINER_OWNER: i64 = i64::MIN;

/// What a znode remembers beside its data and ACL. Clients see some of it changed: see [`Stat::to_wire`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stat {
    /// zxid of the creation.
    pub czxid: i64,
    /// zxid of the last change of the data.
    pub mzxid: i64,
    /// Wall clock of the creation, ms.
    pub ctime: i64,
    /// Wall clock of the last change of the data, ms.
    pub mtime: i64,
    /// Changes of the data.
    pub version: i32,
    /// Children ever created. Clients are shown twice this less the children there are.
    pub cversion: i32,
    /// Changes of the ACL.
    pub aversion: i32,
    /// 0, the session of an ephemeral, or the mark of a container or a TTL node.
    pub ephemeral_owner: i64,
    /// zxid of the last creation or deletion of a child.
    pub pzxid: i64,
}

impl Stat {
    /// The shown Stat: `data_length` is 0 for null data, `children` their present number, and `ephemeral_owner` is
    /// shown only where `is_ephemeral`.
    pub fn to_wire(&self, data_length: usize, children: u32, is_ephemeral: bool) -> [u8; WIRE_LENGTH] {
        let shown_cversion = self.cversion.wrapping_mul(2).wrapping_sub(children as i32);
        let mut wire = [0; WIRE_LENGTH];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            wire[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.czxid.to_be_bytes());
        put(&self.mzxid.to_be_bytes());
        put(&self.ctime.to_be_bytes());
        put(&self.mtime.to_be_bytes());
        put(&self.version.to_be_bytes());
        put(&shown_cversion.to_be_bytes());
        put(&self.aversion.to_be_bytes());
        put(&(if is_ephemeral { self.ephemeral_owner } else { 0 }).to_be_bytes());
        put(&(data_length as i32).to_be_bytes());
        put(&(children as i32).to_be_bytes());
        put(&self.pzxid.to_be_bytes());
        wire
    }

    /// The 60 bytes that ZooKeeper's tree digest covers. The order is the digest's own: `pzxid` stands third.
    pub fn to_digest_input(&self) -> [u8; 60] {
        let mut bytes = [0; 60];
        bytes[0..8].copy_from_slice(&self.czxid.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.mzxid.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.pzxid.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.ctime.to_be_bytes());
        bytes[32..40].copy_from_slice(&self.mtime.to_be_bytes());
        bytes[40..44].copy_from_slice(&self.version.to_be_bytes());
        bytes[44..48].copy_from_slice(&self.cversion.to_be_bytes());
        bytes[48..52].copy_from_slice(&self.aversion.to_be_bytes());
        bytes[52..60].copy_from_slice(&self.ephemeral_owner.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[test]
    fn shown_cversion_counts_creations_and_deletions() {
        let stat = Stat { cversion: 3, pzxid: 9, ephemeral_owner: 7, ..Stat::default() };
        let wire = stat.to_wire(4, 1, false);
        assert_eq!(wire[36..40], 5i32.to_be_bytes());
        assert_eq!(wire[44..52], 0i64.to_be_bytes());
        assert_eq!(wire[52..56], 4i32.to_be_bytes());
        assert_eq!(wire[56..60], 1i32.to_be_bytes());
        assert_eq!(wire[60..68], 9i64.to_be_bytes());
        assert_eq!(stat.to_wire(0, 1, true)[44..52], 7i64.to_be_bytes());
    }
}
