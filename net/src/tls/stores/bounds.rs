//! What no store has more of.

/// Bytes of a store's file, above which none is read.
pub const STORE_MAX: u64 = 16 * 1024 * 1024;

/// Keys of a store, above which none is read.
pub const KEYS_MAX: usize = 64;

/// Certificates and keys of a store, above which none is read.
pub const ENTRIES_MAX: usize = 8192;

/// Times that passwords are hashed for all of a store to make keys of them, above which a store is refused: it decides how long reading it takes,
/// and stores of Java and OpenSSL have at most 100,000.
pub const ITERATIONS_MAX: u64 = 2_000_000;
