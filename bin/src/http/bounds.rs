//! How much of everything there may be.

use std::time::Duration;

/// Connections of one port.
pub const CONNECTIONS_MAX: usize = 64;
/// Connections of one address at one port.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 32;
/// Connections that may wait to be accepted.
pub const BACKLOG: i32 = 128;
/// A request without its body, bytes. A longer one is answered 431. It is also what is kept of an answer that is being sent, besides
/// one piece.
pub const REQUEST_BYTES_MAX: usize = 16 << 10;
/// A connection waits for its next request, and for all of that, as long as this at most, whatever `admin.idleTimeout` says.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// A handshake of TLS is over in this time, or the connection is closed.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// An answer is made in this time, or the connection is closed: a snapshot has to be written meanwhile.
pub const WORK_TIME_MAX: Duration = Duration::from_secs(660);
/// An answer from memory is taken in this time, however large it is: the largest list at ten megabit a second.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
/// A snapshot is taken in this time, however large it is.
pub const SNAPSHOT_TIME_MAX: Duration = Duration::from_secs(3600);
/// Some of an answer is taken in this time.
pub const STALL_TIME_MAX: Duration = Duration::from_secs(30);
/// So often a connection is looked at, whether it has used up its time.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Accepting is tried again after this, where it has failed: there may be no descriptor left.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Threads that make answers.
pub const WORKERS: usize = 3;
/// Requests that wait for one of them; the next ones are answered 503.
pub const WAITING_MAX: usize = 32;
/// So much of a body that nobody wants is read on, and for so long, so that its client sees the answer, bytes.
pub const DRAINED_BYTES_MAX: usize = 64 << 20;
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// A part of an answer that is handed to the connection at a time, bytes.
pub const PIECE_BYTES: usize = 64 << 10;
/// Pieces that a worker is ahead of the connection.
pub const PIECES_AHEAD: usize = 4;
/// An answer in memory that is longer than this is a large one, bytes.
pub const LARGE_BYTES: usize = 1 << 20;
/// Large answers that are in memory at a time; the next ones are answered 503.
pub const LARGE_ANSWERS_MAX: usize = 4;

/// Descriptors that a port takes: its connections, and one that is refused.
pub const DESCRIPTORS_PER_PORT: u64 = CONNECTIONS_MAX as u64 + 1;
/// Descriptors that the thread has for itself, and files that workers have open.
pub const DESCRIPTORS: u64 = 8;
