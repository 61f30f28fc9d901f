//! The keys of one server: core, clients and throttling, storage, caches and background tasks, and Paddock's own.

use super::super::value::Kind::{
    self, Bool, Choice, Decimal, Host, Interval, Number, Path, Port, StrictBool, Text, YesNo,
};
use super::State::{self, Client, Done, Java, Later, Replaced};
use super::{BYTES, INT, KIBIBYTES, Key, MILLIS, Source, file, from, jvm, optional, property};

/// More reactors than this do not help one replica.
pub const REACTORS_MAX: usize = 64;

const STALLING: State = Replaced("a server that throttles requests goes on as soon as one is answered");
const ONE_LISTENER: State = Replaced("one native listener takes the place of ZooKeeper's NIO and Netty ones");
const REACTORS: State = Replaced("reactors, one per core but one, do the work of these threads, see paddock.reactors");
const FLOW_CONTROL: State = Replaced("a connection whose replies are not read is not read either, always");
const GROUP_COMMIT: State = Replaced("what arrives while the disk is busy is written as one group, without a delay");
const READY_REPLIES: State = Replaced("znodes are kept as their replies are sent, so there is no cache of replies");
const WATCH_TABLES: State = Replaced("watches live in the reactors' own tables, which need no cleaner");
const ONE_CHECK: State = Replaced("a request is checked once, where its transaction is made");
const WINDOW: State = Replaced("a learner is brought what it lacks from the log as long as the log has it");
const PATH_STATS: State = Later("statistics of paths");
/// Not less than the longest reply to one multiRead by default.
const CONNECTIONS_BYTES: Kind = Number { unit: "bytes", min: 16 << 20, max: 1 << 40 };
const LOG_FILES: State = Replaced(
    "this server's logs are not the Java server's and have settings of their own, paddock.log.* and paddock.audit.*",
);
/// Of one file of a log of words. It holds some of the longest lines.
const RESTORE_BYTES: Kind = Number { unit: "bytes", min: 1 << 20, max: 1 << 50 };
const LOG_BYTES: Kind = Number { unit: "bytes", min: 64 << 10, max: 1 << 40 };
const FORMER_FILES: Kind = Number { unit: "files", min: 0, max: 1000 };

pub(super) const KEYS: &[Key] = &[
    // Core
    optional("dataDir", Source::File, Path, Done),
    optional("dataLogDir", Source::File, Path, Done),
    optional("clientPort", Source::File, Port, Done),
    optional("clientPortAddress", Source::File, Host, Done),
    optional("secureClientPort", Source::File, Port, Done),
    optional("secureClientPortAddress", Source::File, Host, Done),
    file("clientPortListenBacklog", INT, "-1", Done),
    file("tickTime", from(1, "milliseconds"), "3000", Done),
    file("maxClientCnxns", INT, "60", Done),
    property("maxCnxns", INT, "0", Done),
    file("minSessionTimeout", from(-1, "milliseconds"), "-1", Done),
    file("maxSessionTimeout", from(-1, "milliseconds"), "-1", Done),
    file("localSessionsEnabled", StrictBool, "false", Done),
    file("localSessionsUpgradingEnabled", StrictBool, "false", Done),
    jvm("readonlymode.enabled", Bool, "false", Done),
    file("autopurge.snapRetainCount", INT, "3", Done),
    file("autopurge.purgeInterval", Interval, "0", Done),
    jvm("jute.maxbuffer", from(1, "bytes"), "1048575", Done),
    optional("jute.maxbuffer.extrasize", Source::Property, BYTES, Done),
    property("extendedTypesEnabled", Bool, "false", Done),
    property("emulate353TTLNodes", Bool, "false", Done),
    optional("serverCnxnFactory", Source::Property, Text, ONE_LISTENER),
    property("skipACL", YesNo { otherwise: false }, "no", Done),
    property("enableEagerACLCheck", Bool, "false", ONE_CHECK),
    property("digest.enabled", Bool, "true", Later("switch for the tree's digest")),
    property("snapshot.trust.empty", Bool, "false", Done),
    property("datadir.autocreate", Bool, "true", Done),
    property("db.autocreate", Bool, "true", Done),
    // Clients and throttling
    property("clientTcpKeepAlive", Bool, "false", Done),
    property("globalOutstandingLimit", INT, "8192", Done),
    property("connection_throttle_tokens", from(0, ""), "0", Done),
    property("connection_throttle_fill_time", from(1, "milliseconds"), "1", Done),
    property("connection_throttle_fill_count", from(0, ""), "1", Done),
    property("connection_throttle_freeze_time", from(-1, "milliseconds"), "-1", Done),
    property("connection_throttle_drop_increase", Decimal, "0.02", Done),
    property("connection_throttle_drop_decrease", Decimal, "0.002", Done),
    property("connection_throttle_decrease_ratio", Decimal, "0", Done),
    property("connection_throttle_weight_enabled", Bool, "false", Done),
    property("connection_throttle_global_session_weight", INT, "3", Done),
    property("connection_throttle_renew_session_weight", INT, "2", Done),
    property("connection_throttle_local_session_weight", INT, "1", Done),
    property("request_throttle_max_requests", INT, "0", Done),
    property("request_throttle_stall_time", MILLIS, "100", STALLING),
    property("request_throttle_drop_stale", Bool, "true", Done),
    property("request_stale_latency_check", Bool, "false", Done),
    property("request_stale_connection_check", Bool, "true", Done),
    property("request_throttler.shutdownTimeout", MILLIS, "10000", STALLING),
    property("throttled_op_wait_time", MILLIS, "0", Done),
    property("largeRequestMaxBytes", BYTES, "104857600", Done),
    property("largeRequestThreshold", BYTES, "-1", Done),
    optional("nio.numSelectorThreads", Source::Property, INT, REACTORS),
    optional("nio.numWorkerThreads", Source::Property, INT, REACTORS),
    optional("nio.directBufferBytes", Source::Property, BYTES, Java),
    optional("nio.shutdownTimeout", Source::Property, MILLIS, REACTORS),
    property("nio.sessionlessCnxnTimeout", from(1, "milliseconds"), "10000", Done),
    optional("netty.advancedFlowControl.enabled", Source::Property, Bool, FLOW_CONTROL),
    property("netty.server.outstandingHandshake.limit", INT, "-1", Done),
    property("netty.server.earlyDropSecureConnectionHandshakes", Bool, "false", Done),
    optional("shuffleDnsResponse", Source::Property, Text, Client),
    optional("hostProvider.dnsSrvRefreshIntervalSeconds", Source::Property, Text, Client),
    optional("request.timeout", Source::Property, Text, Client),
    optional("sasl.client", Source::Property, Text, Client),
    optional("sasl.client.*", Source::Property, Text, Client),
    optional("sasl.clientconfig", Source::Property, Text, Client),
    optional("server.principal", Source::Property, Text, Client),
    optional("server.realm", Source::Property, Text, Client),
    optional("client.secure", Source::Property, Text, Client),
    optional("clientCnxnSocket", Source::Property, Text, Client),
    optional("disableAutoWatchReset", Source::Property, Text, Client),
    // Storage
    property("preAllocSize", KIBIBYTES, "65536", Done),
    property("snapCount", INT, "100000", Done),
    property("snapSizeLimitInKb", KIBIBYTES, "4194304", Done),
    property("txnLogSizeLimitInKb", KIBIBYTES, "-1", Later("limit for the size of a log file")),
    property("commitLogCount", INT, "500", Done),
    property("snapshotSizeFactor", Decimal, "0.33", WINDOW),
    property("snapshot.compression.method", Choice(&["", "gz", "snappy"]), "", Later("compression of snapshots")),
    property(
        "serializeLastProcessedZxid.enabled",
        Bool,
        "true",
        Replaced("a snapshot is exact at one zxid and always says which"),
    ),
    property("forceSync", YesNo { otherwise: true }, "yes", Done),
    property("fsync.warningthresholdms", from(0, "milliseconds"), "1000", Done),
    optional("flushDelay", Source::Property, MILLIS, GROUP_COMMIT),
    optional("maxWriteQueuePollTime", Source::Property, MILLIS, GROUP_COMMIT),
    optional("maxBatchSize", Source::Property, INT, GROUP_COMMIT),
    property("closeSessionTxn.enabled", Bool, "true", Later("switch for the list of ephemerals in a closeSession")),
    property("forceSnapshotSync", Bool, "false", Done),
    property("enforceQuota", Bool, "false", Done),
    optional("testingonly.initialZxid", Source::Property, Text, Java),
    optional("test.allowDiscontinuousProposals", Source::Property, Text, Java),
    optional("intBufferStartingSizeBytes", Source::Property, from(32, "bytes"), Java),
    // Caches, watches, background tasks
    optional("maxResponseCacheSize", Source::Property, INT, READY_REPLIES),
    optional("maxGetChildrenResponseCacheSize", Source::Property, INT, READY_REPLIES),
    optional("watchManagerName", Source::Property, Text, WATCH_TABLES),
    optional("watcherCleanThreadsNum", Source::Property, INT, WATCH_TABLES),
    optional("watcherCleanThreshold", Source::Property, INT, WATCH_TABLES),
    optional("watcherCleanIntervalInSeconds", Source::Property, INT, WATCH_TABLES),
    optional("maxInProcessingDeadWatchers", Source::Property, INT, WATCH_TABLES),
    optional("bitHashCacheSize", Source::Property, INT, WATCH_TABLES),
    jvm("znode.container.checkIntervalMs", from(1, "milliseconds"), "60000", Done),
    jvm("znode.container.maxPerMinute", from(1, ""), "10000", Done),
    jvm("znode.container.maxNeverUsedIntervalMs", from(0, "milliseconds"), "0", Done),
    property("pathStats.enabled", Bool, "false", PATH_STATS),
    property("pathStats.slotCapacity", INT, "60", PATH_STATS),
    property("pathStats.slotDuration", INT, "15", PATH_STATS),
    property("pathStats.maxDepth", INT, "6", PATH_STATS),
    property("pathStats.sampleRate", Decimal, "0.1", PATH_STATS),
    property("pathStats.initialDelay", INT, "5", PATH_STATS),
    property("pathStats.delay", INT, "5", PATH_STATS),
    property("pathStats.topPathMax", INT, "20", PATH_STATS),
    // The Java server's logging
    optional("root.logger", Source::Property, Text, LOG_FILES),
    optional("console.threshold", Source::Property, Text, LOG_FILES),
    optional("log.*", Source::Property, Text, LOG_FILES),
    optional("tracelog.*", Source::Property, Text, LOG_FILES),
    optional("auditlog.*", Source::Property, Text, LOG_FILES),
    // Paddock's own
    property("paddock.convert", YesNo { otherwise: false }, "no", Done),
    property("paddock.standalone.localSessions", Bool, "false", Done),
    property("paddock.ensemble.features", Bool, "true", Done),
    property("paddock.ensemble.renewFrom", Number { unit: "zxids", min: 1, max: 0xffff_f000 }, "4294963200", Done),
    optional("paddock.ssl.crlFile", Source::Property, Path, Done),
    property("paddock.slowRequestMillis", from(0, "milliseconds"), "0", Done),
    property("paddock.connections.maxBytes", CONNECTIONS_BYTES, "536870912", Done),
    optional("paddock.reactors", Source::Property, Number { unit: "", min: 0, max: REACTORS_MAX as i64 }, Done),
    optional("paddock.backup.dir", Source::Property, Path, Done),
    property("paddock.backup.interval", from(1, "seconds"), "86400", Done),
    property("paddock.backup.keep", from(1, "backups"), "7", Done),
    property("paddock.io.method", Choice(&["auto", "ring", "thread"]), "auto", Done),
    property("paddock.io.depth", Number { unit: "groups in flight", min: 1, max: 64 }, "2", Done),
    optional("paddock.log.level", Source::Property, Text, Done),
    optional("paddock.log.file", Source::Property, Path, Done),
    property("paddock.log.maxBytes", LOG_BYTES, "268435456", Done),
    property("paddock.log.files", FORMER_FILES, "20", Done),
    property("paddock.log.format", Choice(&["text", "json"]), "text", Done),
    optional("paddock.audit.file", Source::Property, Path, Done),
    property("paddock.audit.maxBytes", LOG_BYTES, "10485760", Done),
    property("paddock.audit.files", FORMER_FILES, "10", Done),
    property("paddock.audit.whenFull", Choice(&["wait", "drop"]), "wait", Done),
    property("paddock.restore.maxBytes", RESTORE_BYTES, "17179869184", Done),
    property("paddock.console.enable", Bool, "true", Done),
    property("paddock.console.edit", Bool, "false", Done),
    optional("paddock.console.hosts", Source::Property, Text, Done),
];
