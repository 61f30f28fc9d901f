//! Which configurations were ever in force, and in which of them what is committed needs a quorum.

use std::collections::BTreeMap;
use std::sync::Arc;

use paddock_consensus::config::Config;
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::acl::AclTable;
use paddock_engine::request::opcode;
use paddock_engine::txn::Txn;

use super::sessions::opcode_of;

/// By the transactions that have brought them; the first one was there before any.
///
/// What changes the ensemble needs a quorum of the configuration before it and of its own, and what comes behind it one of its own
/// alone: with the configuration before it nobody can lead any more, whoever else may have to acknowledge it.
pub struct Quorums {
    by_version: BTreeMap<Zxid, Arc<Config>>,
}

impl Quorums {
    pub fn new(first: Arc<Config>) -> Quorums {
        Quorums { by_version: [(Zxid::ZERO, first)].into() }
    }

    /// A transaction is committed, behind all that were before.
    pub fn note(&mut self, zxid: Zxid, record: &[u8]) {
        if let Some(config) = change_in(record) {
            self.by_version.insert(zxid, config);
        }
    }

    /// Those in which this transaction needs a quorum.
    pub fn of(&self, zxid: Zxid, record: &[u8]) -> Vec<Arc<Config>> {
        [Some(self.before(zxid).clone()), change_in(record)].into_iter().flatten().collect()
    }

    /// What was in force in front of a transaction.
    pub fn before(&self, zxid: Zxid) -> &Arc<Config> {
        self.by_version.range(..zxid).next_back().map_or_else(|| self.first(), |(_, config)| config)
    }

    /// What was in force behind it.
    pub fn behind(&self, zxid: Zxid) -> &Arc<Config> {
        self.by_version.range(..=zxid).next_back().map_or_else(|| self.first(), |(_, config)| config)
    }

    pub fn first(&self) -> &Arc<Config> {
        self.by_version.first_key_value().expect("there is one from the start").1
    }

    /// What is in force.
    pub fn newest(&self) -> &Arc<Config> {
        self.by_version.last_key_value().expect("there is one from the start").1
    }

    /// How often the ensemble was changed.
    pub fn changes(&self) -> u64 {
        self.by_version.len() as u64 - 1
    }

    /// Whether a server may go by this as the committed configuration: by one that a transaction has brought which is committed, by
    /// the first one, which the leader of the first epochs gives a version, or by what an operator has told it, which has none.
    pub fn is_known(&self, config: &Config) -> bool {
        let version = config.version();
        match self.by_version.get(&version).filter(|_| version > Zxid::ZERO) {
            Some(known) => known.text() == config.text(),
            None if version == Zxid::ZERO => true,
            None => version.counter() == 0 && self.first().with_version(version) == *config,
        }
    }
}

/// The configuration that a record brings.
pub fn change_in(record: &[u8]) -> Option<Arc<Config>> {
    if opcode_of(record) != Some(opcode::RECONFIG) {
        return None;
    }
    let read = Txn::read(record, &mut AclTable::default()).expect("what was committed can be read");
    let Txn::Reconfig { data, .. } = &read.txn else { panic!("a change of the ensemble is {:?}", read.txn) };
    let text = std::str::from_utf8(data.expect("it has a text")).expect("it is a text");
    Some(Arc::new(Config::parse(text).expect("it can be read")))
}

/// Whether these are a quorum in each.
pub fn is_quorum(configs: &[Arc<Config>], counts: impl Fn(ServerId) -> bool) -> bool {
    configs.iter().all(|config| config.quorum().is_quorum(&counts))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use paddock_consensus::config::Config;
    use paddock_consensus::{ServerId, Zxid};
    use paddock_engine::txn::{Txn, TxnHeader};

    use super::{Quorums, is_quorum};

    fn config(version: i64, voters: &[i64]) -> Arc<Config> {
        let lines: String = voters.iter().map(|voter| format!("server.{voter}=s{voter}:1:2:participant\n")).collect();
        Arc::new(Config::parse(&format!("{lines}version={version:x}")).unwrap())
    }

    fn record(zxid: i64, txn: &Txn<'_>) -> Vec<u8> {
        let mut record = Vec::new();
        txn.write(&TxnHeader { client: 1, cxid: 1, zxid, time: 0 }, &mut record);
        record
    }

    #[test]
    fn a_change_needs_a_quorum_of_both_and_what_comes_behind_it_one_of_the_new_voters() {
        let mut quorums = Quorums::new(config(0, &[1, 2, 3]));
        let made = config(6, &[3, 4, 5]);
        let change =
            Txn::Reconfig { path: "/zookeeper/config".into(), data: Some(made.text().as_bytes()), version: -1 };
        let (change, other) = (record(6, &change), record(7, &Txn::Error(-1)));
        let suffices = |quorums: &Quorums, zxid, record: &[u8], servers: &[i64]| {
            is_quorum(&quorums.of(Zxid(zxid), record), |server: ServerId| servers.contains(&server.0))
        };
        assert!(suffices(&quorums, 5, &other, &[1, 2]));
        for (servers, expected) in [(&[1, 2][..], false), (&[4, 5], false), (&[1, 3, 4], true), (&[1, 2, 4, 5], true)] {
            assert_eq!(suffices(&quorums, 6, &change, servers), expected, "{servers:?}");
        }
        quorums.note(Zxid(6), &change);
        assert!(suffices(&quorums, 7, &other, &[4, 5]) && !suffices(&quorums, 7, &other, &[1, 2]));
        assert!(suffices(&quorums, 5, &other, &[1, 2]), "what was before is counted as it was");
        assert_eq!((quorums.changes(), quorums.newest().version()), (1, Zxid(6)));
        assert!(
            quorums.is_known(&made)
                && !quorums.is_known(&config(6, &[3, 4]))
                && !quorums.is_known(&config(8, &[3, 4, 5]))
        );
        let stamped = |voters| quorums.is_known(&config(2 << 32, voters));
        assert!(stamped(&[1, 2, 3]) && !stamped(&[1, 2, 3, 4]), "a leader stamps the first one and no other");
    }
}
