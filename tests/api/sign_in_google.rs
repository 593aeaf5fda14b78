//! Signing in with Google, which the Microsoft of the tests plays: both speak `OpenID` Connect.

use crate::helpers::desktop::{assert_page, with_settings};
use crate::helpers::microsoft::{Forgery, Microsoft, person};
use crate::helpers::{TestApp, Value, json};

const BY: &str = "?provider=google";

async fn with_google() -> (TestApp, Microsoft) {
    let google = Microsoft::start().await;
    (with_settings(&google.settings_as_google()).await, google)
}

fn colleague() -> Value {
    let mut somebody = person();
    somebody["hd"] = json!("example.com");
    somebody["email_verified"] = json!(true);
    somebody["picture"] = json!("https://pictures.example.com/1");
    somebody
}

async fn is_denied(app: &TestApp, google: &Microsoft, somebody: &Value, because: &str) {
    let begun = app.begin_with(BY, &[]).await;
    assert_page(&app.come_back(&begun, &google.signs_in(&begun.uri, somebody)).await, 403, because);
}

#[tokio::test]
async fn people_of_the_workspace_domain_get_an_account() {
    let (app, google) = with_google().await;
    let somebody = colleague();
    let signs_in = |uri: &str| google.signs_in(uri, &somebody);
    let me = app.sign_in_by(BY, signs_in).await.get("/v1/user/@me").await.data();
    assert_eq!(
        (&me["name"], &me["email"], &me["login"]),
        (&somebody["name"], &somebody["email"], &somebody["email"])
    );
    assert_eq!(me["image"], "https://pictures.example.com/1");
    let again = app.sign_in_by(BY, signs_in).await.get("/v1/user/@me").await.data();
    assert_eq!(again["id"], me["id"]);
}

#[tokio::test]
async fn nobody_vouches_for_others() {
    let (app, google) = with_google().await;
    let because = "There is no account for you here";
    for domain in [Value::Null, json!("evil.com"), json!("example.com.evil.com"), json!("")] {
        let mut stranger = colleague();
        stranger["hd"] = domain;
        is_denied(&app, &google, &stranger, because).await;
    }
}

#[tokio::test]
async fn an_address_that_is_not_verified_is_none() {
    let (app, google) = with_google().await;
    let mut somebody = colleague();
    somebody["email_verified"] = json!(false);
    let signs_in = |uri: &str| google.signs_in(uri, &somebody);
    let me = app.sign_in_by(BY, signs_in).await.get("/v1/user/@me").await.data();
    let login = format!("google:{}", somebody["sub"].as_str().unwrap());
    assert_eq!((&me["email"], &me["login"]), (&Value::Null, &json!(login)));
}

#[tokio::test]
async fn an_id_token_for_one_provider_is_worth_nothing_at_another() {
    let (microsoft, google) = (Microsoft::start().await, Microsoft::start().await);
    let settings: Vec<_> = microsoft.settings().into_iter().chain(google.settings_as_google()).collect();
    let app = with_settings(&settings).await;
    let begun = app.begin_with(BY, &[]).await;
    // the person has a code of the other provider for the very same state
    let back = microsoft.signs_in(&begun.uri, &colleague());
    assert_page(&app.come_back(&begun, &back).await, 502, "did not answer as it should");
    google.forges(Forgery::ForeignIssuer);
    let begun = app.begin_with(BY, &[]).await;
    let back = google.signs_in(&begun.uri, &colleague());
    assert_page(&app.come_back(&begun, &back).await, 502, "did not answer as it should");
}
