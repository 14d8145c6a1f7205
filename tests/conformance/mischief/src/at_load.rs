//! Misdeeds of a constructor, which runs when the library is mapped.

use std::time::Duration;

use crate::does;

// SAFETY: the section holds pointers to functions that the loader calls, of this type on Linux
// (where further arguments are passed, and not looked at here).
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    if does("load-abort") {
        std::process::abort();
    }
    if does("load-exit") {
        std::process::exit(7);
    }
    if does("load-hang") {
        std::thread::sleep(Duration::from_secs(3600));
    }
    if does("load-slowly") {
        std::thread::sleep(Duration::from_millis(200));
    }
    if does("load-thread") {
        std::thread::spawn(|| std::thread::sleep(Duration::from_secs(3600)));
    }
    if does("load-file") {
        let _ = std::fs::write("constructed.txt", "x");
    }
    if does("load-open")
        && let Ok(file) = std::fs::File::open("/dev/null")
    {
        std::mem::forget(file);
    }
}
