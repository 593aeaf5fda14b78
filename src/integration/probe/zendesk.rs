//! Zendesk: who am I. To somebody it does not know it may answer with a guest, who has no id, and status 200.

use super::{Finding, Verdict, see};
use crate::integration::client::Failure;
use crate::integration::{Client, Product};

const PATH: &str = "/api/v2/users/me.json";

pub(super) async fn probe(client: &Client, product: &Product) -> Result<Finding, Failure> {
    let seen = see(client, product, PATH, &[]).await?;
    Ok(seen.finding(|answer| {
        let id = answer["user"].as_object()?.get("id")?;
        Some(if id.is_number() { Verdict::Healthy } else { Verdict::BadCredentials })
    }))
}
