//! The errors that a reply tells of, by their numbers, in the words of ZooKeeper's Java client.

pub const OK: i32 = 0;
pub const CONNECTION_LOSS: i32 = -4;
pub const BAD_ARGUMENTS: i32 = -8;
pub const UNKNOWN_SESSION: i32 = -12;
pub const NEW_CONFIG_NO_QUORUM: i32 = -13;
pub const RECONFIG_IN_PROGRESS: i32 = -14;
pub const NO_NODE: i32 = -101;
pub const NO_AUTH: i32 = -102;
pub const BAD_VERSION: i32 = -103;
pub const NO_CHILDREN_FOR_EPHEMERALS: i32 = -108;
pub const NODE_EXISTS: i32 = -110;
pub const NOT_EMPTY: i32 = -111;
pub const SESSION_EXPIRED: i32 = -112;
pub const INVALID_ACL: i32 = -114;
pub const AUTH_FAILED: i32 = -115;
pub const NOT_READ_ONLY: i32 = -119;
pub const EPHEMERAL_ON_LOCAL_SESSION: i32 = -120;
pub const NO_WATCHER: i32 = -121;
pub const REQUEST_TIMEOUT: i32 = -122;
pub const QUOTA_EXCEEDED: i32 = -125;

/// What the Java client calls it, where it has a name for it.
fn name(code: i32) -> Option<&'static str> {
    Some(match code {
        OK => "ok",
        -1 => "SystemError",
        -2 => "RuntimeInconsistency",
        -3 => "DataInconsistency",
        CONNECTION_LOSS => "ConnectionLoss",
        -5 => "MarshallingError",
        -6 => "Unimplemented",
        -7 => "OperationTimeout",
        BAD_ARGUMENTS => "BadArguments",
        NEW_CONFIG_NO_QUORUM => "NewConfigNoQuorum",
        RECONFIG_IN_PROGRESS => "ReconfigInProgress",
        -100 => "APIError",
        NO_NODE => "NoNode",
        NO_AUTH => "NoAuth",
        BAD_VERSION => "BadVersion",
        NO_CHILDREN_FOR_EPHEMERALS => "NoChildrenForEphemerals",
        NODE_EXISTS => "NodeExists",
        NOT_EMPTY => "Directory not empty",
        SESSION_EXPIRED => "Session expired",
        -113 => "Invalid callback",
        INVALID_ACL => "InvalidACL",
        AUTH_FAILED => "AuthFailed",
        -118 => "Session moved",
        NOT_READ_ONLY => "Not a read-only call",
        EPHEMERAL_ON_LOCAL_SESSION => "Ephemeral node on local session",
        NO_WATCHER => "No such watcher",
        REQUEST_TIMEOUT => "Unknown error REQUESTTIMEOUT",
        -123 => "Reconfig is disabled",
        -124 => "Session closed because client failed to authenticate",
        QUOTA_EXCEEDED => "Quota has exceeded",
        -127 => "Op throttled due to high load",
        _ => return None,
    })
}

/// The text of the Java client's exception for it, and for which path.
pub fn message(code: i32, path: Option<&str>) -> String {
    match (name(code), path.filter(|path| !path.is_empty())) {
        (Some(name), Some(path)) => format!("KeeperErrorCode = {name} for {path}"),
        (Some(name), None) => format!("KeeperErrorCode = {name}"),
        (None, _) if code == UNKNOWN_SESSION => format!("Invalid exception code:{code}"),
        (None, _) => format!("The current client version cannot lookup this code:{code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn codes_have_the_java_clients_words() {
        assert_eq!(message(-4, Some("/a")), "KeeperErrorCode = ConnectionLoss for /a");
        assert_eq!(message(-4, None), "KeeperErrorCode = ConnectionLoss");
        assert_eq!(message(-123, Some("")), "KeeperErrorCode = Reconfig is disabled");
        assert_eq!(message(-12, None), "Invalid exception code:-12");
        assert_eq!(message(-999, Some("/a")), "The current client version cannot lookup this code:-999");
    }
}
