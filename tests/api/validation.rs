//! Bad input: each is refused in the envelope, with the way to what is wrong, and nothing is half-written.

use reqwest::Method;
use ttscm::error::{Error, Violation};
use ttscm::http::route::Row;
use ttscm::http::v1;

use crate::helpers::scene::{field, id_in, kind_with};
use crate::helpers::{Answer, Scene, Value, json};

const CREDENTIALS: &str = "/v1/credential/credentials";

/// A secret that no answer may repeat.
const SECRET: &str = "Tr0ub4dor&3-secret";

/// Values that a credential of the AWS type may have.
fn values() -> Value {
    json!([{"fieldId": "accessKeyId", "value": "AKIA"}, {"fieldId": "secretAccessKey", "value": SECRET}])
}

/// A good body with some members in place of others; `undefined` takes one away.
fn body(scene: &Scene, changes: &Value) -> Value {
    let mut body = scene.body("Production", &values());
    for (name, value) in changes.as_object().expect("an object") {
        match value.as_str() {
            Some("undefined") => drop(body.as_object_mut().unwrap().remove(name)),
            _ => body[name] = value.clone(),
        }
    }
    body
}

/// Checks that an answer is a validation error with just these violations, and repeats no secret.
#[track_caller]
fn refused(answer: &Answer, expected: &[(Value, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(path, rule)| (path.clone(), (*rule).to_owned())).collect();
    assert_eq!(answer.violations(), expected);
    assert!(!answer.text.contains(SECRET), "{}", answer.text);
}

#[tokio::test]
async fn a_body_must_have_the_documented_shape() {
    let scene = Scene::start().await;
    let before = scene.app.db_counts().await;
    let (long, longer) = ("n".repeat(201), "n".repeat(10_001));
    for (changes, path, rule) in [
        (json!({"name": "undefined"}), json!(["name"]), "Field is required"),
        (json!({"typeId": "undefined"}), json!(["typeId"]), "Field is required"),
        (json!({"companyId": "undefined"}), json!(["companyId"]), "Field is required"),
        (json!({"name": 5}), json!(["name"]), "Must be a string"),
        (json!({"name": null}), json!(["name"]), "Must be a string"),
        (json!({"name": " \t"}), json!(["name"]), "Must not be blank"),
        (json!({"name": long}), json!(["name"]), "Must have at most 200 characters"),
        (json!({"name": "a\0b"}), json!(["name"]), "Must not contain the NUL character"),
        (json!({"notes": {}}), json!(["notes"]), "Must be null or a string"),
        (json!({"notes": longer}), json!(["notes"]), "Must have at most 10000 characters"),
        (json!({"notes": "\0"}), json!(["notes"]), "Must not contain the NUL character"),
        (json!({"typeId": ["x"]}), json!(["typeId"]), "Must be a string"),
        (json!({"colour": SECRET}), json!(["colour"]), "Unknown field"),
        (json!({"a\0b": 1}), json!([]), "Must not contain the NUL character"),
        (json!({"fields": {"secretAccessKey": SECRET}}), json!(["fields"]), "Must be a list"),
        (json!({"fields": [SECRET]}), json!(["fields", 0]), "Must be an object"),
        (
            json!({"fields": [{"fieldId": 1, "value": SECRET}]}),
            json!(["fields", 0, "fieldId"]),
            "Must be a string",
        ),
        (
            json!({"fields": [{"fieldId": "note", "value": 12_345_678}]}),
            json!(["fields", 0, "value"]),
            "Must be null or a string",
        ),
        (
            json!({"fields": [{"fieldId": "note", "value": [SECRET]}]}),
            json!(["fields", 0, "value"]),
            "Must be null or a string",
        ),
        (json!({"fields": [{"fieldId": "note"}]}), json!(["fields", 0, "value"]), "Field is required"),
        (json!({"fields": [{"value": SECRET}]}), json!(["fields", 0, "fieldId"]), "Field is required"),
        (
            json!({"fields": [{"fieldId": "note", "value": SECRET, "x": 1}]}),
            json!(["fields", 0, "x"]),
            "Unknown field",
        ),
        (
            json!({"fields": [{"fieldId": "note", "value": format!("{SECRET}\0")}]}),
            json!(["fields", 0, "value"]),
            "Must not contain the NUL character",
        ),
    ] {
        refused(&scene.admin.post(CREDENTIALS, &body(&scene, &changes)).await, &[(path, rule)]);
    }
    for (odd, rule) in [
        (json!([]), "Must be an object"),
        (json!(SECRET), "Must be an object"),
        (Value::Null, "Must be an object"),
    ] {
        refused(&scene.admin.post(CREDENTIALS, &odd).await, &[(json!([]), rule)]);
    }
    assert_eq!(scene.app.db_counts().await, before);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let scene = Scene::start().await;
    let answer = scene.admin.post(CREDENTIALS, &json!({"name": 1, "colour": 2, "fields": [{}]})).await;
    let mut paths: Vec<_> = answer.violations().into_iter().map(|(path, _)| path.to_string()).collect();
    paths.sort_unstable();
    let expected = [
        r#"["colour"]"#,
        r#"["companyId"]"#,
        r#"["fields",0,"fieldId"]"#,
        r#"["fields",0,"value"]"#,
        r#"["name"]"#,
        r#"["typeId"]"#,
    ];
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn values_must_fit_the_fields_of_the_type() {
    let scene = Scene::start().await;
    let before = scene.app.db_counts().await;
    let (id, value) = (|at: u32| json!(["fields", at, "fieldId"]), |at: u32| json!(["fields", at, "value"]));
    let wrong = json!([
        {"fieldId": "accessKeyId", "value": null},
        {"fieldId": "unknown", "value": SECRET},
        {"fieldId": "note", "value": SECRET},
        {"fieldId": "note", "value": SECRET},
        {"fieldId": "spare", "value": SECRET.repeat(4000)}
    ]);
    refused(
        &scene.admin.post(CREDENTIALS, &body(&scene, &json!({"fields": wrong}))).await,
        &[
            (json!(["fields"]), "The field 'secretAccessKey' (Secret Access Key) is required"),
            (value(0), "The field is required"),
            (id(1), "This credential type has no such field"),
            (id(3), "The field is given more than once"),
            (value(4), "Must be at most 65,536 bytes long"),
        ],
    );
    refused(
        &scene.admin.post(CREDENTIALS, &body(&scene, &json!({"fields": "undefined"}))).await,
        &[
            (json!(["fields"]), "The field 'accessKeyId' (Access Key ID) is required"),
            (json!(["fields"]), "The field 'secretAccessKey' (Secret Access Key) is required"),
        ],
    );
    assert_eq!(scene.app.db_counts().await, before);
}

#[tokio::test]
async fn each_value_type_has_its_rule() {
    let scene = Scene::start().await;
    let types = ["ip_address", "bitlocker_key", "license_key", "generic_secret", "password"];
    let fields: Vec<_> = types.iter().map(|kind| field(kind, kind, false, *kind != "ip_address")).collect();
    let kind = kind_with(&scene.admin, "Kinds", "kinds", &json!(fields)).await;
    let group = "000011-".repeat(7);
    let change = |pairs: &[(&str, &str)]| {
        let values: Vec<_> = pairs.iter().map(|(id, value)| json!({"fieldId": id, "value": value})).collect();
        json!({"fields": values})
    };
    let empty = json!({"name": "Kinds", "typeId": id_in(&kind), "companyId": scene.acme});
    let made = scene.admin.post(CREDENTIALS, &empty).await.data();
    let path = format!("{CREDENTIALS}/{}/fields", crate::helpers::fixture::id_of(&made));

    let (good, bad) = (format!("{group}720885"), format!("{group}720896"));
    for address in ["192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32"] {
        let fine = [
            ("ip_address", address),
            ("bitlocker_key", &good),
            ("license_key", "XXXX-YYYY"),
            ("password", " "),
        ];
        scene.admin.put(&path, &change(&fine)).await.expect(200);
    }
    let before = scene.app.db_text().await;
    let rules = [
        "Must be an IPv4 or IPv6 address, with or without a prefix length, such as 192.0.2.1 or 2001:db8::/32",
        "Must be a BitLocker recovery password: 8 groups of 6 digits with hyphens between, each group divisible by 11 and below 720896",
        "Must be one line of text and not be empty",
        "Must not be empty",
        "Must not be empty",
    ];
    for values in [
        ["192.0.2.256", &bad, "two\nlines", "", ""],
        ["192.0.2.1/33", "000011", " ", "", ""],
        ["2001:db8::/129", &good.replace('-', ""), "", "", ""],
        [SECRET, SECRET, &format!("{SECRET}\n"), "", ""],
        ["", "", "", "", ""],
    ] {
        let pairs: Vec<_> = types.into_iter().zip(values).collect();
        let expected: Vec<_> =
            rules.iter().enumerate().map(|(at, rule)| (json!(["fields", at, "value"]), *rule)).collect();
        refused(&scene.admin.put(&path, &change(&pairs)).await, &expected);
    }
    assert_eq!(scene.app.db_text().await, before);
}

#[tokio::test]
async fn a_change_is_checked_like_a_creation() {
    let scene = Scene::start().await;
    let path = scene.credential(SECRET).await;
    let before = scene.app.db_text().await;
    for (change, at, rule) in [
        (json!({"name": null}), json!(["name"]), "Must be a string"),
        (json!({"name": ""}), json!(["name"]), "Must not be empty"),
        (json!({"typeId": "x"}), json!(["typeId"]), "Unknown field"),
        (json!({"companyId": scene.acme}), json!(["companyId"]), "Unknown field"),
        (json!({"fields": null}), json!(["fields"]), "Must be a list"),
        (
            json!({"fields": [{"fieldId": "x", "value": "y"}]}),
            json!(["fields", 0, "fieldId"]),
            "This credential type has no such field",
        ),
    ] {
        let answer = scene.admin.patch(&path, &change).await;
        let violations = answer.violations();
        assert!(violations.contains(&(at, rule.to_owned())), "{change} {violations:?}");
        assert!(!answer.text.contains(SECRET));
    }
    let put = format!("{path}/fields");
    refused(&scene.admin.put(&put, &json!({})).await, &[(json!(["fields"]), "Field is required")]);
    let named = json!({"fields": [], "name": "Other"});
    refused(&scene.admin.put(&put, &named).await, &[(json!(["name"]), "Unknown field")]);
    // one good value beside a bad one is not written
    let half = json!({"name": "Half", "fields": [{"fieldId": "note", "value": "half"}, {"fieldId": "x", "value": "y"}]});
    scene.admin.patch(&path, &half).await.expect(400);
    assert_eq!(scene.app.db_text().await, before);
}

#[tokio::test]
async fn an_unknown_company_or_type_is_named() {
    let scene = Scene::start().await;
    let before = scene.app.db_counts().await;
    for id in ["ckz", "00000000-0000-7000-8000-000000000000", &scene.acme.to_uppercase()] {
        for (member, noun, error) in [
            ("companyId", "Company", "CompanyNotFound"),
            ("typeId", "Credential type", "CredentialTypeNotFound"),
        ] {
            let answer = scene.admin.post(CREDENTIALS, &body(&scene, &json!({member: id}))).await;
            let message = format!("{noun} with identifier '{id}' was not found.");
            let expected = json!({"status": 404, "message": message, "error": error, "successful": false});
            assert_eq!(answer.expect(404), expected);
        }
    }
    assert_eq!(scene.app.db_counts().await, before);
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let scene = Scene::start().await;
    let before = scene.app.db_counts().await;
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
    let with_name = |name: &[u8]| [b"{\"name\":\"", name, b"\"}"].concat();
    let invalid = |column: usize| format!("The body is not valid JSON at line 1 column {column}");
    for (bytes, rule) in [
        (Vec::new(), invalid(0)),
        (format!("{{\"name\": \"{SECRET}").into_bytes(), invalid(9 + 1 + SECRET.len())),
        (b"{\"name\": 'x'}".to_vec(), invalid(10)),
        (b"{} {}".to_vec(), invalid(4)),
        (nested(65), "Must be nested at most 64 deep".to_owned()),
        (nested(64), "Must be an object".to_owned()),
    ] {
        let answer = send(&scene, "application/json", bytes).await;
        refused(&answer, &[(json!([]), &rule)]);
    }
    for bytes in [
        nested(10_000),
        "{\"a\":".repeat(10_000).into_bytes(),
        with_name(b"\xff\xfe"),
        with_name(b"\xed\xa0\x80"),
        with_name(b"\\ud800"),
        with_name(b"\\udc00\\ud800"),
        with_name(b"a raw \n line break"),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"name\": NaN}".to_vec(),
    ] {
        let violations = send(&scene, "application/json", bytes.clone()).await.violations();
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].0, json!([]));
        assert!(violations[0].1.starts_with("The body is not valid JSON at"), "{violations:?}");
    }
    assert_eq!(scene.app.db_counts().await, before);
}

async fn send(scene: &Scene, content_type: &str, bytes: Vec<u8>) -> Answer {
    let request = scene.admin.request(Method::POST, CREDENTIALS);
    let request =
        if content_type.is_empty() { request } else { request.header("content-type", content_type) };
    request.body(bytes).send().await
}

#[tokio::test]
async fn only_json_is_taken() {
    let scene = Scene::start().await;
    let before = scene.app.db_counts().await;
    let bytes = serde_json::to_vec(&body(&scene, &json!({}))).unwrap();
    for content_type in
        ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/json"]
    {
        let message = "The Content-Type must be application/json";
        let expected = json!({"status": 415, "message": message, "successful": false});
        assert_eq!(send(&scene, content_type, bytes.clone()).await.expect(415), expected, "{content_type}");
    }
    assert_eq!(scene.app.db_counts().await, before);
    for content_type in
        ["application/json", "Application/JSON; charset=utf-8", "application/json;charset=UTF-8"]
    {
        send(&scene, content_type, bytes.clone()).await.expect(201);
    }
}

#[tokio::test]
async fn a_body_has_at_most_a_mebibyte() {
    let scene = Scene::start().await;
    let mut bytes = serde_json::to_vec(&body(&scene, &json!({}))).unwrap();
    bytes.resize(1024 * 1024, b' ');
    send(&scene, "application/json", bytes.clone()).await.expect(201);
    let before = scene.app.db_counts().await;
    let expected = json!({"status": 413, "message": "The body must be at most 1 MiB", "successful": false});
    for length in [1024 * 1024 + 1, 2 * 1024 * 1024, 2 * 1024 * 1024] {
        bytes.resize(length, b' ');
        assert_eq!(send(&scene, "application/json", bytes.clone()).await.expect(413), expected);
    }
    assert_eq!(scene.app.db_counts().await, before);
}

#[tokio::test]
async fn parameters_are_checked_too() {
    let scene = Scene::start().await;
    let company = format!("{CREDENTIALS}/company/{}", scene.acme);
    let kind = format!("/v1/credential-type/{}", scene.aws);
    for (path, name) in [
        (format!("{company}?page=0"), "page"),
        (format!("{company}?rpp=201"), "rpp"),
        (format!("{company}?rpp=x"), "rpp"),
        (format!("{company}?page=1&page=1"), "page"),
        (format!("{kind}/credentials?page=-1"), "page"),
        ("/v1/credential-type?rpp=%00".to_owned(), "rpp"),
    ] {
        let violations = scene.admin.get(&path).await.violations();
        assert_eq!((violations.len(), &violations[0].0), (1, &json!([name])), "{path}");
    }
    let forced = scene.admin.patch(&format!("{kind}?force=maybe"), &json!({})).await;
    refused(&forced, &[(json!(["force"]), "Must be true or false")]);
    scene.admin.patch(&format!("{kind}?force="), &json!({})).await.expect(200);
    let empty = scene.admin.get(&format!("{company}?page=&unknown=1")).await.expect(200);
    assert_eq!(empty.get("pagination"), None);
}

#[test]
fn no_native_route_takes_a_field_that_it_does_not_know() {
    let takes_json = |row: &Row| row.description.judge_body.is_some() && !row.description.is_form;
    let rows: Vec<_> =
        v1::routes().into_iter().map(|route| route.row).filter(|row| takes_json(row)).collect();
    assert!(rows.len() > 20);
    for row in rows {
        let judged = row.judge_body(br#"{"a_field_of_nobody": 1}"#).expect("it takes a body");
        let Err(Error::Invalid(violations)) = judged else {
            panic!("{} {}: {judged:?}", row.method, row.path)
        };
        let unknown = Violation::field("a_field_of_nobody", "Unknown field");
        assert!(violations.contains(&unknown), "{} {}: {violations:?}", row.method, row.path);
    }
}
