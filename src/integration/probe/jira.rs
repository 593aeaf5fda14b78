//! Jira: who am I. Other places answer strangers too, with status 200 (JRACLOUD-93811).

use super::{Finding, Seen, Verdict, see};
use crate::integration::address::is_jira_cloud;
use crate::integration::client::Failure;
use crate::integration::{Client, Product};

/// The header by which a Data Center says that it asks for a riddle to be solved.
const DENIED: &str = "x-authentication-denied-reason";

pub(super) async fn probe(client: &Client, product: &Product) -> Result<Finding, Failure> {
    let path = if is_jira_cloud(&product.base_url) { "/rest/api/3/myself" } else { "/rest/api/2/myself" };
    let seen = see(client, product, path, &[]).await?;
    if is_locked(&seen) {
        let message =
            "Jira asks for a CAPTCHA after too many failures: a person must sign in there and solve it";
        let finding = Finding::new(Verdict::BadCredentials, message);
        return Ok(Finding { is_locked: true, ..finding });
    }
    let names = ["accountId", "name", "key"];
    let is_somebody =
        |name: &&str, person: &serde_json::Value| person[*name].as_str().is_some_and(|name| !name.is_empty());
    Ok(seen.finding(|person| names.iter().any(|name| is_somebody(name, person)).then_some(Verdict::Healthy)))
}

fn is_locked(seen: &Seen) -> bool {
    let reason = seen.headers.get(DENIED).and_then(|value| value.to_str().ok()).unwrap_or_default();
    !seen.status.is_success() && reason.contains("CAPTCHA")
}
