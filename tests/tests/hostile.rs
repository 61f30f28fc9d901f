//! Clients that mean harm, or whose programmers slept: whatever they send, the server stays up, serves the others, keeps
//! its memory within bounds, and answers as ZooKeeper does.
//!
//! Every test has a server of its own, and ends with [`wire::assert_stands`]: the process lives, its log tells of no
//! panic, and every reactor serves reads and writes. Memory is judged by the kernel's figure (VmRSS), against bounds that
//! are named where they are used.
//!
//! | module | what is wrong |
//! |---|---|
//! | `frames` | lengths, first frames, handshakes, single bytes, random bytes |
//! | `bodies` | records that cannot be decoded, counts that lie, operations that do not exist, huge but lawful ones |
//! | `burdens` | clients that do not read, too many of them, requests that cost more than they weigh |
//! | `descriptors` | connections by the hundred against a limit of open files |
//! | `messages` | lines by the thousand, and a log that nobody reads |
//! | `order` | requests whose timing is the trouble |
//! | `signals` | signals that end a process which does not know them |
//! | `start` | mistakes of the operator |
//! | `totals` | what each connection may have, times very many |
//! | `turns` | single requests that change or look at very much |
#[path = "hostile/bodies.rs"]
mod bodies;
#[path = "hostile/burdens.rs"]
mod burdens;
#[path = "hostile/descriptors.rs"]
mod descriptors;
#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/messages.rs"]
mod messages;
#[path = "hostile/order.rs"]
mod order;
#[path = "hostile/signals.rs"]
mod signals;
#[path = "hostile/start.rs"]
mod start;
#[path = "hostile/totals.rs"]
mod totals;
#[path = "hostile/turns.rs"]
mod turns;
#[path = "hostile/wire.rs"]
mod wire;
