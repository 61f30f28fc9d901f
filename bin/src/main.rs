//! `paddock`: the server and its commands.

mod bench;
mod config;
mod log;
mod node;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Freed memory of the tree goes back in many sizes; this allocator keeps it together.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A coordination server for every ZooKeeper client.
#[derive(Parser)]
#[command(name = "paddock", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve clients: standalone, by a zoo.cfg or by defaults (127.0.0.1:2181, data in ./paddock-data).
    Serve(serve::ServeArgs),
    /// Put load on any server that speaks ZooKeeper's protocol, and measure.
    Bench(Box<bench::BenchArgs>),
    /// Look at a transaction log, or cut it on your order.
    Log(log::LogArgs),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Bench(arguments) => match bench::run(*arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Command::Log(arguments) => match log::run(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
    }
}

/// One sentence on stderr, and the code.
fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("paddock: {error}");
    ExitCode::from(code)
}
