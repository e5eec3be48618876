//! A limit for memory: in a browser's tab, an allocation that fails is the end of the worker.

#![allow(unsafe_code, reason = "an allocator is the one place that sees every allocation")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

/// What an input's work may hold at once, in bytes: the records of a batch may become 64 MiB, twice that while they
/// grow, and a broker that answers with such a batch has it a few times.
const LIMIT: isize = 512 * 1024 * 1024;

thread_local! {
    /// Targets do not share memory between threads, so each thread counts for itself.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static WATCHED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The system's allocator, which ends the process when more is held than any input may take.
#[derive(Debug)]
pub struct Guard;

/// Says what this thread runs, for the last words of the process.
pub fn watched(what: String) {
    WATCHED.with_borrow_mut(|watched| *watched = what);
}

fn held(add: usize, less: usize) {
    // Where a thread has ended its own, nobody counts any more.
    let sum = HELD.try_with(|held| {
        let sum = held.get().saturating_add_unsigned(add).saturating_sub_unsigned(less);
        held.set(sum);
        sum
    });
    if sum.is_ok_and(|sum| sum > LIMIT) {
        // From here on it does not matter any more how much that takes.
        let _counted = HELD.try_with(|held| held.set(isize::MIN));
        let what = WATCHED.try_with(|what| what.try_borrow().map(|what| what.clone()).unwrap_or_default());
        eprintln!("more than {LIMIT} bytes are held, the last {add} at once\n{}", what.unwrap_or_default());
        std::process::abort();
    }
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Guard {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        held(layout.size(), 0);
        // SAFETY: the caller keeps to the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        held(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        held(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        held(0, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
