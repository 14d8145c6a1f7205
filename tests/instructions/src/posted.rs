//! Events posted in batches, over a real socket, to one listener. What is counted is the host's own
//! function for the events of a request.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use op_listener_host::config::UnixConfig;
use op_listener_host::feed::Feed;
use op_listener_host::server::Server;

use crate::{EVENTS, config, host, line};

/// How many events a batch has.
const BATCH: usize = 100;

pub(crate) fn all(dir: &Path) {
    let path = dir.join("socket");
    let mut config = config(dir, 1);
    config.intake.listen.unix = Some(UnixConfig {
        path: path.clone(),
        mode: 0o600,
        peers: None,
    });
    let host = Arc::new(host(&config));
    let feed = Arc::new(Feed::new(&config).unwrap());
    let server = Server::start(&config, Arc::clone(&host), feed).unwrap();
    let mut stream = UnixStream::connect(path).unwrap();
    for batch in 0..EVENTS / BATCH {
        let lines: Vec<_> = (0..BATCH).map(|n| line(batch * BATCH + n)).collect();
        post(&mut stream, &lines.join("\n"));
    }
    drop(stream);
    let events = server.counts().events;
    assert_eq!(
        (events.dispatched, events.calls),
        (EVENTS as u64, EVENTS as u64)
    );
    assert_eq!(server.stop(Duration::from_mins(1)), 0);
    assert_eq!(host.shutdown(), 0);
}

fn post(stream: &mut UnixStream, body: &str) {
    let head = format!(
        "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection ends");
        answer.extend_from_slice(&buffer[..read]);
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}
