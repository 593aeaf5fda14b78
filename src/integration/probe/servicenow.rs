//! `ServiceNow`: one user of its table. The list may be empty: its rules hide rows instead of refusing.

use super::{Finding, Verdict, see};
use crate::integration::address::join;
use crate::integration::client::Failure;
use crate::integration::{Client, Product};
use crate::outgoing::Unanswered;

const PATH: &str = "/api/now/table/sys_user";

const QUERY: [(&str, &str); 2] = [("sysparm_limit", "1"), ("sysparm_fields", "sys_id")];

pub(super) async fn probe(client: &Client, product: &Product) -> Result<Finding, Failure> {
    let address = join(&product.base_url, PATH, &QUERY).map_err(|_| Unanswered::NotAllowed)?;
    let seen = see(client, product, address).await?;
    if seen.status.is_success() && seen.json().is_none() {
        let message =
            "ServiceNow answers with a page for people: the instance sleeps, or baseUrl is not its address";
        return Ok(Finding::new(Verdict::NotThisProduct, message));
    }
    Ok(seen.finding(|answer| answer["result"].is_array().then_some(Verdict::Healthy)))
}
