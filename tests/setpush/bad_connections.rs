//! Connections between host and receiver that are cut, delayed and corrupted: nothing is lost, and
//! nothing but what was signed is received.

use std::collections::BTreeSet;
use std::time::Duration;

use op_listener_tests::tls::{authority, certificate};
use op_listener_tests::{Setup, id_token};
use serde_json::json;

use crate::between::{Fate, Way};
use crate::receiver::eventually;
use crate::stage::{Stage, Wanted};

const EVENTS: usize = 60;

/// Each kind of harm at several places of a connection, and every fourth connection whole.
fn fate(number: usize) -> Fate {
    let place = 37 * number % 3000;
    match number % 8 {
        0 => Fate::CutThere(place),
        1 => Fate::CorruptThere(place),
        2 => Fate::Delayed(Duration::from_millis(20)),
        4 => Fate::CutBack(place),
        5 => Fate::CorruptBack(place),
        6 => Fate::CutBack(0),
        _ => Fate::Whole,
    }
}

#[test]
fn nothing_is_lost_on_connections_that_are_cut_delayed_and_corrupted() {
    let prepare = |setup: &Setup| {
        authority(setup.path(), "ca");
        certificate(setup.path(), "ca", "server");
    };
    let wanted = Wanted {
        but: json!({ "tls": { "cert": "{dir}/server.pem", "key": "{dir}/server.key" } }),
        prepare: &prepare,
        ..Wanted::default()
    };
    let Some(mut stage) = Stage::with("bad connections", &wanted) else {
        return;
    };
    let way = Way::to(stage.receiver.port, fate);
    let endpoint = format!("https://localhost:{}/set", way.port());
    let settings = "allow_hosts = \"localhost\"\nca_file = \"ca.pem\"\ntimeout_ms = 3000";
    stage.configure(&endpoint, settings);
    let mut host = stage.run();
    // Every now and then the receiver hangs up as well, so that there are connections enough to harm.
    for number in 0..EVENTS {
        if number % 2 == 0 {
            stage.receiver.plan(&json!([{ "do": "cut" }]));
        }
        host.send(&format!("{}\n", id_token(&format!("e{number:03}"))));
    }
    let expected: BTreeSet<_> = (0..EVENTS).map(|number| format!("e{number:03}")).collect();
    let ids = || -> BTreeSet<_> {
        let taken = stage.receiver.taken().into_iter();
        taken
            .map(|claims| claims["jti"].as_str().unwrap().to_owned())
            .collect()
    };
    eventually(
        || (ids() == expected).then_some(()),
        || {
            format!(
                "{:?} are missing; {:#}",
                expected.difference(&ids()).collect::<Vec<_>>(),
                stage.queue()
            )
        },
    );
    stage.wait_for_queue(0, 0);
    host.finish();
    assert!(way.connections() > 16, "{} connections", way.connections());
    // TLS lets nothing through that was changed on its way.
    let requests = stage.receiver.requests();
    assert!(
        requests.iter().all(|request| request["err"].is_null()),
        "{requests:#?}"
    );
    for id in &expected {
        let same: BTreeSet<_> = requests
            .iter()
            .filter(|request| request["claims"]["jti"] == **id)
            .map(|request| request["sha256"].to_string())
            .collect();
        assert_eq!(same.len(), 1, "{id} is the same each time");
    }
}
