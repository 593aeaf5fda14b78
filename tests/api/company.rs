//! Companies made by hand.

use crate::helpers::fixture::{self, aws_credential, aws_type, company};
use crate::helpers::trash::entry_of;
use crate::helpers::{TestApp, Value, json};

#[tokio::test]
async fn a_company_is_made_read_renamed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = admin.post("/v1/company/companies", &json!({"name": "  Acme Corp "})).await.expect(201);
    assert_eq!(made["message"], "Company Created Successfully!");
    assert_eq!(made["data"]["name"], "Acme Corp");
    assert_eq!((&made["data"]["cw_CompanyId"], &made["data"]["cw_Identifier"]), (&Value::Null, &Value::Null));
    let path = format!("/v1/company/companies/{}", fixture::id_of(&made["data"]));

    let read = admin.get(&format!("{path}?includeAddress=true")).await.expect(200);
    assert_eq!(read["message"], "Company Fetched Successfully!");
    assert_eq!(read["data"]["cw_Data"], json!({}));
    assert_eq!(read["data"]["cw_Stale"], false);

    let renamed = admin.patch(&path, &json!({"name": "Acme"})).await.expect(200);
    assert_eq!(
        (&renamed["message"], &renamed["data"]["name"]),
        (&json!("Company Updated Successfully!"), &json!("Acme"))
    );
    assert_eq!(admin.delete(&path).await.expect(200)["message"], "Company Deleted Successfully!");
    assert_eq!(admin.get(&path).await.expect(404)["error"], "CompanyNotFound");
}

#[tokio::test]
async fn a_company_with_credentials_is_deleted_with_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    let kind = aws_type(&admin, "aws").await;
    let credential = aws_credential(&admin, &kind, &acme, "secret").await;
    let path = format!("/v1/company/companies/{acme}");
    assert_eq!(admin.delete(&path).await.expect(200)["message"], "Company Deleted Successfully!");
    admin.get(&path).await.expect(404);
    admin.get(&format!("/v1/credential/credentials/{credential}")).await.expect(404);
    assert_eq!(entry_of(&admin, &acme).await.expect("an entry")["contains"], json!({"credentials": 1}));
}

#[tokio::test]
async fn a_company_from_connectwise_is_changed_there() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    sqlx::query("update companies set cw_company_id = 250, cw_identifier = 'AcmeCorp'")
        .execute(app.pool())
        .await
        .unwrap();
    let path = format!("/v1/company/companies/{acme}");
    admin.patch(&path, &json!({"name": "Other"})).await.expect(409);
    admin.delete(&path).await.expect(409);
    let read = admin.get(&path).await.data();
    assert_eq!((&read["cw_CompanyId"], &read["cw_Identifier"]), (&json!(250), &json!("AcmeCorp")));
}

#[tokio::test]
async fn the_list_is_paged_and_in_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["beta", "Alpha", "gamma", "alpha"] {
        company(&admin, name).await;
    }
    let first = admin.get("/v1/company/companies?rpp=3").await.expect(200);
    let names = |body: &Value| {
        body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["Alpha", "alpha", "beta"]);
    assert_eq!(
        first["pagination"],
        json!({"previousPage": null, "currentPage": 1, "nextPage": 2, "totalPages": 2, "totalRecords": 4, "listedRecords": 3})
    );
    let past = admin.get("/v1/company/companies?rpp=3&page=9999999999999999999999").await.expect(200);
    assert_eq!((&past["data"], &past["pagination"]["previousPage"]), (&json!([]), &json!(2)));
    for (query, parameter) in [
        ("page=0", "page"),
        ("page=abc", "page"),
        ("rpp=201", "rpp"),
        ("rpp=0", "rpp"),
        ("page=1&page=2", "page"),
    ] {
        let violations = admin.get(&format!("/v1/company/companies?{query}")).await.violations();
        assert_eq!(violations.len(), 1, "{query}");
        assert_eq!(violations[0].0, json!([parameter]), "{query}");
    }
}

#[tokio::test]
async fn search_finds_parts_and_near_misses_best_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["Northwind Traders", "100% Pure_Water", "Contoso", "Northern Lights"] {
        company(&admin, name).await;
    }
    for (search, found) in [
        ("wind", vec!["Northwind Traders"]),
        ("NORTHWIND", vec!["Northwind Traders"]),
        ("Northwnd", vec!["Northwind Traders"]),
        ("Contosso", vec!["Contoso"]),
        ("%25", vec!["100% Pure_Water"]),
        ("_", vec!["100% Pure_Water"]),
        ("zzz", vec![]),
    ] {
        let list = admin.get(&format!("/v1/company/companies?search={search}")).await.data();
        let names: Vec<_> =
            list.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, found, "{search}");
    }
}

#[tokio::test]
async fn who_holds_a_node_in_one_company_sees_that_one_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (acme, other) = (company(&admin, "Acme").await, company(&admin, "Other").await);
    let technician = app.technician_of(&acme).await;
    let list = technician.get("/v1/company/companies").await.expect(200);
    assert_eq!((&list["data"][0]["id"], &list["pagination"]["totalRecords"]), (&json!(acme), &json!(1)));
    technician.get(&format!("/v1/company/companies/{acme}")).await.expect(200);
    technician.get(&format!("/v1/company/companies/{other}")).await.expect(404);
    let refused = technician.post("/v1/company/companies", &json!({"name": "Mine"})).await.expect(403);
    assert_eq!(
        (&refused["error"], &refused["required"]),
        (&json!("InsufficientPermission"), &json!(["company.create"]))
    );
}
