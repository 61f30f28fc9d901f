//! `paddock log show`.

use std::io;

use clap::Args;
use paddock_consensus::Zxid;
use paddock_engine::acl::AclTable;
use paddock_engine::txn::Txn;
use serde_json::json;

use super::source::{Part, Source};
use super::{LogCommandError, PathArgs, parse_zxid, transaction};
use crate::answer::Answer;

#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub(super) log: PathArgs,
    /// Show data (in Base64) and ACLs too, which may be secret.
    #[arg(long)]
    data: bool,
    /// The first transaction that is shown, decimal or 0x and hexadecimal.
    #[arg(long, value_name = "ZXID", value_parser = parse_zxid)]
    from: Option<Zxid>,
    /// The last transaction that is shown.
    #[arg(long, value_name = "ZXID", value_parser = parse_zxid)]
    to: Option<Zxid>,
}

pub fn run(arguments: &ShowArgs, answer: &mut Answer) -> Result<(), LogCommandError> {
    let source = Source::find(&arguments.log.place, arguments.log.data_dir.as_deref())?;
    let mut acls = AclTable::default();
    let mut written = Ok(());
    let end = source.read(&mut |part| {
        if written.is_ok() && answer.is_read() {
            written = show(&part, arguments, &mut acls, answer);
        }
    })?;
    written?;
    end.tell(answer)
}

fn show(part: &Part<'_>, arguments: &ShowArgs, acls: &mut AclTable, answer: &mut Answer) -> io::Result<()> {
    match part {
        Part::File { file, sequence: Some(sequence), bytes } => {
            answer.line(format_args!("segment {sequence}: {} ({bytes} bytes)", file.display()))
        }
        Part::File { file, sequence: None, bytes } => {
            answer.line(format_args!("file {} ({bytes} bytes)", file.display()))
        }
        Part::Group { offset, bytes, number, durable, records } => answer.line(format_args!(
            "  group {number} at {offset}: {bytes} bytes, {records} transactions, {durable} known durable"
        )),
        Part::Transaction { zxid, bytes, .. } => {
            if arguments.from.is_some_and(|from| *zxid < from) || arguments.to.is_some_and(|to| *zxid > to) {
                return Ok(());
            }
            match Txn::read(bytes, acls) {
                Ok(read) if answer.is_json() => answer.object(&transaction::object(&read, arguments.data)),
                Ok(read) => answer.line(format_args!("    {}", transaction::text(&read, arguments.data))),
                Err(_) => {
                    answer.object(&json!({"zxid": zxid.to_string(), "type": null}))?;
                    answer.line(format_args!("    {zxid} is not a transaction that is known"))
                }
            }
        }
    }
}
