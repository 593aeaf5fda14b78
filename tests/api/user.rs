//! One's own account.

use crate::helpers::fixture::company;
use crate::helpers::{TestApp, Value, json};

const ME: &str = "/v1/user/@me";
const CHECK: &str = "/v1/user/@me/check-permission";

/// The answers to `nodes`, in order.
fn verdicts(data: &Value) -> Vec<(&str, bool)> {
    let verdict = |row: &'_ Value| row["hasPermission"].as_bool().unwrap();
    let results = data["results"].as_array().unwrap();
    results.iter().map(|row| (row["permission"].as_str().unwrap(), verdict(row))).collect()
}

#[tokio::test]
async fn one_reads_ones_own_account() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut body = admin.get(ME).await.expect(200);
    let data = body["data"].take();
    assert_eq!(body, json!({"status": 200, "message": "Fetched user.", "data": null, "successful": true}));
    for time in ["createdAt", "updatedAt"] {
        let time = data[time].as_str().unwrap();
        assert_eq!((time.len(), &time[10..11], &time[19..20], &time[23..]), (24, "T", ".", "Z"));
    }
    assert_eq!(
        data,
        json!({
            "id": admin.id, "name": "Administrator", "email": "admin@example.com", "login": "admin@example.com",
            "image": null, "active": true, "roles": ["admin", "user"], "companyIds": [],
            "createdAt": data["createdAt"], "updatedAt": data["updatedAt"]
        })
    );
}

#[tokio::test]
async fn one_changes_ones_own_name_and_picture() {
    let app = TestApp::start().await;
    let jane = app.holder_of(&[]).await;
    let before = jane.get(ME).await.data();
    let change = json!({"name": "  Jane Doe ", "image": "https://example.com/avatar.jpg"});
    let changed = jane.patch(ME, &change).await.expect(200);
    assert_eq!(changed["message"], "Successfully updated user.");
    let data = &changed["data"];
    assert_eq!(
        json!([data["id"], data["name"], data["email"], data["image"], data["createdAt"]]),
        json!([jane.id, "Jane Doe", before["email"], "https://example.com/avatar.jpg", before["createdAt"]])
    );
    assert_eq!(jane.get(ME).await.data(), *data);

    let renamed = jane.patch(ME, &json!({"name": "Jane"})).await.data();
    assert_eq!((&renamed["name"], &renamed["image"]), (&json!("Jane"), &data["image"]));
    let cleared = jane.patch(ME, &json!({"image": null})).await.data();
    assert_eq!((&cleared["name"], &cleared["image"]), (&json!("Jane"), &Value::Null));
    let picture = json!({"image": "data:image/png;base64,iVBORw0KGgo="});
    assert_eq!(jane.patch(ME, &picture).await.data()["image"], picture["image"]);

    let rows = app.admin().await.get(&format!("/v1/audit?action=user.update&user={}", jane.id)).await.data();
    assert_eq!(rows.as_array().unwrap().len(), 4);
    assert_eq!(rows[0]["target"], json!({"kind": "user", "id": jane.id, "name": "Jane"}));
}

#[tokio::test]
async fn what_an_account_cannot_have_is_refused_by_field() {
    let app = TestApp::start().await;
    let jane = app.holder_of(&[]).await;
    let before = jane.get(ME).await.data();
    let pattern = "Must match the pattern ^(https?://|data:image/(png|jpeg|gif|webp);)";
    for (change, path, message) in [
        (json!({"name": null}), "name", "Must be a string"),
        (json!({"name": 7}), "name", "Must be a string"),
        (json!({"name": "  "}), "name", "Must not be blank"),
        (json!({"name": "x".repeat(201)}), "name", "Must have at most 200 characters"),
        (json!({"name": "a\u{0}b"}), "name", "Must not contain the NUL character"),
        (json!({"image": "javascript:alert(1)"}), "image", pattern),
        (json!({"image": " javascript:alert(1)//https://"}), "image", pattern),
        (json!({"image": "data:text/html,<script>"}), "image", pattern),
        (json!({"image": ""}), "image", pattern),
        (json!({"email": "other@example.com"}), "email", "Unknown field"),
        (json!({"roles": ["admin"]}), "roles", "Unknown field"),
        (json!({"permissions": ["*"]}), "permissions", "Unknown field"),
        (json!({"id": before["id"]}), "id", "Unknown field"),
    ] {
        assert_eq!(jane.patch(ME, &change).await.violations(), [(json!([path]), message.to_owned())]);
    }
    jane.patch(ME, &json!([])).await.expect(400);
    assert_eq!(jane.get(ME).await.data(), before);
}

#[tokio::test]
async fn each_route_needs_its_node() {
    let app = TestApp::start().await;
    let (reader, writer) =
        (app.bare_holder_of(&["user.read"]).await, app.bare_holder_of(&["user.write"]).await);
    let refusal = |node: &str| {
        json!({
            "status": 403, "message": "Insufficient permissions", "error": "InsufficientPermission",
            "required": [node], "successful": false
        })
    };
    let asked = json!({"permissions": ["user.read"]});
    assert_eq!(writer.get(ME).await.expect(403), refusal("user.read"));
    assert_eq!(writer.post(CHECK, &asked).await.expect(403), refusal("user.read"));
    assert_eq!(reader.patch(ME, &json!({"name": "X"})).await.expect(403), refusal("user.write"));
    reader.get(ME).await.expect(200);
    reader.post(CHECK, &asked).await.expect(200);
    writer.patch(ME, &json!({"name": "X"})).await.expect(200);
}

#[tokio::test]
async fn a_check_tells_what_is_held_everywhere() {
    let app = TestApp::start().await;
    let person = app.holder_of(&["company.fetch", "credential.fetch.*", "aws.credentials.*"]).await;
    let expected = [
        ("user.read", true),
        ("company.fetch", true),
        ("company.fetch.many", false),
        ("company.*", false),
        ("company.fetch.*", false),
        ("credential.fetch", false),
        ("credential.fetch.many", true),
        ("credential.fetch.*", true),
        ("credential.*", false),
        ("aws.credentials.secure_values.read", true),
        ("aws.credentials.fetch.*", true),
        ("aws.credentials", false),
        ("awsx.credentials.fetch", false),
        ("nobody.knows_this_node", false),
        ("*", false),
        ("user.read", true),
    ];
    let asked: Vec<_> = expected.iter().map(|(node, _)| *node).collect();
    let body = person.post(CHECK, &json!({"permissions": asked})).await.expect(200);
    assert_eq!(body["message"], "Permission check completed.");
    assert_eq!(verdicts(&body["data"]), expected);
    assert_eq!(body["data"]["results"][0], json!({"permission": "user.read", "hasPermission": true}));

    let admin = app.admin().await.post(CHECK, &json!({"permissions": asked})).await.data();
    assert!(verdicts(&admin).iter().all(|(_, holds)| *holds));
    assert_eq!(person.post(CHECK, &json!({"permissions": []})).await.data(), json!({"results": []}));
}

#[tokio::test]
async fn a_check_in_a_company_counts_what_is_bound_to_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let technician = app.holder_in(&acme, &["company.fetch", "credential.*"]).await;
    let asked =
        ["company.fetch", "credential.secure_values.read", "credential.*", "company.delete", "user.read"];
    let everywhere = technician.post(CHECK, &json!({"permissions": asked})).await.data();
    let held = |data: &Value| verdicts(data).into_iter().map(|(_, holds)| holds).collect::<Vec<_>>();
    assert_eq!(held(&everywhere), [false, false, false, false, true]);
    let there = technician.post(CHECK, &json!({"permissions": asked, "companyId": acme})).await.data();
    assert_eq!(held(&there), [true, true, true, false, true]);
    let unseen = technician.post(CHECK, &json!({"permissions": asked, "companyId": other})).await.expect(404);
    assert_eq!(
        unseen,
        json!({
            "status": 404, "message": format!("Company with identifier '{other}' was not found."),
            "error": "CompanyNotFound", "successful": false
        })
    );
    for unknown in [&ttscm::id::new().to_string(), "not-an-id", "", &acme.to_uppercase()] {
        let body = json!({"permissions": asked, "companyId": unknown});
        let refused = admin.post(CHECK, &body).await.expect(404);
        assert_eq!(refused["message"], format!("Company with identifier '{unknown}' was not found."));
    }
}

#[tokio::test]
async fn a_check_of_something_that_is_no_node_says_which() {
    let app = TestApp::start().await;
    let person = app.holder_of(&[]).await;
    let asked =
        json!({"permissions": ["user.read", "", "cred*", "a.*.b", "Company.fetch", "a..b", "user.*"]});
    let rule = "Must be a permission node, a node ending in '.*', or '*'";
    let expected: Vec<_> = (1..6).map(|index| (json!(["permissions", index]), rule.to_owned())).collect();
    assert_eq!(person.post(CHECK, &asked).await.violations(), expected);
    for (body, path) in [
        (json!({}), json!(["permissions"])),
        (json!({"permissions": "user.read"}), json!(["permissions"])),
        (json!({"permissions": [7]}), json!(["permissions", 0])),
        (json!({"permissions": [], "company": "x"}), json!(["company"])),
        (json!({"permissions": [], "companyId": null}), json!(["companyId"])),
    ] {
        let violations = person.post(CHECK, &body).await.violations();
        assert_eq!(violations.iter().map(|(path, _)| path).collect::<Vec<_>>(), [&path]);
    }
}
