//! Every route of the table, tried by those who may call it and by those who may not.

use reqwest::Method;
use ttscm::http::route::{Access, Route};
use ttscm::http::v1;

use crate::helpers::{Actor, Answer, TestApp, json};

/// The routes that anybody may call. A new one must be thought about, then written down here.
const PUBLIC: [&str; 8] = [
    "GET /auth/uri",
    "GET /auth/callback",
    "GET /auth/redirect",
    "POST /auth/confirmation",
    "POST /auth/login",
    "POST /auth/refresh",
    "POST /company/connectwise/callback",
    "GET /teapot",
];

fn name(route: &Route) -> String {
    format!("{} {}", route.row.method, route.row.path)
}

/// Sends a request to a route, with an id of nothing wherever the path takes one.
async fn call(actor: &Actor, route: &Route) -> Answer {
    let id = ttscm::id::new().to_string();
    let fill = |segment: &'static str| if segment.starts_with('{') { id.clone() } else { segment.to_owned() };
    let path: Vec<_> = route.row.path.split('/').map(fill).collect();
    let method = Method::from_bytes(route.row.method.as_str().as_bytes()).unwrap();
    let request = actor.request(method, &format!("/v1{}", path.join("/")));
    if route.row.method == Method::GET { request.send().await } else { request.json(&json!({})).send().await }
}

fn guarded() -> impl Iterator<Item = Route> {
    v1::routes().into_iter().filter(|route| !matches!(route.row.access, Access::Public(_)))
}

#[test]
fn the_public_routes_are_known() {
    let public: Vec<_> =
        v1::routes().iter().filter(|route| matches!(route.row.access, Access::Public(_))).map(name).collect();
    assert_eq!(public, PUBLIC);
}

#[test]
fn no_route_is_declared_twice_or_without_a_node() {
    let mut names: Vec<_> = v1::routes().iter().map(name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    for route in v1::routes() {
        assert!(route.row.access != Access::Needs(Vec::new()), "{}", name(&route));
    }
}

#[tokio::test]
async fn without_a_good_token_every_guarded_route_answers_401() {
    let app = TestApp::start().await;
    let unauthorized = json!({"status": 401, "message": "Unauthorized", "successful": false});
    let mut pretender = app.nobody();
    pretender.token = Some("garbage".to_owned());
    for route in guarded() {
        for actor in [&app.nobody(), &pretender] {
            let answer = call(actor, &route).await;
            assert_eq!(answer.expect(401), unauthorized, "{}", name(&route));
        }
    }
}

#[tokio::test]
async fn without_any_node_every_route_that_needs_some_names_them() {
    let app = TestApp::start().await;
    let nobody = app.bare_holder_of(&[]).await;
    for route in guarded() {
        let Access::Needs(permissions) = &route.row.access else {
            continue;
        };
        let nodes: Vec<_> = permissions.iter().map(|permission| permission.node()).collect();
        let refusal = json!({
            "status": 403, "message": "Insufficient permissions", "error": "InsufficientPermission",
            "required": nodes, "successful": false
        });
        assert_eq!(call(&nobody, &route).await.expect(403), refusal, "{}", name(&route));
    }
}

#[tokio::test]
async fn with_all_nodes_but_its_own_a_route_is_closed_and_with_just_its_own_it_is_open() {
    let app = TestApp::start().await;
    for route in guarded() {
        let Access::Needs(permissions) = &route.row.access else {
            continue;
        };
        let nodes: Vec<_> = permissions.iter().map(|permission| permission.node()).collect();
        let others: Vec<_> = ttscm::access::Permission::ALL
            .iter()
            .map(|permission| permission.node())
            .filter(|node| !nodes.contains(node))
            .collect();
        let refused = call(&app.bare_holder_of(&others).await, &route).await;
        assert_eq!(refused.expect(403)["required"], json!(nodes), "{}", name(&route));
        assert_let_in(&call(&app.bare_holder_of(&nodes).await, &route).await, &route);
    }
}

#[tokio::test]
async fn the_administrator_is_let_in_everywhere() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // what ends the session comes last
    let (last, first): (Vec<_>, Vec<_>) = guarded().partition(|route| route.row.path == "/auth/logout");
    for route in first.into_iter().chain(last) {
        assert_let_in(&call(&admin, &route).await, &route);
    }
}

/// The guard has let it pass: what comes back is a success, or says what was wrong with the request.
#[track_caller]
fn assert_let_in(answer: &Answer, route: &Route) {
    // there is no ConnectWise to copy from, and no provider to link an identity of
    let in_the_way = [(409, "POST /company/sync"), (503, "POST /auth/identities")];
    let is_in_the_way = in_the_way.contains(&(answer.status, &*name(route)));
    let allowed = answer.status < 300 || [400, 404].contains(&answer.status) || is_in_the_way;
    assert!(allowed, "{} {} {}", name(route), answer.status, answer.text);
    answer.expect(answer.status);
}
