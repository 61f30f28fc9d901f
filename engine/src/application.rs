//! Applying a transaction in steps.
//!
//! The end of a session with a million ephemerals is one transaction, and so is a multi that fills a frame, or a quota
//! above a large subtree. Whoever has others to see to meanwhile applies such a one a number of steps at a time. A step
//! is the change of one znode, or the look at one that is counted.
//!
//! Between the steps the head has a part of the transaction. Nobody may see that: the version before the transaction is
//! sealed first, and the version with the transaction when all of it is applied; nothing else is applied until then. The
//! record for the log is complete only then too, for it ends with the digest of the tree. An application that is dropped
//! half done leaves a head that is of no use.
//!
//! What the transaction leaves and what it tells is the same as where [`Database::apply`] does it whole, in the same order.

use std::ops::ControlFlow;

use paddock_consensus::Zxid;
use paddock_consensus::mutants::mutant;

use crate::apply::{Effects, end_multi, has_failed};
use crate::database::Database;
use crate::jute::Reader;
use crate::quota::{SubtreeCount, Usage};
use crate::tree::LOOKUPS_TOGETHER;
use crate::txn::{OPCODE_AT, Txn, TxnHeader, read_member, write_digest};

/// A transaction of no more members or ephemerals, which counts no subtree, is applied at once.
pub const STEPS_AT_ONCE: usize = 256;

const OURS: &str = "the record was encoded here";
/// Where the body of an encoded transaction begins, bytes.
const BODY_AT: usize = OPCODE_AT + 4;
/// Bytes of a vector's count.
const COUNT_BYTES: usize = 4;

/// A transaction on its way into the head.
#[derive(Debug)]
pub struct Application {
    header: TxnHeader,
    /// The encoded transaction, from which it is read step by step.
    record: Vec<u8>,
    takes_digest: bool,
    /// What comes next in the record, in bytes from its start.
    at: usize,
    left: Left,
    /// Of the ephemerals that come next so many are on their way into the caches, or were.
    ahead: usize,
    /// The unfinished count of a subtree that the next operation needs before it can be applied: it creates a quota's stats
    /// znode.
    count: Option<SubtreeCount>,
}

/// What is not applied yet.
#[derive(Clone, Copy, Debug)]
enum Left {
    /// Members of a multi. Where it has `failed`, none of them changes anything.
    Members {
        count: usize,
        failed: bool,
    },
    /// An operation that is a transaction by itself.
    Operation {
        opcode: i32,
    },
    /// Ephemerals that the end of a session lists, and then those that the session still has.
    Ephemerals {
        listed: usize,
    },
    Nothing,
}

impl Application {
    /// The transaction's zxid.
    pub fn zxid(&self) -> Zxid {
        Zxid(self.header.zxid)
    }

    /// The session that it ends, if that is what it does.
    pub fn closes(&self) -> Option<i64> {
        matches!(self.left, Left::Ephemerals { .. }).then_some(self.header.client)
    }

    /// The record for the log, now that all of it is applied.
    ///
    /// # Panics
    /// If it is not, or another transaction was applied since: the record ends with the digest of the tree.
    pub fn into_record(self, database: &Database) -> Vec<u8> {
        assert_eq!(database.last_zxid(), self.zxid(), "a record is for a transaction that has just been applied");
        let mut record = self.record;
        if self.takes_digest {
            write_digest(database.tree().digest(), &mut record);
        }
        record
    }
}

impl Database {
    /// Whether a transaction changes or looks at so much that it is better applied in steps. `client` is whose it is.
    #[inline]
    pub fn is_long(&self, client: i64, txn: &Txn<'_>) -> bool {
        match txn {
            Txn::Multi(members) => {
                members.len() > STEPS_AT_ONCE || members.iter().any(|member| self.counts_before(member))
            }
            Txn::CloseSession { ephemerals } => {
                let listed = ephemerals.as_ref().map_or(0, Vec::len);
                listed.max(self.ephemeral_count_of(client)) > STEPS_AT_ONCE
            }
            operation => self.counts_before(operation),
        }
    }

    fn counts_before(&self, operation: &Txn<'_>) -> bool {
        matches!(operation, Txn::Create { path, .. } if self.count_before_creation(path).is_some())
    }

    /// Encodes the transaction and returns an [`Application`] of which nothing is applied yet; [`Database::go_on`] applies
    /// it.
    ///
    /// # Panics
    /// Unless it is the end of a session, a multi, or what may be a member of one.
    pub fn begin(&self, header: &TxnHeader, txn: &Txn<'_>) -> Application {
        let mut record = Vec::new();
        txn.write(header, &mut record);
        let (left, at) = match txn {
            Txn::Multi(members) => {
                let failed = has_failed(members);
                (Left::Members { count: members.len(), failed }, BODY_AT + COUNT_BYTES)
            }
            Txn::CloseSession { ephemerals } => {
                let listed = ephemerals.as_ref().map_or(0, Vec::len);
                (Left::Ephemerals { listed }, if ephemerals.is_some() { BODY_AT + COUNT_BYTES } else { BODY_AT })
            }
            Txn::CreateSession { .. } => panic!("the begin of a session is applied at once"),
            operation => (Left::Operation { opcode: operation.opcode() }, BODY_AT),
        };
        Application { header: *header, record, takes_digest: txn.takes_digest(), at, left, ahead: 0, count: None }
    }

    /// Applies up to `steps` steps and subtracts them from it; a count of a subtree may overshoot by one page of names.
    /// Returns whether the transaction is wholly applied now. `effects` is as for [`Database::apply`].
    ///
    /// # Panics
    /// If the transaction does not come after the head: it was applied, or another one meanwhile.
    pub fn go_on(
        &mut self,
        application: &mut Application,
        steps: &mut usize,
        mut effects: Option<&mut Effects>,
    ) -> bool {
        let zxid = application.zxid();
        assert!(zxid > self.last_zxid || mutant!(21), "transaction {zxid} after {}", self.last_zxid);
        while *steps > 0 {
            self.look_ahead(application);
            self.step(application, steps, &mut effects);
            if mutant!(21) {
                self.last_zxid = zxid;
            }
            if matches!(application.left, Left::Nothing) {
                self.last_zxid = zxid;
                return true;
            }
        }
        false
    }

    /// Before the next ephemerals of a session's end are deleted, prefetches what that will read, so that they wait for the
    /// memory together.
    fn look_ahead(&self, application: &mut Application) {
        let Left::Ephemerals { listed } = application.left else { return };
        if application.ahead == 0 {
            application.ahead = LOOKUPS_TOGETHER;
            let mut reader = Reader::new(&application.record[application.at..]);
            let from_record: Vec<_> =
                (0..listed.min(LOOKUPS_TOGETHER)).map_while(|_| reader.string().ok().flatten()).collect();
            let own =
                self.ephemerals_of(application.header.client).take(if listed == 0 { LOOKUPS_TOGETHER } else { 0 });
            let paths: Vec<_> = from_record.iter().map(|path| &**path).chain(own).map(|path| (path, true)).collect();
            self.tree.prefetch(&paths);
        }
        application.ahead -= 1;
    }

    /// Applies one member, one operation or the deletion of one ephemeral, or goes on counting for it.
    fn step(&mut self, application: &mut Application, steps: &mut usize, effects: &mut Option<&mut Effects>) {
        let Application { header, record, at, left, count, .. } = application;
        let mut reader = Reader::new(&record[*at..]);
        match left {
            Left::Nothing => return,
            Left::Members { count: 0, .. } => {
                end_multi(effects);
                *left = Left::Nothing;
            }
            Left::Members { count: members, failed } => {
                let member = read_member(&mut reader, &mut self.acls).expect(OURS);
                let counted = match *failed {
                    true => None,
                    false => match self.count_for(&member, count, steps) {
                        ControlFlow::Break(counted) => counted,
                        ControlFlow::Continue(()) => return,
                    },
                };
                self.apply_member(header, &member, *failed, counted, effects);
                *members -= 1;
            }
            Left::Operation { opcode } => {
                let operation = Txn::read_body(*opcode, &mut reader, &mut self.acls).expect(OURS);
                let ControlFlow::Break(counted) = self.count_for(&operation, count, steps) else { return };
                self.apply_alone(header, &operation, counted, effects);
                *left = Left::Nothing;
            }
            Left::Ephemerals { listed: 0 } => {
                if !self.close_session(header, effects) {
                    *left = Left::Nothing;
                }
            }
            Left::Ephemerals { listed } => {
                let path = reader.string().ok().flatten().expect(OURS);
                self.delete(&path, header.zxid, effects);
                *listed -= 1;
            }
        }
        *at = record.len() - reader.rest().len();
        *steps = steps.saturating_sub(1);
    }

    /// Counts the subtree that must be counted before this operation is applied, and gives `None` where none must be.
    /// [`ControlFlow::Continue`]: the steps are used up, and it goes on in the next turn.
    fn count_for(
        &self,
        operation: &Txn<'_>,
        count: &mut Option<SubtreeCount>,
        steps: &mut usize,
    ) -> ControlFlow<Option<Usage>> {
        let begin = || match operation {
            Txn::Create { path, .. } => self.count_before_creation(path),
            _ => None,
        };
        let Some(mut under_way) = count.take().or_else(begin) else { return ControlFlow::Break(None) };
        match under_way.go_on(self.tree.head(), steps) {
            Some(usage) => ControlFlow::Break(Some(usage)),
            None => {
                *count = Some(under_way);
                ControlFlow::Continue(())
            }
        }
    }
}
