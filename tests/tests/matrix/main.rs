//! Who may do what: every operation under every permission, for callers of every kind, on ZooKeeper and on Paddock.
//!
//! ```text
//!   subject x permissions x caller ──> one cell: znodes of its own, with one list
//!                                        │ every operation alone, in a multi, in a multiRead, and watches
//!                                        ▼
//!                     replies and events of both servers ──> normal form ──> must be equal
//! ```
//! Both servers start empty and see the same requests in one order, so that every zxid and version is compared too. Two
//! connections ask: the owner, who is the super user and makes znodes, and the caller, who is judged.
//!
//! [`known::DIFFERENCES`] has what is not compared, and why. There is nothing else.
mod callers;
mod cells;
mod cves;
mod known;
mod lists;
mod normal;
mod place;
mod proofs;
mod rows;
mod subjects;

use paddock_tests::installed::current_zookeeper;
use paddock_tests::server::{Kind, Setup};

/// The schemes that there are, all served, on both servers alike.
fn setup(kind: Kind) -> Setup {
    let setup = match kind {
        Kind::Paddock => Setup::new(kind),
        Kind::ZooKeeper => {
            Setup::new(kind).class_path(current_zookeeper()).property("org.slf4j.simpleLogger.defaultLogLevel", "off")
        }
    };
    let classes = ["SASL", "X509", "Ensemble", "Key"].into_iter().enumerate();
    let setup = classes.fold(setup, |setup, (number, class)| {
        let class = format!("org.apache.zookeeper.server.auth.{class}AuthenticationProvider");
        setup.config(&format!("authProvider.{number}"), &class)
    });
    setup
        .config("ensembleAuthName", "paddock, meadow")
        .config("minSessionTimeout", "120000")
        .config("maxSessionTimeout", "240000")
        .config("forceSync", "no")
        .config("reconfigEnabled", "true")
        .property("znode.container.checkIntervalMs", "100000000")
        .property("zookeeper.extendedTypesEnabled", "true")
        .property("zookeeper.letAnySaslUserDoX", "staff")
        .property("zookeeper.DigestAuthenticationProvider.superDigest", "super:D/InIHSb7yEEbrWz8b9l71RjZJU=")
}
