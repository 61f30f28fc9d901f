//! Panics as text: the core and the checks say by them what is wrong.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// What the last panic said while one is expected.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// What a panic said, and where.
pub fn guarded<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            let expected = SAID.with_borrow_mut(|said| said.as_mut().map(|said| *said = panic.to_string()));
            if expected.is_none() {
                usual(panic);
            }
        }));
    });
    let before = SAID.replace(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(what));
    let said = SAID.replace(before).unwrap_or_default();
    outcome.map_err(|_| said)
}
