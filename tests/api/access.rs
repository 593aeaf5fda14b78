//! Every route of the table, tried by those who may call it and by those who may not.

use reqwest::Method;
use ttscm::http::route::{Access, Route, Row};
use ttscm::http::{itsm, rbac, v1};

use crate::helpers::keys::key;
use crate::helpers::{Actor, Answer, TestApp, Value, json};

/// The routes that anybody may call. A new one must be thought about, then written down here.
const PUBLIC: [&str; 9] = [
    "GET /auth/uri",
    "GET /auth/callback",
    "GET /auth/redirect",
    "POST /auth/confirmation",
    "POST /auth/login",
    "POST /auth/register",
    "POST /auth/refresh",
    "POST /company/connectwise/callback",
    "GET /teapot",
];

/// Those of the RBAC contract.
const PUBLIC_OF_RBAC: [&str; 6] = [
    "POST /auth/register",
    "POST /auth/login",
    "GET /auth/oauth/google",
    "GET /auth/oauth/google/callback",
    "GET /auth/oauth/github",
    "GET /auth/oauth/github/callback",
];

/// Those of the ITSM contract.
const PUBLIC_OF_ITSM: [&str; 2] = ["POST /auth/login", "POST /auth/api-key"];

/// A contract with its routes, and how it refuses.
struct Face {
    prefix: &'static str,
    routes: fn() -> Vec<Route>,
    unauthorized: fn() -> Value,
    lacking: fn(&[&str]) -> Value,
}

const FACES: [Face; 3] = [
    Face {
        prefix: "/v1",
        routes: v1::routes,
        unauthorized: || json!({"status": 401, "message": "Unauthorized", "successful": false}),
        lacking: |nodes| {
            json!({
                "status": 403, "message": "Insufficient permissions", "error": "InsufficientPermission",
                "required": nodes, "successful": false
            })
        },
    },
    Face {
        prefix: "/rbac/api",
        routes: rbac::routes,
        unauthorized: || json!({"success": false, "error": "Unauthorized"}),
        lacking: |nodes| json!({"success": false, "error": format!("Insufficient permissions: {}", nodes.join(", "))}),
    },
    Face {
        prefix: "/itsm/api",
        routes: itsm::routes,
        unauthorized: || json!({"success": false, "message": "Authentication required"}),
        lacking: |_| json!({"success": false, "message": "Access denied"}),
    },
];

/// A route and the contract that it is of.
struct Known {
    face: &'static Face,
    route: Route,
}

impl std::ops::Deref for Known {
    type Target = Row;

    fn deref(&self) -> &Row {
        &self.route.row
    }
}

fn all() -> impl Iterator<Item = Known> {
    FACES.iter().flat_map(|face| (face.routes)().into_iter().map(move |route| Known { face, route }))
}

fn name(known: &Known) -> String {
    format!("{} {}{}", known.method, known.face.prefix, known.path)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.text).expect("a JSON body")
}

/// Sends a request to a route, with an id of nothing wherever the path takes one.
async fn call(actor: &Actor, known: &Known) -> Answer {
    let id = ttscm::id::new().to_string();
    let fill = |segment: &'static str| if segment.starts_with('{') { id.clone() } else { segment.to_owned() };
    let path: Vec<_> = known.path.split('/').map(fill).collect();
    let method = Method::from_bytes(known.method.as_str().as_bytes()).unwrap();
    let request = actor.request(method, &format!("{}{}", known.face.prefix, path.join("/")));
    if known.method == Method::GET { request.send().await } else { request.json(&json!({})).send().await }
}

fn guarded() -> impl Iterator<Item = Known> {
    all().filter(|known| !matches!(known.access, Access::Public(_)))
}

#[test]
fn the_public_routes_are_known() {
    let of = |prefix: &str, routes: &[&str]| -> Vec<String> {
        let written = |route: &&str| route.replacen(' ', &format!(" {prefix}"), 1);
        routes.iter().map(written).collect()
    };
    let public: Vec<_> =
        all().filter(|known| matches!(known.access, Access::Public(_))).map(|known| name(&known)).collect();
    let documented = [of("/v1", &PUBLIC), of("/rbac/api", &PUBLIC_OF_RBAC), of("/itsm/api", &PUBLIC_OF_ITSM)];
    assert_eq!(public, documented.concat());
}

#[test]
fn no_route_is_declared_twice_or_without_a_node() {
    let mut names: Vec<_> = all().map(|known| name(&known)).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    for known in all() {
        assert!(known.access != Access::Needs(Vec::new()), "{}", name(&known));
    }
}

#[tokio::test]
async fn without_a_good_token_every_guarded_route_answers_401() {
    let app = TestApp::start().await;
    let mut pretender = app.nobody();
    pretender.token = Some("garbage".to_owned());
    for known in guarded() {
        for actor in [&app.nobody(), &pretender] {
            let answer = call(actor, &known).await;
            assert_eq!(
                (answer.status, body(&answer)),
                (401, (known.face.unauthorized)()),
                "{}",
                name(&known)
            );
        }
    }
}

#[tokio::test]
async fn without_any_node_every_route_that_needs_some_names_them() {
    let app = TestApp::start().await;
    let nobody = app.bare_holder_of(&[]).await;
    for known in guarded() {
        let Access::Needs(permissions) = &known.access else {
            continue;
        };
        let nodes: Vec<_> = permissions.iter().map(|permission| permission.node()).collect();
        let answer = call(&nobody, &known).await;
        assert_eq!((answer.status, body(&answer)), (403, (known.face.lacking)(&nodes)), "{}", name(&known));
    }
}

#[tokio::test]
async fn with_all_nodes_but_its_own_a_route_is_closed_and_with_just_its_own_it_is_open() {
    let app = TestApp::start().await;
    for known in guarded() {
        let Access::Needs(permissions) = &known.access else {
            continue;
        };
        let nodes: Vec<_> = permissions.iter().map(|permission| permission.node()).collect();
        let others: Vec<_> = ttscm::access::Permission::ALL
            .iter()
            .map(|permission| permission.node())
            .filter(|node| !nodes.contains(node))
            .collect();
        let refused = call(&app.bare_holder_of(&others).await, &known).await;
        assert_eq!((refused.status, body(&refused)), (403, (known.face.lacking)(&nodes)), "{}", name(&known));
        assert_let_in(&call(&app.bare_holder_of(&nodes).await, &known).await, &known);
    }
}

#[tokio::test]
async fn the_administrator_is_let_in_everywhere() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // what ends the session comes last
    let (last, first): (Vec<_>, Vec<_>) = guarded().partition(|known| known.path == "/auth/logout");
    for known in first.into_iter().chain(last) {
        assert_let_in(&call(&admin, &known).await, &known);
    }
}

#[tokio::test]
async fn a_key_with_every_node_that_one_can_hold_is_let_in_where_those_are_enough() {
    let app = TestApp::start().await;
    let is_withheld =
        |node: &&str| ["api_key.", "role.", "permission."].iter().any(|kind| node.starts_with(kind));
    let all = ttscm::access::Permission::ALL.iter().map(|permission| permission.node());
    let nodes: Vec<_> = all.filter(|node| !is_withheld(node)).collect();
    let service = key(&app.admin().await, &nodes).await.service;
    for known in guarded() {
        let answer = call(&service, &known).await;
        let needed = known.needed().iter().map(|permission| permission.node());
        let lacking: Vec<_> = needed.filter(is_withheld).collect();
        if known.of_oneself {
            assert_eq!(answer.status, 403, "{}", name(&known));
        } else if lacking.is_empty() {
            assert_let_in(&answer, &known);
        } else {
            let expected = (403, (known.face.lacking)(&lacking));
            assert_eq!((answer.status, body(&answer)), expected, "{}", name(&known));
        }
    }
}

/// The guard has let it pass: what comes back is a success, or says what was wrong with the request.
#[track_caller]
fn assert_let_in(answer: &Answer, known: &Known) {
    // there is no ConnectWise to copy from, and no provider to link an identity of
    let in_the_way = [(409, "POST /v1/company/sync"), (503, "POST /v1/auth/identities")];
    let is_in_the_way = in_the_way.contains(&(answer.status, &*name(known)));
    let allowed = answer.status < 300 || [400, 404].contains(&answer.status) || is_in_the_way;
    assert!(allowed, "{} {} {}", name(known), answer.status, answer.text);
    match known.face.prefix {
        "/v1" => answer.expect(answer.status),
        "/itsm/api" => answer.expect_itsm(answer.status),
        _ => answer.expect_rbac(answer.status),
    };
}
