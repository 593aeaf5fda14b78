//! The OpenAPI document and the page to try it, both from the program itself.

use std::collections::BTreeSet;

use jsonschema::Validator;
use reqwest::Method;
use ttscm::http::route::Row;

use crate::helpers::{Answer, TestApp, Value, json};

async fn document(app: &TestApp) -> Value {
    let answer = app.nobody().get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    serde_json::from_str(&answer.text).unwrap()
}

/// Every operation: path, method, and what is said of it.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

/// Every value in the document, with the way to it.
fn walk<'a>(value: &'a Value, at: &str, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(at, value);
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{at}/{index}"), visit));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| walk(member, &format!("{at}/{name}"), visit));
        }
        _ => {}
    }
}

/// A schema of the document, with the document's own for it to refer to.
fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({"components": document["components"], "allOf": [schema]});
    jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema")
}

#[tokio::test]
async fn the_document_has_every_route() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    for name in ["title", "version"] {
        assert!(!document["info"][name].as_str().unwrap().is_empty());
    }
    let mut known = 0;
    for route in ttscm::http::v1::routes() {
        let row = &route.row;
        check_operation(row, &document["paths"][format!("/v1{}", row.path)]);
        for alias in &row.aliases {
            let older = &document["paths"][format!("/v1{alias}")];
            check_operation(row, older);
            assert_eq!(older[row.method.as_str().to_lowercase()]["deprecated"], true, "{alias}");
        }
        known += 1 + row.aliases.len();
    }
    for route in ttscm::http::rbac::routes() {
        let row = &route.row;
        let operation =
            &document["paths"][format!("/rbac/api{}", row.path)][row.method.as_str().to_lowercase()];
        assert_eq!(
            (&operation["summary"], &operation["tags"]),
            (&json!(row.title), &json!(["RBAC System API"]))
        );
        let success = &operation["responses"][row.status.as_str()];
        if row.status == 302 {
            assert_eq!(success["description"], row.message, "{}", row.path);
        } else {
            let schema = &success["content"]["application/json"]["schema"];
            assert_eq!(schema["properties"]["success"]["const"], true, "{}", row.path);
        }
        known += 1;
    }
    for route in ttscm::http::itsm::routes() {
        let row = &route.row;
        let operation =
            &document["paths"][format!("/itsm/api{}", row.path)][row.method.as_str().to_lowercase()];
        assert_eq!(
            (&operation["summary"], &operation["tags"]),
            (&json!(row.title), &json!(["ITSM Integration API"]))
        );
        let schema = &operation["responses"][row.status.as_str()]["content"]["application/json"]["schema"];
        assert_eq!(schema["properties"]["success"]["const"], true, "{}", row.path);
        known += 1;
    }
    let operations = operations(&document);
    assert_eq!(operations.len(), known);
    let ids: BTreeSet<_> =
        operations.iter().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), known);
    assert_eq!(document, ttscm::http::docs::openapi());
}

fn check_operation(row: &Row, methods: &Value) {
    let operation = &methods[row.method.as_str().to_lowercase()];
    let place = format!("{} {}", row.method, row.path);
    assert_eq!(operation["summary"], row.title, "{place}");
    let success = &operation["responses"][row.status.as_str()];
    if row.status == 101 {
        assert_eq!(success["description"], row.message, "{place}");
    } else {
        let schema = &success["content"]["application/json"]["schema"];
        assert_eq!(schema["properties"]["message"]["const"], row.message, "{place}");
    }
    let is_public = matches!(row.access, ttscm::http::route::Access::Public(_));
    assert_eq!(operation["security"].is_null(), is_public, "{place}");
    let in_path = |parameter: &&Value| parameter["in"] == "path" && parameter["required"] == true;
    let named = operation["parameters"].as_array().unwrap().iter().filter(in_path);
    let named: BTreeSet<_> =
        named.map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap())).collect();
    let parts: BTreeSet<_> =
        row.path.split('/').filter(|part| part.starts_with('{')).map(str::to_owned).collect();
    assert_eq!(named, parts, "{place}");
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let mut references = 0;
    walk(&document, "", &mut |at, value| {
        if let Some(reference) = value["$ref"].as_str() {
            let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            assert!(target.is_some(), "{at} refers to {reference}");
            references += 1;
        }
    });
    assert!(references > 100);
}

#[tokio::test]
async fn every_example_keeps_its_own_schema() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let mut examples = 0;
    walk(&document, "", &mut |at, value| {
        let (Some(schema), Some(example)) = (value.get("schema"), value.get("example")) else { return };
        let errors: Vec<_> = validator(&document, schema)
            .iter_errors(example)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{at}: {example}");
        examples += 1;
    });
    walk(&document, "", &mut |at, value| {
        for example in value["examples"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|_| value["type"].is_string() || value["type"].is_array())
        {
            assert!(validator(&document, value).is_valid(example), "{at}: {example}");
            examples += 1;
        }
    });
    assert!(examples > 100);
}

/// The same request for the headers alone.
async fn head(app: &TestApp, path: &str) -> Answer {
    app.nobody().request(Method::HEAD, path).send().await
}

/// What stands in quotes after `name=`.
fn quoted<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let before = format!("{name}=\"");
    let after = text.split(before.as_str()).skip(1);
    after.map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_page_comes_whole_from_the_program() {
    let app = TestApp::start().await;
    for path in ["/docs", "/docs/", "/docs/index.html"] {
        let page = app.nobody().get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        let parts = [quoted(&page.text, "src"), quoted(&page.text, "href")].concat();
        assert!(parts.len() >= 4, "{parts:?}");
        for part in parts {
            assert!(part.starts_with("/docs/"), "{path} asks for {part}");
            let asset = app.nobody().get(part).await;
            assert_eq!(asset.status, 200, "{part}");
            let kind = asset.header("content-type").split(';').next().unwrap().to_owned();
            let kinds = [(".js", "text/javascript"), (".css", "text/css"), (".png", "image/png")];
            assert!(
                kinds.iter().any(|(end, known)| part.ends_with(end) && kind == *known),
                "{part} is {kind}"
            );
            assert_eq!(head(&app, part).await.status, 200, "{part}");
        }
        assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    }
    let starter = app.nobody().get("/docs/swagger-initializer.js").await;
    assert!(starter.text.contains("/openapi.json"));
    assert!(!starter.text.contains("http://") && !starter.text.contains("https://"), "{}", starter.text);
    assert_eq!(app.nobody().get("/docs/nope.js").await.status, 404);
}

#[tokio::test]
async fn the_page_may_do_no_more_than_it_must() {
    let app = TestApp::start().await;
    for path in ["/docs", "/docs/swagger-ui-bundle.js"] {
        let answer = app.nobody().get(path).await;
        let policy = answer.header("content-security-policy");
        let rule = |name: &str| {
            let rules = policy.split(';').map(str::trim);
            rules
                .filter_map(|rule| rule.strip_prefix(name))
                .map(str::trim)
                .next()
                .unwrap_or("missing")
                .to_owned()
        };
        for (name, value) in [
            ("default-src", "'none'"),
            ("script-src", "'self'"),
            ("connect-src", "'self'"),
            ("base-uri", "'none'"),
            ("form-action", "'none'"),
            ("frame-ancestors", "'none'"),
        ] {
            assert_eq!(rule(name), value, "{path}: {policy}");
        }
        assert!(
            !policy.contains("http") && !policy.contains("unsafe-eval") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn headers_alone_may_be_asked_for() {
    let app = TestApp::start().await;
    for path in ["/openapi.json", "/docs", "/v1/teapot"] {
        let (whole, headers) = (app.nobody().get(path).await, head(&app, path).await);
        assert_eq!((headers.status, headers.text.as_str()), (whole.status, ""), "{path}");
        for name in ["content-type", "content-length", "content-security-policy"] {
            assert_eq!(headers.header(name), whole.header(name), "{path}");
        }
    }
}
