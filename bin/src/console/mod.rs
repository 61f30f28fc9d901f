//! The console: the server in a browser, on the port of the AdminServer. It shows, and changes nothing unless a setting
//! and a login say otherwise.
//!
//! | part | file |
//! |---|---|
//! | which path is whose | `site` |
//! | by which names browsers may come | `hosts` |
//! | the files that a browser loads | `pages`, and the directory `pages` |
//! | an answer with its headers | `told` |
//! | the smallest of many keys after one | `page` |
//! | counters, and where latencies lie | `figures` |
//! | where the time of a write goes | `stages` |
//! | the members, as they say themselves | `ensemble` |
//! | znodes, children, search | `tree` |
//! | sessions with their ephemerals, watches | `clients` |
//! | who asks, and what the log says | `visitor` |
//! | znodes are made, changed and deleted | `changes` |
//!
//! Every answer has a bound, and nothing here is done by a thread that serves clients. What a znode holds is told to whoever has the
//! permission to read it, as a session would be; sessions, ephemerals and watches are told to everybody, as by the four-letter words;
//! the log to whoever may do everything, and to whoever sits at the machine.

mod changes;
mod clients;
mod ensemble;
mod figures;
mod hosts;
mod page;
mod pages;
mod site;
mod stages;
mod told;
mod tree;
mod visitor;

pub use site::Console;
