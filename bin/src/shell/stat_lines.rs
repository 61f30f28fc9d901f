//! A Stat as zkCli prints it, and as JSON.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::client::stat::ShownStat;
use crate::date;

pub fn lines(stat: &ShownStat, zone: &TimeZone) -> [String; 11] {
    [
        format!("cZxid = 0x{:x}", stat.czxid),
        format!("ctime = {}", date::java(stat.ctime, zone)),
        format!("mZxid = 0x{:x}", stat.mzxid),
        format!("mtime = {}", date::java(stat.mtime, zone)),
        format!("pZxid = 0x{:x}", stat.pzxid),
        format!("cversion = {}", stat.cversion),
        format!("dataVersion = {}", stat.version),
        format!("aclVersion = {}", stat.aversion),
        format!("ephemeralOwner = 0x{:x}", stat.ephemeral_owner),
        format!("dataLength = {}", stat.data_length),
        format!("numChildren = {}", stat.children),
    ]
}

/// Times in milliseconds since 1970; zxids and sessions in hexadecimal, since not every reader of JSON has 64 bits.
pub fn object(stat: &ShownStat) -> Value {
    json!({
        "cZxid": format!("0x{:x}", stat.czxid),
        "ctime": stat.ctime,
        "mZxid": format!("0x{:x}", stat.mzxid),
        "mtime": stat.mtime,
        "pZxid": format!("0x{:x}", stat.pzxid),
        "cversion": stat.cversion,
        "dataVersion": stat.version,
        "aclVersion": stat.aversion,
        "ephemeralOwner": format!("0x{:x}", stat.ephemeral_owner),
        "dataLength": stat.data_length,
        "numChildren": stat.children,
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{lines, object};
    use crate::client::stat::ShownStat;

    #[test]
    fn a_stat_has_eleven_lines() {
        let stat = ShownStat {
            czxid: 0x7_0000_001f,
            mzxid: 0x7_0000_0022,
            ctime: 1_772_525_645_000,
            mtime: 1_772_525_740_000,
            version: 3,
            cversion: -1,
            aversion: 2,
            ephemeral_owner: -2,
            data_length: 12,
            children: 0,
            pzxid: 0x7_0000_001f,
        };
        let expected = "cZxid = 0x70000001f\n\
                        ctime = Tue Mar 03 08:14:05 UTC 2026\n\
                        mZxid = 0x700000022\n\
                        mtime = Tue Mar 03 08:15:40 UTC 2026\n\
                        pZxid = 0x70000001f\n\
                        cversion = -1\n\
                        dataVersion = 3\n\
                        aclVersion = 2\n\
                        ephemeralOwner = 0xfffffffffffffffe\n\
                        dataLength = 12\n\
                        numChildren = 0";
        assert_eq!(lines(&stat, &TimeZone::UTC).join("\n"), expected);
        assert_eq!(object(&stat)["mZxid"], "0x700000022");
    }
}
