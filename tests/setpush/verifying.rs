//! The verification event of the Shared Signals Framework, on demand.

use op_listener_tests::{Running, id_token};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::stage::Stage;

const EVENT_TYPE: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

fn verify(state: &str) -> String {
    format!(
        "verify = {{ state = \"{state}\", issuer = \"https://op.example.com\", stream_id = \"stream-1\" }}"
    )
}

#[test]
fn a_new_state_in_the_configuration_sends_one_verification_event() {
    let Some(stage) = Stage::new("verification") else {
        return;
    };
    // There is no event yet, and none is needed.
    let host = stage.start(&verify("first"));
    let taken = stage.receiver.wait_for_taken(1);
    assert_eq!(
        taken[0]["events"],
        json!({ EVENT_TYPE: { "state": "first" } })
    );
    assert_eq!(
        taken[0]["sub_id"],
        json!({ "format": "opaque", "id": "stream-1" })
    );
    stage.wait_for_queue(0, 0);
    host.finish();

    let host = stage.start(&verify("first"));
    stage.wait_for_queue(0, 0);
    host.finish();
    let host = stage.start(&verify("second"));
    let taken = stage.receiver.wait_for_taken(2);
    assert_eq!(taken[1]["events"][EVENT_TYPE]["state"], "second");
    stage.wait_for_queue(0, 0);
    host.finish();
    assert_eq!(stage.receiver.requests().len(), 2, "one for each state");
}

/// Has the host reload, and waits until that is done.
fn reload(host: &mut Running) {
    let id = Pid::from_raw(host.id().cast_signed()).unwrap();
    kill_process(id, Signal::HUP).unwrap();
    host.wait_for("[OPL0601]");
}

/// The states in the verification events that came, in order; null in place of any other event.
fn states(stage: &Stage) -> Vec<Value> {
    let requests = stage.receiver.requests().into_iter();
    requests
        .map(|request| request["claims"]["events"][EVENT_TYPE]["state"].clone())
        .collect()
}

#[test]
fn each_new_state_sends_one_while_the_host_runs() {
    // An event behind it shows that nothing else was before it.
    fn one_event(stage: &Stage, host: &mut Running, id: &str) {
        let before = stage.receiver.taken().len();
        host.send(&format!("{}\n", id_token(id)));
        stage.receiver.wait_for_taken(before + 1);
        stage.wait_for_queue(0, 0);
    }

    let Some(stage) = Stage::new("verification on demand") else {
        return;
    };
    let configure = |push: &str| {
        let push = format!("allow_hosts = [\"127.0.0.1\"]\n{push}\n[reload]\nwatch = false\n");
        stage.configure(&stage.url(), &push);
    };
    configure("");
    let mut host = stage.run();
    one_event(&stage, &mut host, "e1");
    assert_eq!(states(&stage), [Value::Null], "nothing was asked for");

    for (state, count) in [("first", 2), ("second", 3)] {
        configure(&verify(state));
        reload(&mut host);
        stage.receiver.wait_for_taken(count);
        stage.wait_for_queue(0, 0);
    }
    let null = Value::Null;
    assert_eq!(
        states(&stage),
        [null.clone(), json!("first"), json!("second")]
    );
    // Nothing has changed, or nothing that concerns it.
    reload(&mut host);
    one_event(&stage, &mut host, "e2");
    configure(&format!("{}\ntimeout_ms = 9000", verify("second")));
    reload(&mut host);
    one_event(&stage, &mut host, "e3");
    host.finish();
    let mut host = stage.run();
    one_event(&stage, &mut host, "e4");
    assert_eq!(
        states(&stage)[3..],
        [null.clone(), null.clone(), null],
        "none again"
    );
    // After the restart as before it.
    configure(&verify("third"));
    reload(&mut host);
    stage.receiver.wait_for_taken(7);
    stage.wait_for_queue(0, 0);
    host.finish();
    assert_eq!(states(&stage)[6..], [json!("third")]);
}
