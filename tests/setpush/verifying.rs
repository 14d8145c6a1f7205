//! The verification event of the Shared Signals Framework, on demand.

use serde_json::json;

use crate::stage::Stage;

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
        json!({ "https://schemas.openid.net/secevent/ssf/event-type/verification": { "state": "first" } })
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
    let event =
        &taken[1]["events"]["https://schemas.openid.net/secevent/ssf/event-type/verification"];
    assert_eq!(event["state"], "second");
    stage.wait_for_queue(0, 0);
    host.finish();
    assert_eq!(stage.receiver.requests().len(), 2, "one for each state");
}
