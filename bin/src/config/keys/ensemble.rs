//! The keys of a group of servers: members, election, learners. A standalone server reads the member list and no more: what
//! it passes over then is no mistake, as ZooKeeper's own sample file has initLimit and syncLimit.

use super::super::value::Kind::{Bool, Choice, Number, Path, Port, StrictBool, Text, YesNo};
use super::State::{self, Done, Java, Later, Replaced};
use super::{BYTES, INT, Key, MILLIS, Source, file, from, jvm, optional, property};

const TURNS: State = Replaced("reads and commits are taken in turns of one loop, which has no such pool");
const ONE_LOOP: State = Replaced("no thread waits for another server, so there is none to be relieved");
const NO_DELAY: State = Replaced("what is written to another server is never held back");
const KEEPS: State = Replaced("an observer keeps its transactions and snapshots on its disk, always");
const DIALS: State =
    Replaced("an address that does not answer soon is not waited for: the next one is dialled beside it");
const BY_PIECES: State =
    Replaced("what a learner lacks is sent in pieces as it takes them, so learners need not take turns");
const FROM_LOG: State =
    Replaced("an observer master has what observers lack in its window and its log, as a leader has");
const PACKETS: State = Later("record of the last packets of a learner");

pub(super) const KEYS: &[Key] = &[
    optional("server.*", Source::File, Text, Done),
    optional("group.*", Source::File, Text, Done),
    optional("weight.*", Source::File, Text, Done),
    optional("dynamicConfigFile", Source::File, Path, Done),
    optional("initLimit", Source::File, from(0, "ticks"), Done),
    optional("syncLimit", Source::File, from(0, "ticks"), Done),
    property("connectToLearnerMasterLimit", from(0, "ticks"), "0", Done),
    file("electionAlg", Number { unit: "", min: 3, max: 3 }, "3", Done),
    file("peerType", Choice(&["participant", "observer"]), "participant", Done),
    file("standaloneEnabled", StrictBool, "true", Done),
    file("reconfigEnabled", StrictBool, "false", Done),
    file("quorumListenOnAllIPs", StrictBool, "false", Done),
    file("syncEnabled", StrictBool, "true", KEEPS),
    property("observer.syncEnabled", Bool, "true", KEEPS),
    file("observerMasterPort", Port, "0", Done),
    property("observerMaster.sizeLimit", BYTES, "33554432", FROM_LOG),
    property("observer.reconnectDelayMs", MILLIS, "0", Done),
    property("observer.election.DelayMs", MILLIS, "200", Done),
    property("leaderServes", YesNo { otherwise: true }, "yes", Done),
    property("leader.maxConcurrentSnapSyncs", INT, "10", BY_PIECES),
    property("leader.maxConcurrentDiffSyncs", INT, "100", BY_PIECES),
    property("leader.maxTimeToWaitForEpoch", MILLIS, "-1", Done),
    optional("leader.ackLoggingFrequency", Source::Property, INT, Java),
    property("leader.closeSocketAsync", Bool, "false", ONE_LOOP),
    property("learner.closeSocketAsync", Bool, "false", ONE_LOOP),
    property("learner.asyncSending", Bool, "false", ONE_LOOP),
    jvm("follower.nodelay", Bool, "true", NO_DELAY),
    jvm("leader.nodelay", Bool, "true", NO_DELAY),
    property(
        "leaderConnectDelayDuringRetryMs",
        MILLIS,
        "100",
        Later("choice of the pause between two tries to connect to a leader"),
    ),
    property("cnxTimeout", from(1, "milliseconds"), "5000", Done),
    property("quorumCnxnTimeoutMs", MILLIS, "-1", Later("limit for the silence of an election connection")),
    property("tcpKeepAlive", Bool, "false", Done),
    property("electionPortBindRetry", INT, "3", Done),
    property("fastleader.minNotificationInterval", from(1, "milliseconds"), "200", Done),
    property("fastleader.maxNotificationInterval", from(1, "milliseconds"), "60000", Done),
    property("multiAddress.enabled", StrictBool, "false", Done),
    property("multiAddress.reachabilityCheckEnabled", StrictBool, "true", DIALS),
    property("multiAddress.reachabilityCheckTimeoutMs", MILLIS, "1000", DIALS),
    optional("oraclePath", Source::File, Path, Done),
    optional("quorum.cnxn.threads.size", Source::File, INT, Java),
    property("follower.skipLearnerRequestToNextProcessor", Bool, "false", TURNS),
    property("forward_learner_requests_to_commit_processor_disabled", Bool, "false", TURNS),
    optional("commitProcessor.numWorkerThreads", Source::Property, INT, TURNS),
    optional("commitProcessor.shutdownTimeout", Source::Property, MILLIS, TURNS),
    optional("commitProcessor.maxReadBatchSize", Source::Property, INT, TURNS),
    optional("commitProcessor.maxCommitBatchSize", Source::Property, INT, TURNS),
    property("messageTracker.Enabled", Bool, "false", PACKETS),
    property("messageTracker.BufferSize", INT, "10", PACKETS),
];
