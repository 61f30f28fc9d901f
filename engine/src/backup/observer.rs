//! Who has a backup taken, or restored.

/// Is told how it goes on, and may give it up.
pub trait Observer {
    /// About so many bytes more are going to be read.
    fn expect(&mut self, bytes: u64);

    /// So many bytes more were read. `false` gives up.
    fn note(&mut self, bytes: u64) -> bool;

    /// The last groups of the log are in doubt: the server vouches for them within a second or two. Waits for a moment, if that is
    /// still worth it; `false` goes on without them.
    fn wait(&mut self) -> bool;
}
