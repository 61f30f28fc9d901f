//! What servers of an ensemble say to each other, as bytes. `net/PEERS.md` has the tables.
//!
//! Everything that decodes is a function of a slice: it gives a value, or says how many bytes it lacks, or what is wrong.
//! Nothing here decides what a packet means in the state that a server is in. In reading order:
//!
//! - bytes as they come: [`arriving`], [`incoming`];
//! - the election port: [`initial_message`], [`notification`];
//! - how servers make sure of each other: [`quorum_auth`];
//! - the packets of the quorum port: [`packet`], [`packet_type`], [`authinfo`];
//! - what is in their data: [`learner_info`], [`leader_info`], [`feature_word`], [`ack_epoch`], [`proposal`],
//!   [`activation`], [`forwarded_request`], [`revalidation`], [`touches`];
//! - packets as messages of the consensus: [`message`].

pub mod ack_epoch;
pub mod activation;
pub mod arriving;
pub mod authinfo;
pub mod feature_word;
pub mod forwarded_request;
pub mod incoming;
pub mod initial_message;
pub mod leader_info;
pub mod learner_info;
pub mod message;
pub mod notification;
pub mod packet;
pub mod packet_type;
pub mod proposal;
pub mod quorum_auth;
pub mod revalidation;
pub mod touches;
#[cfg(test)]
mod vectors;
