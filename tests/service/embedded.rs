//! The server as a library, in this process.

use std::sync::Arc;
use std::time::Duration;

use op_listener_host::Host;
use op_listener_host::config::Config;
use op_listener_host::feed::Feed;
use op_listener_host::server::{Doors, Server};
use op_listener_tests::{Client, Door, Library, Setup, id_token};

use crate::stage::{TOKEN, bearer, until};

fn start(setup: &Setup, config: &str) -> (Config, Arc<Host>, Server) {
    let config = Config::from_str(config, "test.toml", setup.path()).unwrap();
    let host = Arc::new(Host::builder().config(config.clone()).build().unwrap());
    let feed = Arc::new(Feed::new(&config).unwrap());
    let server = Server::start(&config, Arc::clone(&host), feed).unwrap();
    (config, host, server)
}

#[test]
fn a_token_is_changed_while_the_server_runs() {
    let setup = Setup::with(&[Library::Puppet]);
    setup.file("token", TOKEN);
    let text = "[intake]\nhttp = \"127.0.0.1:0\"\ntoken_file = \"token\"\n[log]\n";
    let (config, _host, server) = start(&setup, text);
    let mut client = Client::connect(&Door::Tcp(server.tcp_address().unwrap()));
    let mut post = |token, id| {
        let event = id_token(id);
        client
            .request("POST", "/events", &bearer(token), &event)
            .status
    };
    assert_eq!(post(TOKEN, "e1"), 204);
    setup.file("token", "another");
    assert_eq!(post("another", "e2"), 401);
    assert_eq!(server.reload(&config).unwrap(), [""; 0]);
    assert_eq!((post(TOKEN, "e2"), post("another", "e2")), (401, 204));
    // A file that does not serve changes nothing, nor does a door that cannot be moved.
    setup.file("token", "");
    assert!(server.reload(&config).is_err());
    let elsewhere = Config::from_str(
        "[intake]\nunix = \"s\"\nconcurrency = 3\n",
        "test.toml",
        setup.path(),
    );
    assert_eq!(
        server.reload(&elsewhere.unwrap()).unwrap(),
        ["http", "unix", "concurrency"]
    );
    assert_eq!((post("x", "e3"), post("another", "e3")), (401, 204));
    let counts = server.counts();
    assert_eq!((counts.events.dispatched, counts.unauthorized), (3, 3));
    assert_eq!((counts.connections, counts.connections_open), (1, 1));
    assert_eq!(server.stop(Duration::from_secs(30)), 0);
    assert_eq!(server.counts().connections_open, 0);
}

#[test]
fn stopping_has_its_limit_and_does_not_wait_for_a_listener_beyond_it() {
    let setup = Setup::with(&[Library::Puppet]);
    let (_, _host, server) = start(
        &setup,
        "[intake]\nunix = \"s\"\n[[listener]]\nplugin = \"puppet\"\nconfig = { quiet = true, gate = \"gate\" }\n",
    );
    let door = Door::Unix(server.unix_path().unwrap().to_owned());
    let mut client = Client::connect(&door);
    let event = id_token("e1");
    client.send_event(&event);
    until("the event", || {
        (server.counts().in_flight[0] == 1).then_some(())
    });
    assert_eq!(server.stop(Duration::from_millis(50)), 1);
    assert_eq!(server.stop(Duration::from_millis(50)), 0, "the second time");
    assert!(Client::try_connect(&door).is_err());
    assert!(!server.unix_path().unwrap().exists());
    setup.file("gate", "");
}

#[test]
fn in_an_asynchronous_program_it_starts_fails_and_ends_as_elsewhere() {
    let setup = Setup::with(&[Library::Puppet]);
    setup.secret("token", TOKEN);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text = format!("[intake]\nunix = \"s\"\nhttp = \"{address}\"\ntoken_file = \"token\"\n");
    let config = Config::from_str(&text, "test.toml", setup.path()).unwrap();
    let host = Arc::new(Host::builder().config(config.clone()).build().unwrap());
    let feed = Arc::new(Feed::new(&config).unwrap());
    let program = tokio::runtime::Builder::new_current_thread().build();
    program.unwrap().block_on(async {
        let refused = Server::start(&config, Arc::clone(&host), Arc::clone(&feed)).unwrap_err();
        let said = format!("{address} cannot be listened on");
        assert!(refused.to_string().contains(&said), "{refused}");
        assert!(!setup.path().join("s").exists(), "it was removed again");
        drop(taken);
        // Stopped, and simply dropped.
        for stop in [true, false] {
            let server = Server::start(&config, Arc::clone(&host), Arc::clone(&feed)).unwrap();
            let mut client = Client::connect(&Door::Tcp(address));
            assert_eq!(client.get("/healthz").status, 200);
            if stop {
                assert_eq!(server.stop(Duration::from_secs(30)), 0);
            }
        }
    });
}

#[test]
fn who_comes_to_an_open_door_is_served_once_there_is_a_host() {
    let setup = Setup::with(&[Library::Puppet]);
    let text = "[intake]\nunix = \"s\"\n[log]\n";
    let config = Config::from_str(text, "test.toml", setup.path()).unwrap();
    let doors = Doors::open(&config).unwrap();
    let mut client = Client::connect(&Door::Unix(doors.unix_path().unwrap().to_owned()));
    client.send_event(&id_token("e1"));
    let host = Arc::new(Host::builder().config(config.clone()).build().unwrap());
    let feed = Arc::new(Feed::new(&config).unwrap());
    let _server = doors.serve(host, feed).unwrap();
    assert_eq!(client.answer().status, 204);
}
