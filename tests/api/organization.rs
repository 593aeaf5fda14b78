//! Companies as organizations: their administrators, their members, and people who have to do with one only.

use crate::helpers::fixture::{aws_credential, aws_type, company, id_of};
use crate::helpers::people::{assert_not_yours, give_roles, holds, person, role_in};
use crate::helpers::{Actor, TestApp, Value, json};

const ORGANIZATIONS: &str = "/rbac/api/organizations";

async fn organization(actor: &Actor, name: &str, admins: &[&str]) -> Value {
    actor.post(ORGANIZATIONS, &json!({"name": name, "adminIds": admins})).await.rbac()
}

async fn admins(actor: &Actor, id: &str) -> Value {
    actor.get(&format!("{ORGANIZATIONS}/{id}")).await.rbac()["adminIds"].clone()
}

/// The role of a company's administrators.
async fn office(actor: &Actor, company: &str) -> String {
    let roles = actor.get(&format!("/rbac/api/roles?organizationId={company}")).await.rbac();
    let rows = roles["roles"].as_array().unwrap();
    id_of(rows.iter().find(|role| role["isSystemDefault"] == true).unwrap())
}

#[tokio::test]
async fn an_administrator_of_a_company_looks_after_it_and_nothing_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let anna = person(&app, &admin, &["user"]).await;
    let (acme, other) =
        (id_of(&organization(&admin, "Acme", &[&anna.id]).await), company(&admin, "Other").await);
    let kind = aws_type(&admin, "aws").await;
    let own = aws_credential(&admin, &kind, &acme, "a secret").await;
    let foreign = aws_credential(&admin, &kind, &other, "a secret").await;

    let listed = anna.get(ORGANIZATIONS).await.rbac();
    assert_eq!((&listed["total"], &listed["organizations"][0]["id"]), (&json!(1), &json!(acme)));
    anna.put(&format!("{ORGANIZATIONS}/{acme}"), &json!({"description": "Widgets"})).await.rbac();
    anna.get(&format!("/v1/credential/credentials/{own}/secure-values")).await.expect(200);
    aws_credential(&anna, &kind, &acme, "another secret").await;
    anna.get(&format!("/v1/credential/credentials/{foreign}")).await.expect(404);
    anna.get(&format!("{ORGANIZATIONS}/{other}")).await.rbac_error(404);
    anna.put(&format!("{ORGANIZATIONS}/{other}"), &json!({"name": "Mine"})).await.rbac_error(404);
    anna.delete(&format!("{ORGANIZATIONS}/{acme}")).await.rbac_error(403);
    anna.post(ORGANIZATIONS, &json!({"name": "New"})).await.rbac_error(403);

    role_in(&anna, &acme, &["credential.fetch", "aws.fetch"]).await;
    let beyond = json!({"name": "R", "organizationId": acme, "permissionIds": []});
    anna.post("/rbac/api/roles", &beyond).await.rbac();
    for place in [json!(null), json!(other)] {
        let refused = anna.post("/v1/role", &json!({"title": "R", "moniker": "r", "companyId": place})).await;
        assert!(matches!(refused.status, 403 | 404), "{}", refused.text);
    }
    let more = json!({"title": "R", "moniker": "r", "permissions": ["company.delete"], "companyId": acme});
    assert_not_yours(&anna.post("/v1/role", &more).await, "company.delete");
}

#[tokio::test]
async fn admin_ids_and_the_holders_of_the_role_are_the_same_list() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (anna, ben) = (person(&app, &admin, &["user"]).await, person(&app, &admin, &["user"]).await);
    let acme = id_of(&organization(&admin, "Acme", &[&anna.id]).await);
    let (office, path) = (office(&admin, &acme).await, format!("{ORGANIZATIONS}/{acme}"));
    assert_eq!(admins(&admin, &acme).await, json!([anna.id]));
    let roles = admin.get(&format!("/rbac/api/users/{}", anna.id)).await.rbac()["roleIds"].clone();
    assert!(roles.as_array().unwrap().contains(&json!(office)), "{roles}");
    // one administrator names another
    anna.put(&path, &json!({"adminIds": [anna.id, ben.id]})).await.rbac_error(400);
    let member = json!({"organizationIds": [acme]});
    admin.put(&format!("/rbac/api/users/{}", ben.id), &member).await.rbac();
    anna.put(&path, &json!({"adminIds": [anna.id, ben.id]})).await.rbac();
    ben.get(&path).await.rbac();
    // the role taken away ends the office
    give_roles(&admin, &anna.id, &["user"]).await.expect(200);
    assert_eq!(admins(&admin, &acme).await, json!([ben.id]));
    anna.get(&path).await.rbac_error(403);
    give_roles(&admin, &anna.id, &["user", &office]).await.expect(200);
    assert_eq!(admins(&admin, &acme).await.as_array().unwrap().len(), 2);
    admin.put(&path, &json!({"adminIds": []})).await.rbac();
    assert_eq!(admins(&admin, &acme).await, json!([]));
    assert!(!holds(&admin, &ben.id, "company.fetch", Some(&acme)).await);
    // it is as unchangeable as any built-in role, and goes with its company
    admin.delete(&format!("/v1/role/{office}")).await.expect(409);
    admin.patch(&format!("/v1/role/{office}"), &json!({"title": "T"})).await.expect(409);
    admin.delete(&path).await.expect_rbac(200);
    admin.get(&format!("/v1/role/{office}")).await.expect(404);
}

#[tokio::test]
async fn every_company_has_its_role_wherever_it_comes_from() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.db_run(
        "insert into companies (id, name, cw_company_id, created_at, updated_at)
         select new_id(), 'Company ' || n, n, now(), now() from generate_series(1, 40) n",
    )
    .await
    .unwrap();
    let roles = admin.get("/rbac/api/roles?limit=1000").await.rbac()["roles"].clone();
    let offices = roles.as_array().unwrap().iter().filter(|role| role["name"] == "Company Administrator");
    assert_eq!(offices.count(), 40);
    // what came from ConnectWise keeps its name, and may be given administrators
    let first = admin.get(ORGANIZATIONS).await.rbac()["organizations"][0].clone();
    let path = format!("{ORGANIZATIONS}/{}", id_of(&first));
    admin.put(&path, &json!({"name": "Mine"})).await.rbac_error(409);
    let named = json!({"name": first["name"], "adminIds": [admin.id]});
    assert_eq!(admin.put(&path, &named).await.rbac()["adminIds"], json!([admin.id]));
}

#[tokio::test]
async fn to_be_a_member_grants_nothing_but_a_companys_people_are_its_members() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let member = person(&app, &admin, &["user"]).await;
    let path = format!("/v1/user/users/{}", member.id);
    let keeper = app.holder_in(&acme, &["user.*"]).await;
    keeper.get(&path).await.expect(404);
    let both = json!({"companyIds": [acme, other]});
    let changed = admin.patch(&path, &both).await.data();
    assert_eq!(changed["companyIds"].as_array().unwrap().len(), 2);
    assert!(!holds(&admin, &member.id, "company.fetch", Some(&acme)).await);
    member.get("/v1/company/companies").await.expect(403);
    // whoever looks after one company sees, and changes, that membership only
    assert_eq!(keeper.get(&path).await.data()["companyIds"], json!([acme]));
    let users = keeper.get(&format!("/rbac/api/users?organizationId={acme}")).await.rbac();
    assert_eq!((&users["total"], &users["users"][0]["organizationIds"]), (&json!(1), &json!([acme])));
    let hidden = keeper.get(&format!("/rbac/api/users?organizationId={other}")).await.rbac();
    assert!(hidden["users"].as_array().unwrap().iter().all(|user| user["organizationIds"] == json!([acme])));
    keeper.patch(&path, &json!({"companyIds": [acme, other]})).await.expect(200);
    let gone = keeper.patch(&path, &json!({"companyIds": []})).await;
    assert!(matches!(gone.status, 200 | 404), "{}", gone.text);
    assert_eq!(admin.get(&path).await.data()["companyIds"], json!([other]));
    keeper.get(&path).await.expect(404);
}

const NODES: [&str; 7] =
    ["company.*", "credential.*", "credential_type.*", "role.*", "user.*", "permission.create", "audit.read"];

#[tokio::test]
async fn a_technician_of_one_organization_sees_nothing_beyond_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let kind = aws_type(&admin, "aws").await;
    let mut companies = Vec::new();
    for name in ["Acme", "Beta", "Gamma"] {
        let id = company(&admin, name).await;
        let credential = aws_credential(&admin, &kind, &id, "a secret").await;
        companies.push((id, credential));
    }
    let (acme, own) = companies[0].clone();
    let technician = app.holder_in(&acme, &NODES).await;
    for (company, credential) in &companies {
        let expected = if *company == acme { 200 } else { 404 };
        for path in [
            format!("/v1/credential/credentials/{credential}"),
            format!("/v1/credential/credentials/{credential}/secure-values"),
            format!("/v1/credential/credentials/company/{company}"),
            format!("/v1/company/companies/{company}"),
            format!("{ORGANIZATIONS}/{company}"),
        ] {
            assert_eq!(technician.get(&path).await.status, expected, "{path}");
        }
    }
    let of_type = technician.get(&format!("/v1/credential-type/{kind}/credentials")).await.data();
    assert_eq!((of_type.as_array().unwrap().len(), &of_type[0]["id"]), (1, &json!(own)));
    for (list, member) in [("organizations", "id"), ("roles", "organizationId")] {
        let rows = technician.get(&format!("/rbac/api/{list}")).await.rbac()[list].clone();
        assert!(!rows.as_array().unwrap().is_empty());
        assert!(rows.as_array().unwrap().iter().all(|row| row[member] == json!(acme)), "{rows}");
    }
    let users = technician.get("/rbac/api/users").await.rbac();
    assert_eq!((&users["total"], &users["users"][0]["id"]), (&json!(1), &json!(technician.id)));
}

#[tokio::test]
async fn a_technician_of_one_organization_gives_nothing_beyond_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let technician = app.holder_in(&acme, &NODES).await;
    let fetch = technician.get("/rbac/api/permissions?resource=credential&action=fetch").await.rbac();
    let fetch = id_of(&fetch["permissions"][0]);
    for (place, status) in [(json!(acme), 201), (json!(other), 400), (json!(null), 403)] {
        let new = json!({"name": "R", "organizationId": place, "permissionIds": [fetch]});
        technician.post("/rbac/api/roles", &new).await.expect_rbac(status);
        let new =
            json!({"name": "P", "resource": "p", "action": format!("a{status}"), "organizationId": place});
        technician.post("/rbac/api/permissions", &new).await.expect_rbac(status);
    }
    let colleague = app.holder_in(&acme, &["company.fetch"]).await;
    let user = format!("/rbac/api/users/{}", colleague.id);
    let held = technician.get(&user).await.rbac()["roleIds"].clone();
    let with = |role: &str| {
        let mut roles = held.as_array().unwrap().clone();
        roles.push(json!(role));
        json!({"roleIds": roles})
    };
    let foreign = role_in(&admin, &other, &["company.fetch"]).await;
    technician.put(&user, &with(&foreign)).await.rbac_error(400);
    for unbound in ["00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000003"] {
        technician.put(&user, &with(unbound)).await.rbac_error(403);
    }
    let own = role_in(&technician, &acme, &["credential.fetch"]).await;
    technician.put(&user, &with(&own)).await.rbac();
    let path = format!("/rbac/api/roles/{own}");
    technician.put(&path, &json!({"organizationId": other})).await.rbac_error(400);
    technician.put(&path, &json!({"organizationId": null})).await.rbac_error(403);
    let office = json!({"adminIds": [technician.id]});
    technician.put(&format!("{ORGANIZATIONS}/{other}"), &office).await.rbac_error(404);
}
