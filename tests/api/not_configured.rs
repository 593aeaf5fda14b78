//! What the program answers where no sign-in provider and no ConnectWise is set up.

use crate::helpers::fixture::company;
use crate::helpers::{TestApp, json};

#[tokio::test]
async fn sign_in_with_a_provider_is_not_configured() {
    let app = TestApp::start().await;
    for query in ["", "?provider=microsoft", "?provider=google", "?provider=github"] {
        let refused = app.nobody().get(&format!("/v1/auth/uri{query}")).await;
        assert_eq!(refused.expect(503)["error"], "SignInNotConfigured");
        assert_eq!(refused.header("retry-after"), "", "trying again will not help");
    }
    let unknown = app.nobody().get("/v1/auth/uri?provider=other").await.violations();
    assert_eq!(unknown[0].0, json!(["provider"]));
}

#[tokio::test]
async fn a_company_made_by_hand_has_no_configurations_and_another_cannot_be_asked_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let acme = company(&admin, "Acme").await;
    let path = format!("/v1/company/companies/{acme}/configurations");
    let answer = admin.get(&path).await.expect(200);
    assert_eq!(
        (&answer["message"], &answer["data"]),
        (&json!("Company Configurations Fetched Successfully!"), &json!([]))
    );
    app.technician_of(&acme).await.get(&path).await.expect(200);
    let refused = app.holder_in(&acme, &["company.fetch"]).await.get(&path).await.expect(403);
    assert_eq!(refused["required"], json!(["company.fetch.configurations"]));
    sqlx::query("update companies set cw_company_id = 250").execute(app.pool()).await.unwrap();
    assert_eq!(admin.get(&path).await.expect(503)["error"], "ConnectWiseNotConfigured");
}
