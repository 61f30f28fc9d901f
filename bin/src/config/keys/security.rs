//! The keys of authentication, access control, TLS, administration, metrics and auditing.

use paddock_engine::acl::DigestAlgorithm;

use super::super::value::Kind::{Bool, Choice, Host, Path, Port, StrictBool, Text, UnlessFalse};
use super::State::{self, Done, Java, Later, Replaced};
use super::{Key, MILLIS, Source, file, from, optional, property};

const DETECTION: State = Replaced(
    "a client has nio.sessionlessCnxnTimeout for its handshakes, as in ZooKeeper, where the key is for servers",
);
const RELOAD: State =
    Replaced("stores are always read again when they change, as ZooKeeper's Netty reads them for each connection");
const AS_WRITTEN: State =
    Replaced("names of hosts are taken as they are written, and no name service is asked for another");
/// What ZooKeeper's thread does between a ticket's beginning and its end.
const TICKETS: State = Replaced("keys are read and tickets had whenever they are needed");
const FIRST_BYTE: State = Replaced("a server that connects has as long as one that says who it is");
const STALLS: State = Replaced("there is no collector that pauses the process");

pub(super) const KEYS: &[Key] = &[
    // Authentication and access control. Classes of `authProvider.*` are checked where they are read.
    optional("authProvider.*", Source::Property, Text, Done),
    property("ssl.authProvider", Text, "x509", Done),
    property("DigestAuthenticationProvider.enabled", Bool, "true", Done),
    property("DigestAuthenticationProvider.digestAlg", Choice(&DigestAlgorithm::NAMES), "SHA1", Done),
    optional("DigestAuthenticationProvider.superDigest", Source::Property, Text, Done),
    optional("paddock.superDigestPath", Source::Property, Path, Done),
    optional("X509AuthenticationProvider.superUser", Source::Property, Text, Done),
    optional("superUser", Source::Property, Text, Done),
    optional("superUser.*", Source::Property, Text, Done),
    optional("SASLAuthenticationProvider.superPassword", Source::Property, Text, Done),
    property("IPAuthenticationProvider.usexforwardedfor", Bool, "false", Done),
    optional("ensembleAuthName", Source::Property, Text, Done),
    property("enforce.auth.enabled", Bool, "false", Done),
    optional("enforce.auth.schemes", Source::Property, Text, Done),
    property("sessionRequireClientSASLAuth", Bool, "false", Done),
    property("allowSaslFailedClients", Bool, "false", Done),
    optional("letAnySaslUserDoX", Source::Property, Text, Done),
    property("requireKerberosConfig", Bool, "false", Done),
    optional("kinit", Source::Property, Text, Java),
    property("kerberos.minReLoginTimeMs", MILLIS, "60000", TICKETS),
    property("kerberos.removeHostFromPrincipal", Bool, "false", Done),
    property("kerberos.removeRealmFromPrincipal", Bool, "false", Done),
    property("kerberos.canonicalizeHostNames", Bool, "false", AS_WRITTEN),
    property("security.auth_to_local", Text, "DEFAULT", Done),
    property("sasl.serverconfig", Text, "Server", Done),
    optional("java.security.auth.login.config", Source::Jvm, Text, Done),
    optional("java.security.krb5.conf", Source::Jvm, Text, Done),
    property("fips-mode", Bool, "true", Done),
    file("quorum.auth.enableSasl", StrictBool, "false", Done),
    file("quorum.auth.learnerRequireSasl", StrictBool, "false", Done),
    file("quorum.auth.serverRequireSasl", StrictBool, "false", Done),
    file("quorum.auth.learner.saslLoginContext", Text, "QuorumLearner", Done),
    file("quorum.auth.server.saslLoginContext", Text, "QuorumServer", Done),
    file("quorum.auth.kerberos.servicePrincipal", Text, "zkquorum/localhost", Done),
    // TLS of the client listener
    property("client.portUnification", Bool, "false", Done),
    property("client.certReload", Bool, "false", RELOAD),
    optional("ssl.keyStore.location", Source::Property, Text, Done),
    optional("ssl.keyStore.password", Source::Property, Text, Done),
    optional("ssl.keyStore.passwordPath", Source::Property, Text, Done),
    optional("ssl.keyStore.type", Source::Property, Text, Done),
    optional("ssl.trustStore.location", Source::Property, Text, Done),
    optional("ssl.trustStore.password", Source::Property, Text, Done),
    optional("ssl.trustStore.passwordPath", Source::Property, Text, Done),
    optional("ssl.trustStore.type", Source::Property, Text, Done),
    optional("ssl.protocol", Source::Property, Text, Done),
    optional("ssl.enabledProtocols", Source::Property, Text, Done),
    optional("ssl.ciphersuites", Source::Property, Text, Done),
    optional("ssl.clientAuth", Source::Property, Choice(&["none", "want", "need"]), Done),
    optional("ssl.hostnameVerification", Source::Property, Bool, Done),
    optional("ssl.clientHostnameVerification", Source::Property, Bool, Done),
    optional("ssl.allowReverseDnsLookup", Source::Property, Bool, Done),
    optional("ssl.crl", Source::Property, Bool, Done),
    optional("ssl.ocsp", Source::Property, Bool, Done),
    optional("ssl.handshakeDetectionTimeoutMillis", Source::Property, from(1, "milliseconds"), DETECTION),
    optional("ssl.context.supplier.class", Source::Property, Text, Java),
    optional("ssl.sslProvider", Source::Property, Text, Java),
    // TLS of the quorum and election links and of the AdminServer
    file("sslQuorum", StrictBool, "false", Done),
    file("portUnification", StrictBool, "false", Done),
    file("sslQuorumReloadCertFiles", StrictBool, "false", Done),
    optional("ssl.quorum.keyStore.location", Source::Property, Text, Done),
    optional("ssl.quorum.keyStore.password", Source::Property, Text, Done),
    optional("ssl.quorum.keyStore.passwordPath", Source::Property, Text, Done),
    optional("ssl.quorum.keyStore.type", Source::Property, Text, Done),
    optional("ssl.quorum.trustStore.location", Source::Property, Text, Done),
    optional("ssl.quorum.trustStore.password", Source::Property, Text, Done),
    optional("ssl.quorum.trustStore.passwordPath", Source::Property, Text, Done),
    optional("ssl.quorum.trustStore.type", Source::Property, Text, Done),
    optional("ssl.quorum.protocol", Source::Property, Text, Done),
    optional("ssl.quorum.enabledProtocols", Source::Property, Text, Done),
    optional("ssl.quorum.ciphersuites", Source::Property, Text, Done),
    optional("ssl.quorum.clientAuth", Source::Property, Choice(&["none", "want", "need"]), Done),
    optional("ssl.quorum.hostnameVerification", Source::Property, Bool, Done),
    optional("ssl.quorum.clientHostnameVerification", Source::Property, Bool, Done),
    optional("ssl.quorum.allowReverseDnsLookup", Source::Property, Bool, Done),
    optional("ssl.quorum.crl", Source::Property, Bool, Done),
    optional("ssl.quorum.ocsp", Source::Property, Bool, Done),
    optional("ssl.quorum.handshakeDetectionTimeoutMillis", Source::Property, from(1, "milliseconds"), FIRST_BYTE),
    optional("paddock.ssl.quorum.crlFile", Source::Property, Text, Done),
    optional("ssl.quorum.context.supplier.class", Source::Property, Text, Java),
    optional("ssl.quorum.sslProvider", Source::Property, Text, Java),
    // Administration, metrics, audit
    optional("4lw.commands.whitelist", Source::Property, Text, Done),
    property("admin.enableServer", UnlessFalse, "true", Done),
    property("admin.serverAddress", Host, "0.0.0.0", Done),
    property("admin.serverPort", Port, "8080", Done),
    property("admin.commandURL", Path, "/commands", Done),
    property("admin.idleTimeout", MILLIS, "30000", Done),
    property("admin.httpVersion", from(0, ""), "11", Later("HTTP other than 1.1")),
    property("admin.portUnification", Bool, "false", Done),
    property("admin.forceHttps", Bool, "false", Done),
    property("admin.needClientAuth", Bool, "false", Done),
    property("admin.snapshot.enabled", Bool, "true", Done),
    property("admin.restore.enabled", Bool, "true", Done),
    property("admin.rateLimiterIntervalInMS", MILLIS, "300000", Done),
    property("audit.enable", Bool, "false", Done),
    // The class is checked where it is read.
    optional("audit.impl.class", Source::Property, Text, Done),
    // The class and what belongs to it are checked where they are read.
    optional("metricsProvider.className", Source::File, Text, Done),
    optional("metricsProvider.*", Source::File, Text, Done),
    optional("jvm.pause.monitor", Source::File, StrictBool, STALLS),
    optional("jvm.pause.sleep.time.ms", Source::File, from(0, "milliseconds"), STALLS),
    optional("jvm.pause.warn-threshold.ms", Source::File, from(0, "milliseconds"), STALLS),
    optional("jvm.pause.info-threshold.ms", Source::File, from(0, "milliseconds"), STALLS),
    optional("controllerPort", Source::Property, Text, Java),
    optional("jmx.log4j.disable", Source::Property, Text, Java),
    optional("jmx.log4j.mbean", Source::Property, Text, Java),
];
