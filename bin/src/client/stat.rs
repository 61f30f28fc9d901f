//! The Stat of a znode as a client is shown it.

use paddock_engine::jute::{Malformed, Reader};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShownStat {
    pub czxid: i64,
    pub mzxid: i64,
    /// Wall clock, ms.
    pub ctime: i64,
    /// Wall clock, ms.
    pub mtime: i64,
    pub version: i32,
    pub cversion: i32,
    pub aversion: i32,
    /// The session of an ephemeral, 0 of any other.
    pub ephemeral_owner: i64,
    /// Bytes.
    pub data_length: i32,
    pub children: i32,
    pub pzxid: i64,
}

impl ShownStat {
    pub fn read(reader: &mut Reader<'_>) -> Result<ShownStat, Malformed> {
        Ok(ShownStat {
            czxid: reader.i64()?,
            mzxid: reader.i64()?,
            ctime: reader.i64()?,
            mtime: reader.i64()?,
            version: reader.i32()?,
            cversion: reader.i32()?,
            aversion: reader.i32()?,
            ephemeral_owner: reader.i64()?,
            data_length: reader.i32()?,
            children: reader.i32()?,
            pzxid: reader.i64()?,
        })
    }

    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral_owner != 0
    }
}

#[cfg(test)]
mod tests {
    use paddock_engine::jute::Reader;
    use paddock_engine::stat::Stat;

    use super::ShownStat;

    #[test]
    fn what_a_server_writes_is_read() {
        let stored =
            Stat { czxid: 1, mzxid: 2, ctime: 3, mtime: 4, version: 5, aversion: 7, pzxid: 8, ..Stat::default() };
        let stored = Stat { cversion: 6, ephemeral_owner: 9, ..stored };
        let wire = stored.to_wire(10, 2, true);
        let stat = ShownStat::read(&mut Reader::new(&wire)).expect("it is whole");
        let expected = ShownStat { czxid: 1, mzxid: 2, ctime: 3, mtime: 4, version: 5, cversion: 10, ..stat };
        assert_eq!(
            stat,
            ShownStat { aversion: 7, ephemeral_owner: 9, data_length: 10, children: 2, pzxid: 8, ..expected }
        );
        assert!(stat.is_ephemeral());
        assert!(ShownStat::read(&mut Reader::new(&wire[1..])).is_err());
    }
}
