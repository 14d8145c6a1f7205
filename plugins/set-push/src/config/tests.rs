//! What may be written, and what is refused, by name.

use super::*;

fn check(json: &str) -> Result<Settings, String> {
    let table: Table = serde_json::from_str(json).map_err(|error| error.to_string())?;
    table.check().map_err(|error| error.to_string())
}

#[track_caller]
fn refused(more: &str, because: &str) {
    let json = format!(r#"{{"endpoint":"https://receiver.example.com/set"{more}}}"#);
    let error = check(&json).unwrap_err();
    assert!(error.contains(because), "{json}: {error}");
}

#[track_caller]
fn refused_endpoint(endpoint: &str, because: &str) {
    let json = serde_json::json!({ "endpoint": endpoint }).to_string();
    let error = check(&json).unwrap_err();
    assert!(error.contains(because), "{endpoint}: {error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn an_endpoint_is_enough() {
    let settings =
        check(r#"{"enable":true,"endpoint":"https://receiver.example.com/set"}"#).unwrap();
    let delivery = settings.delivery.unwrap();
    assert_eq!(delivery.endpoint.host(), "receiver.example.com");
    assert_eq!(delivery.timeout, Duration::from_secs(30));
    assert_eq!(delivery.connect_timeout, Duration::from_secs(5));
    assert!(delivery.permits.hosts.is_empty() && !delivery.permits.loopback_only);
    assert_eq!(settings.order, Order::None);
    assert_eq!(settings.content.sub_id, SubIdFormat::IssSub);
}

#[test]
fn every_key_is_read() {
    let settings = check(
        r#"{"enable":true,"endpoint":"https://receiver.internal:8443/set?tenant=hunter2",
            "allow_hosts":["Receiver.Internal"],"proxy":"http://proxy.internal:3128",
            "authorization_file":"token","ca_file":"ca.pem","client_certificate":"c.pem",
            "client_key":"k.pem","timeout_ms":10000,"connect_timeout_ms":2000,"success":[200,204],
            "order":"subject","audience":"https://a.example.com, https://b.example.com",
            "sub_id":"account","subject":"token","account_host":"example.com","jti":"instance",
            "claims":"acr amr","mask":["email"],"members":["scope"],
            "event_types":{"id_token_issue":"https://schemas.example.com/x"},
            "verify":{"state":"s","issuer":"https://op.example.com","stream_id":"1"}}"#,
    )
    .unwrap();
    let delivery = settings.delivery.unwrap();
    assert_eq!(
        delivery.endpoint.to_string(),
        "https://receiver.internal:8443/set?…"
    );
    assert_eq!(delivery.permits.hosts, ["receiver.internal"]);
    assert_eq!(delivery.proxy.unwrap().host(), "proxy.internal");
    assert_eq!(delivery.client, Some(("c.pem".into(), "k.pem".into())));
    assert_eq!(delivery.timeout, Duration::from_secs(10));
    assert_eq!(delivery.connect_timeout, Duration::from_secs(2));
    assert_eq!(delivery.success, [200, 204]);
    assert_eq!(settings.order, Order::Subject);
    let content = settings.content;
    assert_eq!(
        content.audience,
        ["https://a.example.com", "https://b.example.com"]
    );
    assert_eq!(content.sub_id, SubIdFormat::Account);
    assert_eq!(content.subject, WhichSubject::Token);
    assert_eq!(content.claims, ["acr", "amr"]);
    assert_eq!(content.jti, Jti::Instance);
    assert_eq!(settings.verify.unwrap().stream_id, "1");
}

#[test]
fn it_is_off_by_default_and_then_nothing_else_is_looked_at() {
    assert!(!serde_json::from_str::<Switch>("{}").unwrap().enable);
    assert!(
        !serde_json::from_str::<Switch>(r#"{"endpiont":1}"#)
            .unwrap()
            .enable
    );
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    assert!(check("{}").unwrap_err().contains("`endpoint` is missing"));
    refused(r#","endpiont":"x""#, "unknown field `endpiont`");
    refused(r#","order":"fifo""#, "unknown variant `fifo`");
    refused(r#","timeout_ms":0"#, "`timeout_ms` is zero");
    refused(r#","connect_timeout_ms":600001"#, "`connect_timeout_ms`");
    refused(
        r#","client_key":"k.pem""#,
        "with `client_certificate` alone",
    );
    refused(
        r#","client_certificate":"c.pem""#,
        "with `client_key` alone",
    );
    refused(r#","success":[200,302]"#, "`success` has 302");
    refused(r#","claims":["sub"],"mask":"sub""#, "not both");
    refused(
        r#","account_host":"example.com""#,
        "`sub_id = \"account\"` alone",
    );
    refused(
        r#","sub_id":"account","account_host":"a b""#,
        "no host's name",
    );
    refused(
        r#","event_types":{"access_token_issue":"x"}"#,
        "`event_types.access_token_issue`",
    );
    refused(
        r#","event_types":{"access_token":"x:y"}"#,
        "unknown field `access_token`",
    );
    refused(r#","allow_hosts":["https://x.internal/"]"#, "is no host");
    refused(r#","allow_hosts":["x.internal:443"]"#, "is no host");
    refused(r#","allow_hosts":["*.internal"]"#, "is no host");
    refused(r#","allow_hosts":[""]"#, "an empty text");
    refused(r#","allow_hosts":7"#, "an array of texts");
    refused(r#","proxy":"proxy.internal""#, "no URL of an HTTP proxy");
    refused(
        r#","proxy":"socks5://proxy.internal:1080""#,
        "no URL of an HTTP proxy",
    );
    refused(
        r#","proxy":"http://u:hunter2@proxy.internal:1""#,
        "`proxy_file`",
    );
    refused(
        r#","proxy":"http://proxy.internal:1","proxy_file":"p""#,
        "leave one out",
    );
    refused(
        r#","verify":{"state":"","issuer":"https://op.example.com","stream_id":"1"}"#,
        "`verify.state` is missing",
    );
    refused(
        r#","verify":{"state":"x","issuer":"op","stream_id":"1"}"#,
        "`verify.issuer`",
    );
    refused(
        r#","verify":{"state":"x","issuer":"https://op.example.com"}"#,
        "`stream_id`",
    );
}

#[test]
fn only_urls_to_post_to_are_endpoints_and_their_secrets_are_not_shown() {
    refused_endpoint("", "cannot be read");
    refused_endpoint("/set", "not absolute");
    refused_endpoint("receiver.example.com", "not absolute");
    refused_endpoint("ftp://receiver.example.com", "neither https:// nor http://");
    refused_endpoint(
        "https://user:hunter2@receiver.example.com/",
        "use `authorization_file`",
    );
    refused_endpoint("https://receiver.example.com/#hunter2", "a fragment");
    refused_endpoint("https://receiver.example.com/a b?hunter2", "spaces");
    refused_endpoint("https://empfänger.example.com/?hunter2", "beyond ASCII");
    refused_endpoint(
        "http://receiver.example.com/?hunter2",
        "only https:// is encrypted",
    );
    refused_endpoint("http://10.0.0.1/?hunter2", "only https:// is encrypted");
    refused_endpoint("http://127.0.0.1:8080/", "`allow_hosts = [\"127.0.0.1\"]`");
    refused_endpoint("http://localhost:8080/", "`allow_hosts = [\"localhost\"]`");
}

#[test]
fn addresses_inside_have_to_be_allowed_by_name() {
    for (endpoint, host, what) in [
        ("https://127.0.0.1/", "127.0.0.1", "a loopback address"),
        ("https://[::1]:8443/", "::1", "a loopback address"),
        (
            "https://[0:0:0:0:0:FFFF:10.0.0.1]/",
            "::ffff:10.0.0.1",
            "private network",
        ),
        ("https://10.1.2.3/", "10.1.2.3", "private network"),
        (
            "https://169.254.169.254/",
            "169.254.169.254",
            "metadata service",
        ),
    ] {
        refused_endpoint(endpoint, what);
        let allowed = serde_json::json!({ "endpoint": endpoint, "allow_hosts": [host] });
        check(&allowed.to_string()).unwrap();
    }
    refused_endpoint("https://0.0.0.0/", "no address that a receiver can have");
    refused_endpoint(
        "https://255.255.255.255/",
        "no address that a receiver can have",
    );
}

#[test]
fn without_encryption_tls_files_and_proxies_are_refused() {
    for (more, because) in [
        (r#""ca_file":"ca.pem""#, "`ca_file` is of no use"),
        (
            r#""client_certificate":"c","client_key":"k""#,
            "`client_certificate` is of no use",
        ),
        (
            r#""proxy":"http://proxy.internal:3128""#,
            "`proxy` does not go",
        ),
    ] {
        let json =
            format!(r#"{{"endpoint":"http://localhost:80/","allow_hosts":"localhost",{more}}}"#);
        let error = check(&json).unwrap_err();
        assert!(error.contains(because), "{error}");
    }
}
