//! What `init` does stands in the library's bytes, where the tests write it: there is no
//! configuration in a probe that could say so.

use std::hint::black_box;
use std::time::Duration;
use std::{process, thread};

use op_listener_api::{
    Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext, Lifecycle,
};

#[used]
static ACT: [u8; 16] = *b"act=well________";

struct Odd;

impl Lifecycle for Odd {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        let act = String::from_utf8_lossy(black_box(&ACT));
        match act.trim_start_matches("act=").trim_end_matches('_') {
            "well" => {}
            "probe-only" if !context.is_probe() => {}
            "probe-only" => return Err(Error::new("it is a probe")),
            "refuse" => return Err(Error::config("`address` is missing")),
            "panic" => panic!("the ground gave way"),
            "abort" => process::abort(),
            "exit" => process::exit(3),
            "hang" => loop {
                thread::sleep(Duration::from_millis(10));
            },
            "overflow" => {
                dig(0);
            }
            "memory" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(vec![1_u8; 10 << 20]);
                }
            }
            act => return Err(Error::new(format_args!("no such act: {act}"))),
        }
        Ok(Self)
    }
}

/// Uses up the stack.
fn dig(depth: u64) -> u64 {
    let here = black_box([depth; 512]);
    if here[0] == u64::MAX {
        return 0;
    }
    dig(depth + 1) + here[1]
}

impl IdTokenIssueEventListener for Odd {
    fn id_token_issued(
        &self,
        _: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

op_listener_api::export!(IdTokenIssueEventListener for Odd);
