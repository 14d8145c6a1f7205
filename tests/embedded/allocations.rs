//! What a dispatch costs the host in memory: nothing.

#![allow(unsafe_code, reason = "an allocator is unsafe to write")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use op_listener_host::event::Event;
use op_listener_tests::Library;

use crate::hosts::{host, three_of};

/// Counts the allocations of each thread. The listeners' libraries have allocators of their own, so
/// this counts those of the host and of the test alone.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // Where the thread winds down nobody counts any more.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: all of it is the system's allocator; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(Box::new(1)))) > 0);
}

#[test]
fn dispatching_to_three_listeners_allocates_nothing() {
    let event = Event::id_token_issue("alice", "000123", r#"{"sub":"alice"}"#)
        .issuer("https://op.example.com")
        .id("e1")
        .txn("t1")
        .build()
        .unwrap();
    for measure in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        // A breach of the budget, on a busy machine, would be logged.
        let listeners = three_of(
            "spi = [\"id_token_issue\"]\nclients = [\"000123\"]\nbudget_ms = 60000",
            "quiet = true",
        );
        let host = host(&dir, &[Library::Puppet], &listeners, |builder| {
            builder.measure(measure)
        });
        // What is made once for a thread is made by the first.
        assert_eq!(host.dispatch(&event).calls, 3);
        let count = allocations(|| {
            for _ in 0..1000 {
                let dispatched = host.dispatch(&event);
                assert_eq!((dispatched.calls, dispatched.failures), (3, 0));
            }
        });
        assert_eq!(count, 0, "measuring: {measure}");
    }
}
