//! A listener that the configuration asks for and that is not there any more: events are taken, and the
//! host says that it is not what it should be.

use std::fs;

use op_listener_tests::{Client, id_token};
use rustix::process::Signal;
use serde_json::json;

use crate::stage::{Service, until};

const SERIES: &str = "\nop_listener_missing{listener=\"puppet\"} 1";

fn metrics(client: &mut Client) -> String {
    String::from_utf8(client.get("/metrics").body).unwrap()
}

/// The plugin's file, wherever it is.
fn move_plugin(service: &Service, from: &str, to: &str) {
    let (from, to) = (
        service.setup.path().join(from),
        service.setup.path().join(to),
    );
    fs::create_dir_all(&to).unwrap();
    let file = fs::read_dir(&from).unwrap().next().unwrap().unwrap();
    fs::rename(file.path(), to.join(file.file_name())).unwrap();
}

#[test]
fn a_listener_whose_file_is_gone_makes_the_host_not_ready_until_it_is_back() {
    let mut service = Service::on_unix("");
    let mut client = service.client();
    assert_eq!(client.get("/readyz").status, 200);
    assert!(!metrics(&mut client).contains("\nop_listener_missing{"));

    move_plugin(&service, "plugins", "away");
    service.signal(Signal::HUP);
    service.running.wait_for("[OPL0604]");
    let mut client = service.client();
    let answer = until("being not ready", || {
        let answer = client.get("/readyz");
        (answer.status == 503).then_some(answer)
    });
    let state = answer.json();
    assert_eq!(state["ready"], false);
    assert_eq!(state["reasons"][0]["reason"], "listener_missing");
    assert_eq!(state["reasons"][0]["listeners"], json!(["puppet"]));
    let told = metrics(&mut client);
    assert!(told.contains(SERIES), "{told}");
    assert!(told.contains("\nop_listener_ready 0"), "{told}");
    // Events go on to whoever is there.
    assert_eq!(client.post(&id_token("e1")).status, 204);
    assert_eq!(client.get("/healthz").status, 200);

    move_plugin(&service, "away", "plugins");
    service.signal(Signal::HUP);
    until("being ready again", || {
        (client.get("/readyz").status == 200).then_some(())
    });
    assert!(!metrics(&mut client).contains("\nop_listener_missing{"));
    assert_eq!(client.post(&id_token("e2")).status, 204);
    assert_eq!(service.seen(), ["e2"]);
}

#[test]
fn where_the_host_may_do_without_a_listener_its_lack_is_a_metric_alone() {
    let service = Service::start(
        "[intake]\nunix = \"s\"\n[plugins]\non_failure = \"skip\"\n\
         [[listener]]\nplugin = \"no-such\"\nname = \"puppet\"\n",
    );
    let mut client = service.client();
    assert_eq!(client.get("/readyz").status, 200);
    let told = metrics(&mut client);
    assert!(told.contains(SERIES), "{told}");
}
