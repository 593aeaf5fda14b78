//! What ConnectWise answers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::{error, fault, json_with};
use super::fault::Fault;
use super::world::{Call, World};
use super::{CLIENT_ID, PRIVATE_KEY, PUBLIC_KEY, TENANT};

pub async fn answer(world: Arc<Mutex<World>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let headers = parts.headers.iter();
    let call = Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.into_owned().collect(),
        headers: headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
    };
    let body = to_bytes(body, 1024 * 1024).await.expect("a body");
    let held = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        world.calls.push(call.clone());
        world.faults.held.clone()
    };
    if let Some(mut held) = held {
        // until nobody holds it any more
        while held.changed().await.is_ok() {}
    }
    let answered = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        answer_call(&mut world, &call, serde_json::from_slice(&body).unwrap_or_default())
    };
    match answered {
        Some(response) => response,
        None => std::future::pending().await,
    }
}

fn answer_call(world: &mut World, call: &Call, body: Value) -> Option<Response> {
    if let Some(tenant) = call.path.strip_prefix("/login/companyinfo/") {
        return Some(company_info(world, tenant));
    }
    if call.path.ends_with("/system/callbackkey/index.rails") {
        return Some(json_with(200, &json!({"signing_key": world.signing_key})));
    }
    let drawn = world.faults.draw();
    match drawn {
        Some(Fault::Silence) => return None,
        Some(drawn) => {
            if let Some(response) = fault(drawn, call) {
                return Some(response);
            }
        }
        None => {}
    }
    let below = format!("/{}apis/3.0/", world.codebase);
    let Some(path) = call.path.strip_prefix(&below) else {
        return Some(error(404, "ConnectWiseApi", "The endpoint does not exist."));
    };
    if !is_signed_in(call) {
        let status = if world.hides_behind_404 { 404 } else { 401 };
        return Some(error(status, "Unauthorized", "Cannot route."));
    }
    Some(answer_api(world, call, path, body, drawn))
}

fn company_info(world: &World, tenant: &str) -> Response {
    if tenant != TENANT {
        return json_with(200, &Value::Null);
    }
    json_with(200, &json!({"CompanyName": "Northwind MSP", "Codebase": world.codebase, "IsCloud": "True"}))
}

fn is_signed_in(call: &Call) -> bool {
    let basic = STANDARD.encode(format!("{TENANT}+{PUBLIC_KEY}:{PRIVATE_KEY}"));
    let has = |name: &str, value: &str| call.headers.get(name).is_some_and(|sent| sent == value);
    has("authorization", &format!("Basic {basic}")) && has("clientid", CLIENT_ID)
}

fn answer_api(world: &mut World, call: &Call, path: &str, body: Value, drawn: Option<Fault>) -> Response {
    let segments: Vec<_> = path.split('/').collect();
    match (call.method.as_str(), &segments[..]) {
        ("GET", ["company", "companies", "count"]) => {
            let conditions = call.query.get("conditions").map(String::as_str).unwrap_or_default();
            let matching = world.companies.values().filter(|company| meets(company, conditions));
            json_with(200, &json!({"count": matching.count()}))
        }
        ("GET", ["company", "companies"]) => list(world, call, world.companies.values(), drawn),
        ("GET", ["company", "companies", number]) => {
            let found = number.parse().ok().and_then(|number: i64| world.companies.get(&number));
            match found.filter(|_| drawn != Some(Fault::Lost)) {
                Some(company) => json_with(200, &shown(call, company)),
                None => error(404, "NotFound", &format!("Company {number} not found")),
            }
        }
        ("GET", ["company", "configurations"]) => list(world, call, world.configurations.values(), drawn),
        ("GET", ["system", "callbacks"]) => list(world, call, world.callbacks.values(), drawn),
        ("POST", ["system", "callbacks"]) => add_callback(world, body),
        ("DELETE", ["system", "callbacks", number]) => {
            number.parse().ok().and_then(|number: i64| world.callbacks.remove(&number));
            Response::new(axum::body::Body::empty())
        }
        _ => error(404, "ConnectWiseApi", "The endpoint does not exist."),
    }
}

fn add_callback(world: &mut World, mut callback: Value) -> Response {
    if world
        .callbacks
        .values()
        .any(|known| known["url"] == callback["url"] && known["type"] == callback["type"])
    {
        return error(400, "InvalidObject", "A matching callback entry already exists");
    }
    let number = 26559 + i64::try_from(world.callbacks.len()).expect("a few");
    callback["id"] = json!(number);
    world.callbacks.insert(number, callback.clone());
    json_with(201, &callback)
}

/// Of a record, the fields that are asked for; `_info` comes only where it is named.
fn shown(call: &Call, record: &Value) -> Value {
    let Some(fields) = call.query.get("fields") else { return record.clone() };
    let asked_for = |name: &str| fields.split(',').any(|field| field == name);
    let members = record.as_object().expect("a record").iter();
    Value::Object(
        members
            .filter(|(name, _)| asked_for(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// A page of the records that meet the conditions, by number after `pageId`, or by `page`.
fn list<'a>(
    world: &World,
    call: &Call,
    records: impl Iterator<Item = &'a Value>,
    drawn: Option<Fault>,
) -> Response {
    let number = |name: &str| call.query.get(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("pageSize").unwrap_or(25).min(world.most).min(if drawn == Some(Fault::Short) {
        2
    } else {
        1000
    });
    let is_forward = call.headers.get("pagination-type").is_some_and(|kind| kind == "forward-only");
    let (after, skipped) = if is_forward {
        (number("pageId").unwrap_or(0), 0)
    } else {
        (0, (number("page").unwrap_or(1) - 1) * size)
    };
    let id = |record: &Value| record["id"].as_i64().expect("a number");
    let after = i64::try_from(after).expect("a number");
    let conditions = call.query.get("conditions").map(String::as_str).unwrap_or_default();
    let matching = records.filter(|record| id(record) > after && meets(record, conditions));
    let mut page: Vec<_> = matching.skip(skipped).take(size).collect();
    let last = page.last().map(|record| id(record));
    if drawn == Some(Fault::Gap) && page.len() > 1 {
        page.remove(page.len() / 2);
    }
    let shown: Vec<_> = page.into_iter().map(|record| shown(call, record)).collect();
    let mut response = json_with(200, &Value::Array(shown));
    if let (Some(last), true) = (last, is_forward && drawn != Some(Fault::NoLink)) {
        let link = format!(
            "<https://na.myconnectwise.net/v4_6_release/apis/3.0/x?pageSize={size}&pageId={last}>; rel=\"next\""
        );
        response.headers_mut().insert("link", link.parse().expect("a header"));
    }
    response
}

/// Whether a record meets conditions of the kinds that are sent.
fn meets(record: &Value, conditions: &str) -> bool {
    conditions.split(" AND ").filter(|condition| !condition.is_empty()).all(|condition| {
        let number =
            |prefix: &str| condition.strip_prefix(prefix).map(|text| text.parse::<i64>().expect("a number"));
        if let Some(since) = condition.strip_prefix("lastUpdated > [").and_then(|rest| rest.strip_suffix(']'))
        {
            return record["_info"]["lastUpdated"].as_str().is_some_and(|updated| updated > since);
        }
        if let Some(company) = number("company/id=") {
            return record["company"]["id"] == company;
        }
        assert_eq!(condition, "activeFlag=True", "a condition that is understood");
        record["activeFlag"] == true
    })
}
