//! Transactions as they come from a log: what can be read is written again as it was, and replaying it, more than
//! once too, breaks nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_engine::acl::AclTable;
use paddock_engine::txn::{ReadTxn, Txn};

fuzz_target!(|data: &[u8]| {
    let mut acls = AclTable::default();
    let Ok(ReadTxn { header, txn, .. }) = Txn::read(data, &mut acls) else { return };
    let mut once = Vec::new();
    txn.write(&header, &mut once);
    let read = Txn::read(&once, &mut acls).expect("what was written can be read");
    let mut twice = Vec::new();
    read.txn.write(&read.header, &mut twice);
    assert_eq!(once, twice);
    paddock_fuzz::replay([data, &once, data]);
});
