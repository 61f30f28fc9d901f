//! The text of a configuration, as ZooKeeper writes it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt::Write;

use super::{HostPort, Member, PeerType};
use crate::quorum::QuorumSystem;
use crate::{ServerId, Zxid};

/// A line for each server, then the version, without a newline at the end.
pub(super) fn write(version: Zxid, members: &BTreeMap<ServerId, Member>, quorum: &QuorumSystem) -> String {
    let mut text = String::new();
    members.iter().for_each(|(server, member)| write_server(&mut text, *server, member));
    if let QuorumSystem::Hierarchical(shares) = quorum {
        for (server, share) in shares {
            push(
                &mut text,
                format_args!("group.{}={}\nweight.{}={}\n", share.group.0, server.0, server.0, share.weight),
            );
        }
    }
    push(&mut text, format_args!("version={:x}", version.0));
    text
}

fn write_server(text: &mut String, server: ServerId, member: &Member) {
    push(text, format_args!("server.{}=", server.0));
    for (place, address) in member.addresses.iter().enumerate() {
        let role = match member.peer_type {
            PeerType::Participant => "participant",
            PeerType::Observer => "observer",
        };
        text.push_str(if place == 0 { "" } else { "|" });
        write_host(text, &address.quorum);
        push(text, format_args!(":{}:{role}", address.election.port));
    }
    if let Some(client) = &member.client {
        text.push(';');
        write_host(text, client);
    }
    text.push('\n');
}

fn write_host(text: &mut String, HostPort { host, port }: &HostPort) {
    match host.contains(':') {
        true => push(text, format_args!("[{host}]:{port}")),
        false => push(text, format_args!("{host}:{port}")),
    }
}

fn push(text: &mut String, arguments: core::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes everything");
}
