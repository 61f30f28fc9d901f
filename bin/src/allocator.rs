//! Where memory comes from.
#![allow(unsafe_code)] // The allocator finds its settings by the name of a symbol.

use std::ffi::{CStr, c_char};

/// Freed memory of the tree goes back in many sizes; this allocator keeps it together.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A C string, as the allocator reads it before `main`.
#[repr(transparent)]
struct Settings(*const c_char);

// SAFETY: it points to a constant.
unsafe impl Sync for Settings {}

/// In a static program of musl the allocator cannot start a thread, and would refuse to work if it were asked to.
#[cfg(target_env = "musl")]
const TEXT: &CStr = c"dirty_decay_ms:1000";
/// A thread of its own gives back what is free, also what a thread that sleeps or has ended has left, within a second and not
/// ten: what a snapshot or a start has used is not needed again so soon, and a million creates fault in no more pages for it.
/// Huge pages gained nothing that could be measured, and make a small server twice as large. The environment's
/// `_RJEM_MALLOC_CONF` comes after this.
#[cfg(not(target_env = "musl"))]
const TEXT: &CStr = c"background_thread:true,dirty_decay_ms:1000";

// SAFETY: nothing else has this name but the allocator's weak default, which is of the same type.
#[unsafe(export_name = "_rjem_malloc_conf")]
static SETTINGS: Settings = Settings(TEXT.as_ptr());
