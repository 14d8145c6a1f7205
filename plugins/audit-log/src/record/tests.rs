//! What records look like.

use super::*;

const CLAIMS: &str = r#"{"sub":"pairwise-1","iat":1795291073,"exp":1795294673.5,"sid":"s1","big":123456789012345678901234567890.10,"é \"{":[1e999]}"#;
const MORE: &str = r#"{"scope":["openid","email"],"session":{"sid":"s2","auth_time":1795291000,"expires_at":1795294600,"device":"x"},"authz_data":{"n":1e1000}}"#;

fn record(format: Format, kind: Kind, subject: Option<&str>) -> String {
    let claims = JsonObject::parse(CLAIMS).unwrap();
    let more = JsonObject::parse(if kind == Kind::SubjectAuthAndConsent {
        MORE
    } else {
        "{}"
    });
    let more = more.unwrap();
    let entry = Entry {
        kind,
        id: "e-1",
        txn: Some("t-1"),
        time_micros: 1_795_291_073_677_000,
        issuer: "https://op.example.com",
        client_id: "000123",
        client_name: Some(Cow::Borrowed("Portal")),
        subject,
        claims: Some(&claims),
        more: &more,
        set: Some("eyJ.e30.sig"),
    };
    let all = ClaimsFilter::new(None, None).unwrap();
    let mut out = Vec::new();
    let filter = Filter {
        claims: &all,
        members: None,
    };
    entry.write(format, &filter, &mut out);
    out.extend_from_slice(if format == Format::Ocsf { b"}}" } else { b"}" });
    String::from_utf8(out).unwrap()
}

#[test]
fn a_native_record_holds_the_event_as_the_provider_writes_it() {
    assert_eq!(
        record(Format::Native, Kind::SubjectAuthAndConsent, Some("alice")),
        format!(
            "{{\"event\":{{\"type\":\"subject_auth_and_consent\",\"id\":\"e-1\",\"txn\":\"t-1\",\
             \"time\":1795291073.677,\"issuer\":\"https://op.example.com\",\"client_id\":\"000123\",\
             \"subject\":\"alice\",\"id_token_claims\":{CLAIMS},{}}},\"set\":\"eyJ.e30.sig\"}}",
            &MORE[1..MORE.len() - 1].replace(", ", ",")
        )
    );
}

#[test]
fn a_cloud_event_has_its_attributes_and_the_claims_as_they_came() {
    assert_eq!(
        record(Format::CloudEvents, Kind::AccessTokenIssue, None),
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"e-1\",\"source\":\"https://op.example.com\",\
             \"type\":\"urn:op-listener:event-type:access-token-issued\",\
             \"time\":\"2026-11-21T19:57:53.677000Z\",\"datacontenttype\":\"application/json\",\
             \"txn\":\"t-1\",\"set\":\"eyJ.e30.sig\",\
             \"data\":{{\"client_id\":\"000123\",\"claims\":{CLAIMS}}}}}"
        )
    );
}

#[test]
fn an_ocsf_record_tells_class_user_client_and_session() {
    let text = record(Format::Ocsf, Kind::IdTokenIssue, Some("alice"));
    for part in [
        r#""class_uid":3002"#,
        r#""type_uid":300201"#,
        r#""time":1795291073677"#,
        r#""user":{"uid":"alice","type_id":1,"type":"User"}"#,
        r#""actor":{"app_uid":"000123","app_name":"Portal","idp":"#,
        r#""created_time":1795291073000,"expiration_time":1795294673500"#,
        r#""session":{"issuer":"https://op.example.com","uid":"s1"}"#,
        &format!(
            r#""unmapped":{{"event":{{"type":"id_token_issue","claims":{CLAIMS}}},"set":"eyJ.e30.sig"}}}}"#
        ),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let text = record(Format::Ocsf, Kind::SubjectAuthAndConsent, Some("alice"));
    for part in [
        r#""type_uid":300301"#,
        r#""privileges":["openid","email"]"#,
        r#""uid":"s2","created_time":1795291000000,"expiration_time":1795294600000}"#,
        r#""authz_data":{"n":1e1000}"#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let text = record(Format::Ocsf, Kind::AccessTokenIssue, None);
    let client = r#""user":{"uid":"000123","name":"Portal","type_id":4,"type":"Service"}"#;
    assert!(text.contains(client), "{text}");
    assert!(text.contains(r#""type_uid":300299"#), "{text}");
}

#[test]
fn what_is_filtered_shows_nowhere_in_a_record() {
    let claims = JsonObject::parse(CLAIMS).unwrap();
    let more = JsonObject::parse(MORE).unwrap();
    let names = |json| Some(serde_json::from_str(json).unwrap());
    let filter = ClaimsFilter::new(names(r#"["big"]"#), None).unwrap();
    let members: Names = serde_json::from_str(r#"["authz_data"]"#).unwrap();
    for format in [Format::Native, Format::CloudEvents, Format::Ocsf] {
        for kind in [Kind::IdTokenIssue, Kind::SubjectAuthAndConsent] {
            let entry = Entry {
                kind,
                id: "e-1",
                txn: None,
                time_micros: 0,
                issuer: "https://op.example.com",
                client_id: "000123",
                client_name: None,
                subject: Some("alice"),
                claims: Some(&claims),
                more: &more,
                set: None,
            };
            let mut out = Vec::new();
            let filter = Filter {
                claims: &filter,
                members: Some(&members),
            };
            entry.write(format, &filter, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains("123456789012345678901234567890.10"), "{text}");
            assert!(text.contains("authz_data"), "{text}");
            for hidden in ["pairwise-1", "s1", "s2", "1795294673", "openid", "device"] {
                assert!(!text.contains(hidden), "{hidden} in {text}");
            }
        }
    }
}
