//! What the integration tests stand on: a server process under full control, and a raw ZooKeeper client that hides nothing.
//!
//! Read in this order: [`jute`] (bytes), [`records`], [`request`] and [`reply`] (values), [`client`] (one connection),
//! [`wire`] (one without manners), [`certificates`] and [`tls`] (one that speaks TLS), [`server`] (one process, Paddock or ZooKeeper), [`ensemble`] (several of them),
//! [`http`] (requests to the AdminServer), [`isolated`] (a test that nothing outlives), [`network`] (one between servers that can be cut), [`service`] (one or several,
//! as clients know them), [`random`] (seeded choices), [`noted`] (a client that notes all it sees, for the judge of histories),
//! [`rounds`] (crashes in the middle of everything, and what must be there afterwards), [`content`] (all that a client can see
//! of a tree), [`damage`] (what a disk does to a file), [`installed`] (what `cargo xtask` has put there), [`program`] (one that is
//! typed into). The tests themselves are in `tests/`; the programs that drive other people's clients are in `clients/`.
//!
//! Nothing here uses the server's own crates: a mistake made on both sides of the wire would otherwise go unseen.
pub mod certificates;
pub mod client;
pub mod content;
pub mod damage;
pub mod ensemble;
pub mod http;
pub mod installed;
pub mod isolated;
pub mod jute;
pub mod network;
pub mod noted;
pub mod program;
pub mod random;
pub mod records;
pub mod reply;
pub mod request;
pub mod rounds;
pub mod server;
pub mod service;
pub mod tls;
pub mod wire;
