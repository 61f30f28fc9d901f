//! Ensembles whose servers make sure of each other, of Paddock alone and with a ZooKeeper 3.9 among them, each server a process
//! of its own.
//!
//! | module | is about |
//! |---|---|
//! | `secured` | what such an ensemble is told, and what must come of it |
//! | `tls` | sslQuorum: who is in, who stays out, certificates that change |
//! | `sasl` | the same of quorum SASL with DIGEST-MD5 |
//! | `kerberos` | the same with Kerberos |
//! | `switching` | one server after the other is switched over, while a client writes |
//! | `strangers` | whoever reaches the ports and is no server |

#[path = "../mixed/ensemble.rs"]
#[allow(dead_code, reason = "some of it is for the tests of mixed ensembles")]
mod ensemble;
#[path = "../sasl/kdc.rs"]
#[allow(dead_code, reason = "some of it is for the tests of clients")]
mod kdc;
mod kerberos;
mod sasl;
mod secured;
mod strangers;
mod switching;
mod tls;
#[path = "../mixed/writers.rs"]
#[allow(dead_code, reason = "some of it is for the tests of mixed ensembles")]
mod writers;
