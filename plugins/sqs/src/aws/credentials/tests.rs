//! Each place that credentials come from, and how they are kept.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::*;
use crate::aws::fake::{Asked, Fake, Said};
use crate::aws::{Environment, Web};
use crate::config::{AssumeRole, Identity, NamedKeys, Secret};

const ROLE: &str = "arn:aws:iam::123456789012:role/publisher";

/// No home directory, and no instance.
fn environment(variables: &[(&str, &str)]) -> Environment {
    let nothing = [
        ("HOME", "/nowhere"),
        ("USERPROFILE", "/nowhere"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let all = nothing.iter().chain(variables);
    let owned = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::These(owned.collect())
}

fn chain(variables: &[(&str, &str)]) -> Chain {
    Chain {
        environment: environment(variables),
        web: Web::without_tls(Duration::from_mins(1)),
        identity: Identity::Default,
        assume_role: None,
        region: Some("eu-central-1".to_owned()),
    }
}

fn error(chain: &Chain) -> String {
    chain.credentials().unwrap_err().to_string()
}

/// A file of profiles, and the variable that leads to it.
struct Shared {
    dir: TempDir,
}

impl Shared {
    fn new(config: &str, credentials: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config"), config).unwrap();
        fs::write(dir.path().join("credentials"), credentials).unwrap();
        Self { dir }
    }

    fn chain(&self, variables: &[(&str, &str)]) -> Chain {
        let file = |name: &str| self.dir.path().join(name).to_str().unwrap().to_owned();
        let (config, credentials) = (file("config"), file("credentials"));
        let own = [
            ("AWS_CONFIG_FILE", &*config),
            ("AWS_SHARED_CREDENTIALS_FILE", &*credentials),
        ];
        chain(&[&own, variables].concat())
    }
}

fn in_minutes(minutes: i64) -> String {
    let time = OffsetDateTime::now_utc() + time::Duration::minutes(minutes);
    time.format(&Rfc3339).unwrap()
}

/// The XML of STS.
fn role_credentials(id: &str) -> Said {
    Said::ok(format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>secret/{id}</SecretAccessKey><SessionToken>token&amp;{id}</SessionToken>\
         <Expiration>{}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        in_minutes(60)
    ))
}

fn json_credentials(id: &str, minutes: i64) -> Said {
    Said::ok(format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"S","Token":"T","Expiration":"{}"}}"#,
        in_minutes(minutes)
    ))
}

#[test]
fn keys_of_the_environment_come_first_and_whole() {
    let id = ("AWS_ACCESS_KEY_ID", "ID");
    let secret = ("AWS_SECRET_ACCESS_KEY", "SECRET");
    let shared = Shared::new(
        "",
        "[default]\naws_access_key_id=X\naws_secret_access_key=Y\n",
    );
    let found = shared
        .chain(&[id, secret, ("AWS_SESSION_TOKEN", "TOKEN")])
        .credentials()
        .unwrap();
    assert_eq!(found.access_key_id, "ID");
    assert_eq!(found.secret_access_key.as_str(), "SECRET");
    assert_eq!(found.session_token.as_ref().unwrap().as_str(), "TOKEN");
    assert!(!format!("{found:?}").contains("SECRET"));
    assert_eq!(
        error(&chain(&[id])),
        "the environment lacks AWS_SECRET_ACCESS_KEY"
    );
    assert_eq!(
        error(&chain(&[secret])),
        "the environment lacks AWS_ACCESS_KEY_ID"
    );
}

#[test]
fn without_any_the_error_says_where_was_looked() {
    let error = error(&chain(&[]));
    assert!(
        error.contains("in the environment, in the shared files"),
        "{error}"
    );
    assert!(error.contains("AWS_EC2_METADATA_DISABLED"), "{error}");
}

#[test]
fn named_keys_are_read_anew_each_time_and_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    fs::write(&file, "one\n").unwrap();
    let mut chain = chain(&[("AWS_ACCESS_KEY_ID", "other"), ("MY_ID", "mine")]);
    chain.identity = Identity::Named(NamedKeys {
        access_key_id: Secret::Variable("MY_ID".to_owned()),
        secret_access_key: Secret::File(file.clone()),
        session_token: None,
    });
    let found = chain.credentials().unwrap();
    assert_eq!(
        (&*found.access_key_id, found.secret_access_key.as_str()),
        ("mine", "one")
    );
    fs::write(&file, "two").unwrap();
    assert_eq!(
        chain.credentials().unwrap().secret_access_key.as_str(),
        "two"
    );
    fs::write(&file, "\n").unwrap();
    assert!(error(&chain).ends_with("is empty"));
    fs::remove_file(&file).unwrap();
    assert!(error(&chain).contains("cannot be read"));
}

#[test]
fn profiles_give_keys_by_name_and_by_default() {
    let shared = Shared::new(
        "[profile dev]\nregion=eu-west-1\n[profile empty]\nregion=x\n[profile half]\naws_access_key_id=H\n\
         [profile person]\nsso_session=x\n",
        "[default]\naws_access_key_id=D\naws_secret_access_key=S\n[dev]\naws_access_key_id=V\n\
         aws_secret_access_key=S\naws_session_token=T\n",
    );
    assert_eq!(shared.chain(&[]).credentials().unwrap().access_key_id, "D");
    let dev = shared
        .chain(&[("AWS_PROFILE", "dev")])
        .credentials()
        .unwrap();
    assert_eq!(dev.access_key_id, "V");
    assert_eq!(dev.session_token.as_ref().unwrap().as_str(), "T");
    let mut explicit = shared.chain(&[("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "S")]);
    explicit.identity = Identity::Profile("dev".to_owned());
    assert_eq!(explicit.credentials().unwrap().access_key_id, "V");
    for (name, why) in [
        ("gone", "there is no profile \"gone\""),
        ("empty", "the profile \"empty\" has no credentials"),
        ("half", "lacks `aws_secret_access_key`"),
        ("person", "export-credentials"),
    ] {
        let error = error(&shared.chain(&[("AWS_PROFILE", name)]));
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_role_is_assumed_with_the_keys_of_its_source() {
    let sts = Fake::new(|asked: &Asked| {
        let id = if asked.body.contains("role%2Fouter") {
            "OUTER"
        } else {
            "INNER"
        };
        role_credentials(id)
    });
    let shared = Shared::new(
        "[profile outer]\nrole_arn=arn:aws:iam::1:role/outer\nsource_profile=inner\nexternal_id=e d\n\
         role_session_name=op\nduration_seconds=900\n\
         [profile inner]\nrole_arn=arn:aws:iam::1:role/inner\nsource_profile=inner\n\
         aws_access_key_id=STATIC\naws_secret_access_key=S\n",
        "",
    );
    let chain = shared.chain(&[
        ("AWS_PROFILE", "outer"),
        ("AWS_ENDPOINT_URL_STS", &sts.url()),
    ]);
    let found = chain.credentials().unwrap();
    assert_eq!(found.access_key_id, "OUTER");
    assert_eq!(
        found.session_token.as_ref().unwrap().as_str(),
        "token&OUTER"
    );
    assert!(found.expires.is_some());
    let asked = sts.asked();
    let signed_by = |asked: &Asked, id: &str| {
        let signature = &asked.headers["authorization"];
        signature.contains(&format!("Credential={id}/"))
            && signature.contains("/eu-central-1/sts/aws4_request")
    };
    assert!(
        signed_by(&asked[0], "STATIC") && signed_by(&asked[1], "INNER"),
        "{asked:?}"
    );
    assert_eq!(asked[1].headers["x-amz-security-token"], "token&INNER");
    assert_eq!(
        asked[1].body,
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fouter&\
         RoleSessionName=op&DurationSeconds=900&ExternalId=e%20d"
    );
    assert!(asked[0].body.contains("RoleSessionName=op-listener"));
}

#[test]
fn a_role_of_the_configuration_is_assumed_on_top() {
    let sts = Fake::new(|_| role_credentials("ROLE"));
    let url = sts.url();
    let mut chain = chain(&[
        ("AWS_ACCESS_KEY_ID", "ID"),
        ("AWS_SECRET_ACCESS_KEY", "S"),
        ("AWS_ENDPOINT_URL", &url),
    ]);
    chain.assume_role = Some(AssumeRole {
        role_arn: ROLE.to_owned(),
        session_name: None,
        external_id: None,
        duration: None,
    });
    assert_eq!(chain.credentials().unwrap().access_key_id, "ROLE");
    assert!(sts.asked()[0].headers["authorization"].contains("Credential=ID/"));
}

#[test]
fn profiles_that_cannot_serve_say_why() {
    let shared = Shared::new(
        "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=a\n\
         [profile person]\nrole_arn=r\nmfa_serial=m\nsource_profile=a\n\
         [profile alone]\nrole_arn=r\n\
         [profile both]\nrole_arn=r\nsource_profile=a\ncredential_source=Environment\n\
         [profile odd]\nrole_arn=r\ncredential_source=Sky\n\
         [profile env]\nrole_arn=r\ncredential_source=Environment\n",
        "",
    );
    for (name, why) in [
        ("a", "comes back to itself"),
        ("person", "`mfa_serial`"),
        ("alone", "neither `source_profile` nor `credential_source`"),
        ("both", "leave out one"),
        ("odd", "none of Environment"),
        ("env", "there are none"),
    ] {
        let error = error(&shared.chain(&[("AWS_PROFILE", name)]));
        assert!(error.contains(why), "{name}: {error}");
    }
}

#[test]
fn what_sts_refuses_is_said_by_its_code() {
    let sts = Fake::new(|_| {
        Said::status(
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not \
             authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>",
        )
    });
    let shared = Shared::new("[default]\nrole_arn=r\ncredential_source=Environment\n", "");
    let mut chain = shared.chain(&[
        ("AWS_ACCESS_KEY_ID", "ID"),
        ("AWS_SECRET_ACCESS_KEY", "S"),
        ("AWS_ENDPOINT_URL_STS", &sts.url()),
    ]);
    chain.identity = Identity::Profile("default".to_owned());
    assert_eq!(
        error(&chain),
        "the role (STS): AccessDenied: not authorized to perform: sts:AssumeRole"
    );
}

#[test]
fn a_web_identity_is_taken_from_its_file_each_time() {
    let sts = Fake::new(|_| role_credentials("WEB"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, "ey.J.1\n").unwrap();
    let (url, file) = (sts.url(), file.to_str().unwrap());
    let chain_of = |more: &[(&str, &str)]| {
        let own = [
            ("AWS_ENDPOINT_URL_STS", &*url),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", file),
        ];
        chain(&[&own, more].concat())
    };
    let whole = chain_of(&[("AWS_ROLE_ARN", ROLE), ("AWS_ROLE_SESSION_NAME", "pod")]);
    assert_eq!(whole.credentials().unwrap().access_key_id, "WEB");
    fs::write(file, "ey.J.2\n").unwrap();
    whole.credentials().unwrap();
    let asked = sts.asked();
    assert!(
        asked[0]
            .body
            .starts_with("Action=AssumeRoleWithWebIdentity&")
    );
    assert!(
        asked[0]
            .body
            .ends_with("&RoleSessionName=pod&WebIdentityToken=ey.J.1")
    );
    assert!(asked[1].body.ends_with("WebIdentityToken=ey.J.2"));
    assert!(!asked[0].headers.contains_key("authorization"));
    assert_eq!(
        error(&chain_of(&[])),
        "AWS_WEB_IDENTITY_TOKEN_FILE lacks AWS_ROLE_ARN"
    );

    let shared = Shared::new(
        &format!("[default]\nrole_arn={ROLE}\nweb_identity_token_file={file}\n"),
        "",
    );
    let chain = shared.chain(&[("AWS_ENDPOINT_URL_STS", &url)]);
    assert_eq!(chain.credentials().unwrap().access_key_id, "WEB");
}

#[test]
fn a_container_is_asked_with_the_token_of_its_file() {
    let container = Fake::new(|_| json_credentials("POD", 60));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, "Bearer abc\n").unwrap();
    let url = container.url() + "/v1/credentials?x=1";
    let chain = chain(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            file.to_str().unwrap(),
        ),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one"),
    ]);
    let found = chain.credentials().unwrap();
    assert_eq!(found.access_key_id, "POD");
    assert_eq!(found.session_token.as_ref().unwrap().as_str(), "T");
    let asked = &container.asked()[0];
    assert_eq!(
        (&*asked.method, &*asked.path),
        ("GET", "/v1/credentials?x=1")
    );
    assert_eq!(asked.headers["authorization"], "Bearer abc");
    fs::write(&file, "a\r\nx-evil: b").unwrap();
    assert!(error(&chain).contains("several lines"));
}

/// An instance with a role.
fn instance(minutes: i64) -> Fake {
    Fake::new(move |asked| {
        let token = asked.headers.get("x-aws-ec2-metadata-token");
        match (&*asked.method, &*asked.path) {
            ("PUT", "/latest/api/token") => {
                assert_eq!(
                    asked.headers["x-aws-ec2-metadata-token-ttl-seconds"],
                    "21600"
                );
                Said::ok("TOKEN")
            }
            ("GET", _) if token.is_none_or(|token| token != "TOKEN") => Said::status(401, ""),
            ("GET", "/latest/meta-data/iam/security-credentials/") => Said::ok("the-role\n"),
            ("GET", "/latest/meta-data/iam/security-credentials/the-role") => {
                json_credentials("EC2", minutes)
            }
            ("GET", "/latest/meta-data/placement/region") => Said::ok("sa-east-1"),
            _ => Said::status(404, ""),
        }
    })
}

#[test]
fn an_instance_is_asked_by_version_2_alone() {
    let imds = instance(60);
    let url = imds.url();
    let at = [
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*url),
    ];
    let chain = chain(&at);
    assert_eq!(chain.credentials().unwrap().access_key_id, "EC2");
    assert_eq!(chain.imds().region().unwrap(), "sa-east-1");
    assert_eq!(imds.asked()[0].method, "PUT");
    // What has ended there already is used: AWS takes it while the service cannot renew it.
    let imds = instance(-5);
    let url = imds.url();
    let chain = self::chain(&[at[0], ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url)]);
    assert!(chain.credentials().unwrap().last(Duration::from_mins(10)));
}

/// A cache over a container that answers with credentials of so many minutes, `OLD` at first.
fn cache_over(answers: Vec<Said>) -> (Fake, Cache) {
    let count = AtomicUsize::new(0);
    let container = Fake::new(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        answers[number.min(answers.len() - 1)].clone()
    });
    let cache = Cache::new(chain(&[(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        &container.url(),
    )]));
    (container, cache)
}

#[test]
fn credentials_are_kept_until_shortly_before_their_end() {
    let (container, cache) = cache_over(vec![json_credentials("ONE", 60)]);
    let first = cache.get().unwrap();
    assert!(Arc::ptr_eq(&first, &cache.get().unwrap()));
    assert_eq!(container.asked().len(), 1);
    cache.forget(&first);
    assert!(!Arc::ptr_eq(&first, &cache.get().unwrap()));
    assert_eq!(container.asked().len(), 2);
    // Those that are there by now are others.
    cache.forget(&first);
    cache.get().unwrap();
    assert_eq!(container.asked().len(), 2);
}

#[test]
fn old_ones_serve_to_their_end_when_there_are_no_new_ones() {
    let (container, cache) = cache_over(vec![json_credentials("OLD", 3), Said::status(500, "")]);
    assert_eq!(cache.get().unwrap().access_key_id, "OLD");
    assert_eq!(cache.get().unwrap().access_key_id, "OLD");
    assert_eq!(container.asked().len(), 2);

    let (_container, cache) = cache_over(vec![
        json_credentials("OLD", 3),
        json_credentials("NEW", 60),
    ]);
    assert_eq!(cache.get().unwrap().access_key_id, "OLD");
    assert_eq!(cache.get().unwrap().access_key_id, "NEW");
}

#[test]
fn what_has_ended_is_not_used() {
    let (_container, cache) = cache_over(vec![json_credentials("ENDED", -1)]);
    let error = cache.get().unwrap_err().to_string();
    assert!(error.contains("ended already"), "{error}");
}

#[test]
fn one_thread_at_a_time_gets_them() {
    let (container, cache) = cache_over(vec![json_credentials("ONE", 60)]);
    let cache = &cache;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(cache.get().unwrap().access_key_id, "ONE"));
        }
    });
    assert_eq!(container.asked().len(), 1);
}

#[test]
fn a_home_directory_is_looked_into() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(".aws")).unwrap();
    let file = dir.path().join(".aws/credentials");
    fs::write(
        file,
        "[default]\naws_access_key_id=HOME\naws_secret_access_key=S\n",
    )
    .unwrap();
    let home: &Path = dir.path();
    let home = home.to_str().unwrap();
    let chain = chain(&[("HOME", home), ("USERPROFILE", home)]);
    assert_eq!(chain.credentials().unwrap().access_key_id, "HOME");
}
