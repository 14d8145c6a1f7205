//! A server of SQS with the front before it, as one process each, and what it holds.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use op_listener_tests::{KeptPort, Unavailable, on_this_machine, or_say, output_of};
use serde_json::{Value, json};

use crate::install::{here, node_folder, python};

/// Nothing takes longer, unless something is wrong.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);
pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(crate) const TOKEN: &str = "a session/token+of=sorts";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Moto,
    Fauxqs,
}

/// A process that prints its port and ends with its standard input.
struct Listening {
    process: Child,
    port: u16,
}

impl Listening {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(process.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.unwrap_or_else(|_| panic!("{command:?} printed {line:?}"));
        Self { process, port }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// SQS, for one test.
pub(crate) struct Aws {
    server: Listening,
    front: Option<Listening>,
    /// The front's, which nobody else gets while it is away.
    port: KeptPort,
    /// Whether the front speaks TLS.
    secure: bool,
    folder: tempfile::TempDir,
    agent: ureq::Agent,
}

/// A message that was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) body: String,
    pub(crate) attributes: Value,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
}

impl Aws {
    /// Starts both, or says that they cannot be had.
    pub(crate) fn start(test: &str, server: Server) -> Option<Self> {
        let python = or_say(test, python())?;
        let server = match server {
            Server::Moto => {
                let mut command = Command::new(&python);
                command.arg("-B").arg(here().join("serve_moto.py"));
                command
            }
            Server::Fauxqs => {
                let folder = or_say(test, node_folder())?;
                // Modules are looked for from where the script lies.
                let script = folder.join("serve_fauxqs.mjs");
                let own = here().join("serve_fauxqs.mjs");
                if fs::read(&script).ok() != fs::read(&own).ok() {
                    // Another test may be about to read it.
                    let new = tempfile::NamedTempFile::new_in(&folder).unwrap();
                    fs::copy(own, new.path()).unwrap();
                    new.persist(&script).unwrap();
                }
                let mut command = Command::new("node");
                command.arg(script);
                command
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build();
        let mut aws = Self {
            server: Listening::start(server),
            front: None,
            port: KeptPort::new(),
            secure: false,
            folder,
            agent: config.into(),
        };
        aws.allow(KEY_ID, SECRET, Some(TOKEN));
        aws.come_back();
        Some(aws)
    }

    /// Who may ask.
    pub(crate) fn allow(&self, id: &str, secret: &str, token: Option<&str>) {
        let keys =
            json!({ "access_key_id": id, "secret_access_key": secret, "session_token": token });
        let new = self.folder.path().join("keys.new");
        fs::write(&new, keys.to_string()).unwrap();
        fs::rename(new, self.folder.path().join("keys.json")).unwrap();
    }

    /// Nobody is there any more, all of a sudden. What the server holds stays.
    pub(crate) fn go_away(&mut self) {
        self.front = None;
    }

    /// It is there again, at the same port.
    pub(crate) fn come_back(&mut self) {
        let mut command = Command::new(python().unwrap());
        command.arg("-B").arg(here().join("front.py"));
        command
            .arg(self.port.number().to_string())
            .arg(self.server.port.to_string());
        command.arg(self.folder.path());
        if self.secure {
            let file = |name| self.folder.path().join(name);
            command.arg(file("certificate.pem")).arg(file("key.pem"));
        }
        self.front = Some(Listening::start(command));
    }

    /// What goes wrong with the next batches, one after the other.
    pub(crate) fn faults(&self, faults: &Value) {
        let new = self.folder.path().join("faults.new");
        fs::write(&new, faults.to_string()).unwrap();
        fs::rename(new, self.folder.path().join("faults.json")).unwrap();
    }

    /// What the front saw and did.
    pub(crate) fn seen(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("front.ndjson")).unwrap_or_default();
        // The last line may not be whole yet.
        let lines = text.lines().map(serde_json::from_str);
        lines.filter_map(Result::ok).collect()
    }

    /// Speaks TLS from now on, with a certificate by an authority of its own: the authority's file.
    pub(crate) fn secure(&mut self) -> Result<PathBuf, Unavailable> {
        on_this_machine("openssl", "version")?;
        let certify = |options: &[&str]| {
            let mut command = Command::new("openssl");
            command.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
            command.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
            output_of(command.args(options).current_dir(self.folder.path()))
        };
        let authority = ["-keyout", "authority-key.pem", "-out", "authority.pem"];
        certify(&[&authority[..], &["-subj", "/CN=authority"]].concat())?;
        certify(&[
            "-CA",
            "authority.pem",
            "-CAkey",
            "authority-key.pem",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
        ])?;
        self.secure = true;
        self.go_away();
        self.come_back();
        Ok(self.folder.path().join("authority.pem"))
    }

    /// Where the publisher sends to.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port.number())
    }

    /// The server itself, with nobody before it.
    pub(crate) fn server(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// Calls the server itself.
    fn call(&self, action: &str, parameters: &Value) -> Value {
        let url = self.server() + "/";
        let mut answer = self
            .agent
            .post(&url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            // By this both tell the region; neither looks at the rest.
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=X/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
            )
            .send(parameters.to_string())
            .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{action}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Makes a queue; its URL.
    pub(crate) fn create(&self, name: &str) -> String {
        let attributes = if Path::new(name).extension().is_some() {
            json!({ "FifoQueue": "true" })
        } else {
            json!({})
        };
        let made = self.call(
            "CreateQueue",
            &json!({ "QueueName": name, "Attributes": attributes }),
        );
        made["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// How many messages a queue holds.
    pub(crate) fn depth(&self, url: &str) -> usize {
        let name = "ApproximateNumberOfMessages";
        let parameters = json!({ "QueueUrl": url, "AttributeNames": [name] });
        let got = self.call("GetQueueAttributes", &parameters);
        got["Attributes"][name].as_str().unwrap().parse().unwrap()
    }

    /// Takes what is in a queue.
    pub(crate) fn receive(&self, url: &str) -> Vec<Received> {
        let parameters = json!({
            "QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
            "AttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        let got = self.call("ReceiveMessage", &parameters);
        let messages = got["Messages"].as_array().cloned().unwrap_or_default();
        let received = messages.into_iter().map(|message| {
            let handle = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
            self.call("DeleteMessage", &handle);
            let system = |name: &str| message["Attributes"][name].as_str().map(str::to_owned);
            Received {
                body: message["Body"].as_str().unwrap().to_owned(),
                attributes: message["MessageAttributes"].clone(),
                group: system("MessageGroupId"),
                deduplication: system("MessageDeduplicationId"),
            }
        });
        received.collect()
    }

    /// Takes so many messages, and makes sure that there are no more.
    pub(crate) fn receive_all(&self, url: &str, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + DEADLINE;
        let mut all = Vec::new();
        while all.len() < count {
            let some = self.receive(url);
            if some.is_empty() {
                assert!(
                    Instant::now() < deadline,
                    "{} of {count} messages came",
                    all.len()
                );
                thread::sleep(Duration::from_millis(20));
            }
            all.extend(some);
        }
        all.extend(self.receive(url));
        assert_eq!(all.len(), count);
        all
    }

    /// No request had a signature that AWS's own library would not have made.
    pub(crate) fn assert_signatures(&self) {
        let seen = self.seen();
        assert!(!seen.is_empty());
        let wrong = |request: &&Value| request["signature"] != "right";
        let wrong: Vec<_> = seen.iter().filter(wrong).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: it does not come to be");
        thread::sleep(Duration::from_millis(20));
    }
}
