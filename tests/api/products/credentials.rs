//! What credentials of integrations may look like.

use secrecy::{ExposeSecret, SecretString};
use ttscm::error::{Step, Violation};
use ttscm::integration::{AuthType, Credentials, Given, Kind};

use crate::helpers::product::{client, credentials, given};

fn at(part: &str) -> Vec<Step> {
    ["config", "auth", "credentials", part].map(Step::from).to_vec()
}

/// The rules that these parts break.
fn refused(auth_type: AuthType, given: Given) -> Vec<Violation> {
    let path = ["config", "auth", "credentials"].map(Step::from);
    Credentials::check(auth_type, given, &client().guard, &path).err().unwrap_or_default()
}

#[test]
fn words_are_read_as_they_are_written() {
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    for auth_type in AuthType::ALL {
        assert_eq!(auth_type.as_str().parse::<AuthType>().unwrap(), auth_type);
        assert_eq!(serde_json::to_value(auth_type).unwrap(), auth_type.as_str());
    }
    assert!("Jira".parse::<Kind>().is_err() && "apikey".parse::<AuthType>().is_err());
}

#[test]
fn connectwise_has_a_way_of_its_own() {
    for kind in Kind::ALL {
        for auth_type in AuthType::ALL {
            let suits = (kind == Kind::Connectwise) == (auth_type == AuthType::Connectwise);
            let path = [Step::from("config"), "auth".into(), "type".into()];
            let checked = auth_type.check_for(kind, path.clone());
            assert_eq!(checked.is_ok(), suits, "{kind:?} {auth_type:?}");
            assert!(checked.err().is_none_or(|violation| violation.path == path));
        }
    }
}

#[test]
fn parts_may_be_left_out_where_health_can_tell_so() {
    for (auth_type, parts) in [
        (AuthType::Basic, &[("username", "Zoë"), ("password", " pass:word 🦷 ")][..]),
        (AuthType::Token, &[("apiToken", "your_zendesk_api_token")]),
        (AuthType::Token, &[("apiToken", "x"), ("email", "me@example.com"), ("username", "me")]),
        (AuthType::Bearer, &[("token", "eyJ.a.b")]),
        (AuthType::ApiKey, &[("header", "X-Api-Key"), ("value", "a b")]),
        (AuthType::ApiKey, &[("header", "Authorization"), ("value", "GenieKey 1")]),
        (AuthType::Oauth, &[("clientId", "client_id"), ("clientSecret", "client_secret")]),
        (
            AuthType::Oauth,
            &[("clientId", "a"), ("clientSecret", "b"), ("tokenUrl", "https://auth.example.com/token")],
        ),
    ] {
        assert_eq!(refused(auth_type, given(parts)), [], "{parts:?}");
    }
    let mut with_null = given(&[("apiToken", "x")]);
    with_null.insert("email".to_owned(), None);
    assert_eq!(refused(AuthType::Token, with_null), []);
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    for (auth_type, required) in [
        (AuthType::Basic, &["username", "password"][..]),
        (AuthType::Token, &["apiToken"]),
        (AuthType::Bearer, &["token"]),
        (AuthType::ApiKey, &["header", "value"]),
        (AuthType::Oauth, &["clientId", "clientSecret"]),
        (AuthType::Connectwise, &["companyId", "publicKey", "privateKey", "clientId"]),
    ] {
        let wanted: Vec<_> =
            required.iter().map(|part| Violation::new(at(part), format!("{part} is required"))).collect();
        assert_eq!(refused(auth_type, Given::new()), wanted);
    }
    let unknown = refused(AuthType::Bearer, given(&[("token", "x"), ("Token", "x")]));
    let rule = "Credentials of the type 'bearer' have no such part";
    assert_eq!(unknown, [Violation::new(at("Token"), rule)]);
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let long = "a".repeat(8193);
    for (auth_type, part, value, rule) in [
        (AuthType::Basic, "username", "", "username must not be empty"),
        (AuthType::Basic, "username", "a:b", "username must not have a colon"),
        (
            AuthType::Basic,
            "password",
            "a\0b",
            "password must not have line breaks or other control characters",
        ),
        (
            AuthType::Bearer,
            "token",
            "a\r\nX: y",
            "token must not have line breaks or other control characters",
        ),
        (AuthType::Bearer, "token", " a", "token must not begin or end with a space"),
        (AuthType::Bearer, "token", "é", "token must be of ASCII characters"),
        (AuthType::Bearer, "token", &long, "token must be at most 8192 bytes long"),
        (AuthType::Token, "apiToken", "tökn", "apiToken must be of ASCII characters"),
        (AuthType::Token, "email", "me", "email must be an e-mail address"),
        (AuthType::Token, "email", "a:b@example.com", "email must be an e-mail address"),
        (AuthType::ApiKey, "value", "✓", "value must be of ASCII characters"),
        (AuthType::ApiKey, "header", "X Key", "header must be the name of a header, such as X-Api-Key"),
        (AuthType::ApiKey, "header", "X-Key:", "header must be the name of a header, such as X-Api-Key"),
        (AuthType::ApiKey, "header", "Host", "'host' is not a header that can hold a key"),
        (
            AuthType::ApiKey,
            "header",
            "CONTENT-LENGTH",
            "'content-length' is not a header that can hold a key",
        ),
        (
            AuthType::ApiKey,
            "header",
            "Transfer-Encoding",
            "'transfer-encoding' is not a header that can hold a key",
        ),
        (AuthType::ApiKey, "header", "Connection", "'connection' is not a header that can hold a key"),
        (AuthType::Connectwise, "companyId", "a:b", "companyId must not have a colon"),
        (AuthType::Connectwise, "clientId", "é", "clientId must be of ASCII characters"),
        (AuthType::Oauth, "tokenUrl", "ftp://example.com", "The address must begin with https://"),
        (
            AuthType::Oauth,
            "tokenUrl",
            "https://169.254.169.254/token",
            "The address leads into a network that this server may not call (INTEGRATION_ALLOWED_NETWORKS)",
        ),
    ] {
        let violations = refused(auth_type, given(&[(part, value)]));
        let wanted = Violation::new(at(part), rule);
        assert!(violations.contains(&wanted), "{part} {value:?}: {violations:?}");
        assert!(
            violations
                .iter()
                .all(|broken| value.is_empty() || value.len() < 3 || !broken.message.contains(value))
        );
    }
}

#[test]
fn what_is_sealed_is_read_again_for_its_own_type_only() {
    let client = client();
    let parts = [("username", "tech"), ("password", "\"quoted\\\" 🦷")];
    let written = credentials(&client, AuthType::Basic, &parts).to_text().unwrap();
    let read = Credentials::from_text(AuthType::Basic, &written).unwrap();
    assert_eq!(read.to_text().unwrap().expose_secret(), written.expose_secret());
    assert_eq!(read.auth_type(), AuthType::Basic);
    let wrong = [("basic", AuthType::Bearer, written.expose_secret().to_owned())];
    let others = ["", "null", "[]", "{}", r#"{"type":"bearer"}"#, r#"{"type":"basic","password":7}"#];
    let others = others.map(|text| (text, AuthType::Basic, text.to_owned()));
    for (said, auth_type, text) in wrong.into_iter().chain(others) {
        let error = Credentials::from_text(auth_type, &SecretString::from(text)).err().unwrap();
        assert!(!format!("{error:?}").contains("quoted"), "{said}: {error:?}");
    }
}
