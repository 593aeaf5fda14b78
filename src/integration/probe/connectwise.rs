//! ConnectWise: the number of one company, which proves the keys and that the API member may read companies.

use reqwest::StatusCode;
use url::Url;

use super::{Finding, Verdict, see};
use crate::config::connectwise_api_host;
use crate::connectwise::USUAL_CODEBASE;
use crate::integration::client::Failure;
use crate::integration::{Client, Product};
use crate::outgoing;

const QUERY: [(&str, &str); 2] = [("pageSize", "1"), ("fields", "id")];

pub(super) async fn probe(client: &Client, product: &Product) -> Result<Finding, Failure> {
    if let Some(host) = product.base_url.host_str().and_then(connectwise_api_host) {
        let message = format!("ConnectWise has its pages for people there, and its API at https://{host}");
        return Ok(Finding::new(Verdict::NotThisProduct, message));
    }
    let path = format!("{}/company/companies", below(&product.base_url));
    let seen = see(client, product, &path, &QUERY).await?;
    let is_page = seen.body.trim_ascii_start().starts_with(b"<");
    Ok(match seen.status {
        // in the cloud it may say so to wrong keys
        StatusCode::NOT_FOUND if !is_page => {
            let message = "ConnectWise answers 404, as it does to wrong keys and at a wrong address: check the keys, then baseUrl";
            Finding::new(Verdict::BadCredentials, message)
        }
        // what stands before the cloud throttles with a page of its own
        StatusCode::FORBIDDEN if is_page => {
            let message = "What stands before ConnectWise asks for fewer requests (status 403)";
            let retry_after = outgoing::retry_after(&seen.headers);
            Finding { retry_after, ..Finding::new(Verdict::RateLimited, message) }
        }
        _ => seen.finding(|answer| answer.is_array().then_some(Verdict::Healthy)),
    })
}

/// What of the way to the API is not in the base URL yet.
fn below(base: &Url) -> String {
    match base.path().trim_end_matches('/') {
        "" => format!("/{USUAL_CODEBASE}apis/3.0"),
        path if path.ends_with("/apis/3.0") => String::new(),
        path if path.ends_with("/apis") => "/3.0".to_owned(),
        _ => "/apis/3.0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integration::address::join;

    #[test]
    fn the_way_to_the_api_is_made_whole() {
        for (base, whole) in [
            ("https://api-na.myconnectwise.net", "/v4_6_release/apis/3.0/x"),
            ("https://api-na.myconnectwise.net/", "/v4_6_release/apis/3.0/x"),
            ("https://cw.example.com/v4_6_release", "/v4_6_release/apis/3.0/x"),
            ("https://cw.example.com/v2026_3/apis/", "/v2026_3/apis/3.0/x"),
            ("https://cw.example.com/v4_6_release/apis/3.0/", "/v4_6_release/apis/3.0/x"),
        ] {
            let base = Url::parse(base).unwrap();
            let joined = join(&base, &format!("{}/x", below(&base)), &[]).unwrap();
            assert_eq!(joined.path(), whole, "{base}");
        }
    }
}
