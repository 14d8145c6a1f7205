//! Order, where it is asked for.

use op_listener_tests::id_token;
use serde_json::json;

use super::Polled;

#[test]
fn the_next_of_a_client_comes_when_the_one_before_it_was_acknowledged_or_refused() {
    let host = Polled::start("wait = 600", "order = \"client\"");
    let of = |id: &str, client: &str| id_token(id).replace("000123", client);
    let lines = [of("a1", "a"), of("a2", "a"), of("b1", "b"), of("a3", "a")];
    assert_eq!(host.inside().post_lines(&lines).status, 204);
    let mut receiver = host.client();
    assert_eq!(receiver.get(&json!({})), ["a1", "b1"]);
    assert!(receiver.look().is_empty());

    // One that waits is answered by the acknowledgement that another brings.
    let mut waiting = host.client();
    waiting.begin(&json!({}));
    host.wait_for_polls(3);
    receiver.acknowledge(&["b1", "a1"]);
    assert_eq!(super::ids(&waiting.0.answer()), ["a2"]);
    let refused = json!({ "setErrs": { "a2": { "err": "invalid_request" } } });
    assert_eq!(receiver.get(&refused), ["a3"]);
}
