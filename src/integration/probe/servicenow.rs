//! `ServiceNow`: one user of its table. The list may be empty: its rules hide rows instead of refusing.

use super::{Finding, Verdict, see};
use crate::integration::client::Failure;
use crate::integration::{Client, Product};

const PATH: &str = "/api/now/table/sys_user";

const QUERY: [(&str, &str); 2] = [("sysparm_limit", "1"), ("sysparm_fields", "sys_id")];

pub(super) async fn probe(client: &Client, product: &Product) -> Result<Finding, Failure> {
    let seen = see(client, product, PATH, &QUERY).await?;
    if seen.status.is_success() && seen.json().is_none() {
        let message =
            "ServiceNow answers with a page for people: the instance sleeps, or baseUrl is not its address";
        return Ok(Finding::new(Verdict::NotThisProduct, message));
    }
    Ok(seen.finding(|answer| answer["result"].is_array().then_some(Verdict::Healthy)))
}
