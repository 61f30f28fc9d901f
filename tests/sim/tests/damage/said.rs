//! What servers have said to operators, kept by the thread of each case.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

thread_local! {
    static SAID: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ToThisCase;

impl io::Write for ToThisCase {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.with_borrow_mut(|said| said.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From here on what is said is kept.
pub fn listen() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let lines = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
        lines.with_writer(|| ToThisCase).init();
    });
}

/// What was said since the last time.
pub fn take_said() -> String {
    String::from_utf8(SAID.take()).expect("words are text")
}
