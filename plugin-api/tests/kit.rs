//! Listeners tried with the test kit, and so the crossings of the boundary as both sides see them.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, UNIX_EPOCH};

use op_listener_api::testing::{
    self, AccessTokenIssue, Failure, Host, IdTokenIssue, Level, SubjectAuthAndConsent, read_jwt,
};
use op_listener_api::{
    AccessTokenIssueEvent, AccessTokenIssueEventListener, Error, EventContext, IdTokenIssueEvent,
    IdTokenIssueEventListener, InitContext, Lifecycle, Logger, OwnedIdTokenIssueEvent,
    OwnedJwtSigner, SubjectAuthAndConsentEvent, SubjectAuthAndConsentEventListener,
};
use serde::Deserialize;
use serde_json::json;

/// Does what its configuration says, and what the event's client says.
struct Puppet {
    config: Config,
    logger: Logger,
    data_dir: PathBuf,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Config {
    init: String,
    is_enabled: String,
    shutdown: String,
    drop: String,
}

fn act(how: &str) -> Result<(), Error> {
    match how {
        "" => Ok(()),
        "error" => Err(Error::new("as it was told")),
        "config" => Err(Error::config("`init` must not be \"config\"")),
        "panic" => panic!("as it was told"),
        "odd panic" => std::panic::panic_any(7),
        "panic carried over" => {
            // One that was caught before must not lend its place to the next.
            let _ = std::panic::catch_unwind(|| panic!("caught"));
            let thread = std::thread::spawn(|| panic!("from a thread"));
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
        other => Err(Error::new(format_args!("unknown: {other}"))),
    }
}

impl Lifecycle for Puppet {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        let config: Config = context.config()?;
        tracing::info!(host = context.host_version(), "init");
        act(&config.init)?;
        Ok(Self {
            config,
            logger: context.logger(),
            data_dir: context.data_dir()?.to_owned(),
        })
    }

    fn is_enabled(&self) -> bool {
        act(&self.config.is_enabled).is_ok()
    }

    fn shutdown(&self) -> Result<(), Error> {
        tracing::info!("shutdown");
        act(&self.config.shutdown)
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        act(&self.config.drop).unwrap();
    }
}

impl IdTokenIssueEventListener for Puppet {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        match event.client_id() {
            "log" => {
                let span = tracing::info_span!("span", outer = 1, shared = "outer");
                let _entered = span.enter();
                tracing::warn!(shared = "inner", n = 2.5, subject = %event.subject(), "hello {}", 7);
                Ok(())
            }
            "threads" => {
                let logger = self.logger;
                let thread = std::thread::Builder::new().name("worker".to_owned());
                let thread = thread.spawn(move || {
                    tracing::info!("nobody knows who says this");
                    logger.scope(|| tracing::info!("on a thread"));
                    logger.scope(|| panic!("on a thread"));
                })?;
                let _ = thread.join();
                Ok(())
            }
            "keep" => {
                let kept = (event.to_owned(), context.jwt_signer().to_owned());
                std::fs::write(self.data_dir.join("kept"), kept.0.event().id())?;
                KEPT.with_borrow_mut(|all| all.push(kept));
                Ok(())
            }
            how => act(how.strip_prefix("do ").unwrap_or("")),
        }
    }
}

thread_local! {
    static KEPT: std::cell::RefCell<Vec<(OwnedIdTokenIssueEvent, OwnedJwtSigner)>> =
        const { std::cell::RefCell::new(Vec::new()) };
}

fn puppet(host: &Host) -> testing::Instance<IdTokenIssue> {
    host.id_token_issue::<Puppet>("puppet", &json!({})).unwrap()
}

/// Is enabled where it takes over.
struct Heir(bool);

impl Lifecycle for Heir {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self(context.takes_over()))
    }

    fn is_enabled(&self) -> bool {
        self.0
    }
}

impl IdTokenIssueEventListener for Heir {
    fn id_token_issued(
        &self,
        _: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn an_instance_is_told_that_it_takes_over_at_a_reload_alone() {
    let host = Host::new();
    for (host, expected) in [(host.clone(), false), (host.reloading(), true)] {
        let heir = host.id_token_issue::<Heir>("heir", &json!({})).unwrap();
        assert_eq!(heir.is_enabled().unwrap(), expected);
    }
}

#[test]
fn errors_and_panics_of_every_phase_come_back_as_values() {
    let host = Host::new();
    let make = |config| host.id_token_issue::<Puppet>("p", &config);

    let error = || Failure::Error("as it was told".to_owned());
    let panicked = |failure: Failure| match failure {
        Failure::Panicked(message) => {
            assert!(message.starts_with("as it was told, at "), "{message}");
            assert!(message.contains("kit.rs:"), "{message}");
        }
        other => panic!("no panic: {other}"),
    };

    assert_eq!(make(json!({ "init": "error" })).unwrap_err(), error());
    panicked(make(json!({ "init": "panic" })).unwrap_err());
    assert_eq!(
        make(json!({ "init": "config" })).unwrap_err(),
        Failure::Config("`init` must not be \"config\"".to_owned())
    );

    panicked(
        make(json!({ "is_enabled": "panic" }))
            .unwrap()
            .is_enabled()
            .unwrap_err(),
    );
    assert_eq!(
        make(json!({ "is_enabled": "error" })).unwrap().is_enabled(),
        Ok(false)
    );
    assert_eq!(make(json!({})).unwrap().is_enabled(), Ok(true));

    let instance = make(json!({})).unwrap();
    let call = |how: &str| instance.call(&IdTokenIssue::new().client_id(how));
    assert_eq!(call("do error"), Err(error()));
    panicked(call("do panic").unwrap_err());
    assert_eq!(
        call("do panic carried over"),
        Err(Failure::Panicked("from a thread".to_owned())),
        "no place rather than a wrong one"
    );
    assert!(matches!(
        call("do odd panic"),
        Err(Failure::Panicked(message)) if message.starts_with("(the panic carries no text), at ")
    ));
    assert_eq!(call("nothing"), Ok(()), "a panic does not end the instance");

    assert_eq!(
        make(json!({ "shutdown": "error" })).unwrap().shutdown(),
        Err(error())
    );
    panicked(
        make(json!({ "shutdown": "panic" }))
            .unwrap()
            .shutdown()
            .unwrap_err(),
    );
    panicked(
        make(json!({ "drop": "panic" }))
            .unwrap()
            .shutdown()
            .unwrap_err(),
    );
}

#[test]
fn a_configuration_that_does_not_fit_is_named_by_its_key() {
    let host = Host::new();
    let wrong = |config| host.id_token_issue::<Puppet>("p", &config).unwrap_err();
    let Failure::Config(message) = wrong(json!({ "init": 1 })) else {
        panic!("not the configuration's fault?");
    };
    assert_eq!(
        message,
        "`init`: invalid type: integer `1`, expected a string"
    );
    let Failure::Config(message) = wrong(json!({ "inti": "" })) else {
        panic!("not the configuration's fault?");
    };
    assert!(
        message.contains("unknown field `inti`, expected one of `init`"),
        "{message}"
    );
}

#[test]
fn tracing_reaches_the_log_of_the_instance_with_the_fields_of_its_spans() {
    let host = Host::new();
    let other = Host::new();
    let instance = puppet(&host);
    instance
        .call(&IdTokenIssue::new().client_id("log"))
        .unwrap();

    let record = host.record("hello").unwrap();
    assert_eq!(record.message, "hello 7");
    assert_eq!(record.level, Level::Warn);
    assert_eq!(record.instance, "puppet");
    assert_eq!(record.target, module_path!());
    assert!(record.file.unwrap().ends_with("kit.rs") && record.line.is_some());
    let fields = json!({ "outer": 1, "shared": "inner", "n": 2.5, "subject": "alice" });
    assert_eq!(serde_json::Value::from(record.fields), fields);

    instance.shutdown().unwrap();
    let messages: Vec<_> = host.take_records().into_iter().map(|r| r.message).collect();
    assert_eq!(messages, ["init", "hello 7", "shutdown"]);
    assert!(host.records().is_empty() && other.records().is_empty());
}

#[test]
fn threads_of_the_listeners_own_speak_in_its_name_where_they_say_so() {
    let host = Host::new();
    let instance = puppet(&host);
    host.take_records();
    instance
        .call(&IdTokenIssue::new().client_id("threads"))
        .unwrap();

    let records = host.records();
    let messages: Vec<_> = records.iter().map(|r| &*r.message).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(messages[0], "on a thread");
    assert!(
        messages[1].starts_with("panicked: on a thread, at "),
        "{messages:?}"
    );
    assert_eq!(
        (&*records[1].target, records[1].level),
        ("panic", Level::Error)
    );
    assert_eq!(records[1].fields["thread"], "worker");
    assert!(
        testing::unattributed_records()
            .iter()
            .any(|record| record.message == "nobody knows who says this")
    );
}

#[test]
fn what_a_listener_keeps_outlives_the_call_and_the_signer_ends_with_the_instance() {
    let host = Host::new();
    let event = IdTokenIssue::new()
        .client_id("keep")
        .txn("t1")
        .claim("n", &1);
    let id = event.event_id().to_owned();
    let instance = puppet(&host);
    instance.call(&event).unwrap();
    drop(event);

    let (event, signer) = KEPT.with_borrow_mut(|kept| kept.pop().unwrap());
    let (moved, from) = mpsc::channel();
    moved.send((event.clone(), signer.clone())).unwrap();
    drop(event);
    std::thread::spawn(move || {
        let (event, signer) = from.recv().unwrap();
        let event = event.event();
        assert_eq!((event.id(), event.txn()), (&*id, Some("t1")));
        assert_eq!(event.claims().get::<u32>("n").unwrap(), Some(1));
        let token = signer.sign(event.claims()).unwrap();
        let read = read_jwt(&token).unwrap();
        assert_eq!(read.header["typ"], "JWT");
        assert_eq!(read.claims, event.claims().to_map().unwrap());
    })
    .join()
    .unwrap();

    host.refuse_signing(Some("the key is gone"));
    assert_eq!(
        signer.sign(&json!({})).unwrap_err().to_string(),
        "the key is gone"
    );
    host.refuse_signing(None);
    let no_object = signer.sign(&[1]).unwrap_err().to_string();
    assert!(
        no_object.contains("a claims set is a JSON object"),
        "{no_object}"
    );

    instance.shutdown().unwrap();
    let closed = signer.sign(&json!({})).unwrap_err().to_string();
    assert!(closed.contains("shut this listener down"), "{closed}");
}

#[test]
fn the_data_directory_stays_for_the_next_instance_and_goes_with_the_host() {
    let host = Host::new();
    let base = host.base_dir().to_owned();
    for _ in 0..2 {
        let instance = puppet(&host);
        instance
            .call(&IdTokenIssue::new().client_id("keep"))
            .unwrap();
    }
    let kept = base.join("data/_puppet/kept");
    assert!(kept.is_file(), "{}", kept.display());
    let last = puppet(&host);
    drop(host);
    assert!(base.exists());
    drop(last);
    assert!(!base.exists());
}

/// Asserts what it sees.
struct Sees(fn(&AccessTokenIssueEvent<'_>, &EventContext<'_>));

impl Lifecycle for Sees {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self(match context.name() {
            "plain" => |event, context| {
                assert_eq!(event.subject(), Some(testing::SUBJECT));
                assert_eq!(
                    event.time(),
                    UNIX_EPOCH + Duration::from_secs(1_760_000_000)
                );
                assert_eq!(
                    event.claims().get::<u64>("iat").unwrap(),
                    Some(1_760_000_000)
                );
                assert_eq!(context.issuer(), testing::ISSUER);
                let client = context.client().unwrap();
                assert_eq!(client.string("client_id").unwrap(), testing::CLIENT_ID);
                assert!(event.txn().is_none() && event.more().iter().next().is_none());
            },
            "bare" => |event, context| {
                assert_eq!(event.subject(), None);
                assert!(context.client().is_none());
                assert_eq!(event.claims_json(), r#"{"a":1e999,"a":[ ]}"#);
                assert_eq!(event.claims().raw("a").unwrap().get(), "[ ]");
            },
            "full" => |event, context| {
                assert_eq!((event.id(), event.txn()), ("e-1", Some("t-1")));
                assert_eq!(event.time_micros(), 1_000_001);
                assert_eq!(
                    (context.issuer(), event.client_id()),
                    ("http://localhost", "c")
                );
                assert_eq!(event.subject(), Some("bob"));
                assert_eq!(context.client().unwrap().json(), r#"{"x":[1]}"#);
                assert_eq!(event.more().json(), r#"{"grant":"implicit","n":[null]}"#);
                assert_eq!(event.claims().string("sub").as_deref(), Some("bob"));
                let padding = event.claims().string("padding").unwrap();
                assert_eq!(padding.len(), 1 << 20);
            },
            other => panic!("{other}"),
        }))
    }
}

impl AccessTokenIssueEventListener for Sees {
    fn access_token_issued(
        &self,
        event: &AccessTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        (self.0)(event, context);
        Ok(())
    }
}

#[test]
fn every_member_of_an_event_can_be_set_and_left_out() {
    let host = Host::new();
    let see = |name, event: AccessTokenIssue| {
        let instance = host.access_token_issue::<Sees>(name, &json!({})).unwrap();
        assert_eq!(instance.call(&event), Ok(()));
        assert!(instance.class().ends_with("::Sees"));
    };
    see("plain", AccessTokenIssue::new());
    see(
        "bare",
        AccessTokenIssue::new()
            .without_subject()
            .without_client()
            .claims_json(r#"{"a":1e999,"a":[ ]}"#),
    );
    see(
        "full",
        AccessTokenIssue::new()
            .id("e-1")
            .txn("t-1")
            .time(UNIX_EPOCH + Duration::from_micros(1_000_001))
            .issuer("http://localhost")
            .client_id("c")
            .subject("bob")
            .client(&json!({ "x": [1] }))
            .member("grant", "implicit")
            .member("n", &[()])
            .member("gone", &1)
            .without_member("gone")
            .claim("padding", &"x".repeat(1 << 20)),
    );
}

struct Consent;

impl Lifecycle for Consent {
    fn init(_: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl SubjectAuthAndConsentEventListener for Consent {
    fn subject_authenticated_and_consented(
        &self,
        event: &SubjectAuthAndConsentEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        if event.client_id() == "bare" {
            assert!(event.id_token_claims().is_none() && event.scope().is_none());
            assert!(event.consented_claims().is_none() && event.authz_data().is_none());
            assert!(event.session().is_none());
            return Ok(());
        }
        let claims = event.id_token_claims().unwrap();
        assert_eq!(claims.string("sub").as_deref(), Some("pairwise"));
        assert_eq!(event.subject(), "alice");
        assert_eq!(event.scope().unwrap(), ["openid", "email"]);
        assert_eq!(event.consented_claims().unwrap(), ["email"]);
        assert_eq!(event.authz_data().unwrap().get(), "null");
        let session = event.session().unwrap();
        assert_eq!(session.sid().as_deref(), Some("s\n1"));
        assert_eq!(session.auth_time(), Some(1.5));
        assert_eq!(session.amr().unwrap(), ["pwd"]);
        assert_eq!((session.acr(), session.expires_at()), (None, None));
        assert!(session.members().contains("device"));
        Ok(())
    }
}

#[test]
fn a_subject_event_has_what_was_set_and_nothing_else() {
    let host = Host::new();
    let consent = host
        .subject_auth_and_consent::<Consent>("c", &json!({}))
        .unwrap();
    let bare = SubjectAuthAndConsent::new().client_id("bare");
    assert_eq!(consent.call(&bare), Ok(()));
    let full = SubjectAuthAndConsent::new()
        .id_token_claims(&json!({ "sub": "pairwise" }))
        .scope(&["openid", "email"])
        .consented_claims(&["email"])
        .authz_data(&())
        .session(&json!({ "sid": "s\n1", "auth_time": 1.5, "amr": ["pwd"], "device": {} }));
    assert_eq!(consent.call(&full), Ok(()));
}

#[test]
fn an_instance_is_called_from_several_threads_at_a_time() {
    struct Meet(std::sync::Barrier);

    impl Lifecycle for Meet {
        fn init(_: &InitContext<'_>) -> Result<Self, Error> {
            Ok(Self(std::sync::Barrier::new(4)))
        }
    }

    impl IdTokenIssueEventListener for Meet {
        fn id_token_issued(
            &self,
            event: &IdTokenIssueEvent<'_>,
            _: &EventContext<'_>,
        ) -> Result<(), Error> {
            self.0.wait();
            tracing::info!("{}", event.id());
            Ok(())
        }
    }

    let host = Host::new();
    let meet = host.id_token_issue::<Meet>("meet", &json!({})).unwrap();
    std::thread::scope(|threads| {
        for id in ["a", "b", "c", "d"] {
            let meet = &meet;
            threads.spawn(move || meet.call(&IdTokenIssue::new().id(id)).unwrap());
        }
    });
    let mut records = host.records();
    records.sort_by(|a, b| a.message.cmp(&b.message));
    let ids: Vec<_> = records
        .iter()
        .map(|r| (&*r.instance, &*r.message))
        .collect();
    assert_eq!(
        ids,
        [("meet", "a"), ("meet", "b"), ("meet", "c"), ("meet", "d")]
    );
}
