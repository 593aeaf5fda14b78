//! ConnectWise: the number of one company, which proves the keys and that the API member may read companies.

use reqwest::StatusCode;
use url::Url;

use super::{Finding, Verdict, refused, see};
use crate::connectwise::USUAL_CODEBASE;
use crate::integration::address::join;
use crate::integration::client::Failure;
use crate::integration::{Client, Kind, Product};
use crate::outgoing::Unanswered;

const QUERY: [(&str, &str); 2] = [("pageSize", "1"), ("fields", "id")];

pub(super) async fn probe(client: &Client, product: &Product) -> Result<Finding, Failure> {
    let path = format!("{}/company/companies", below(&product.base_url));
    let address = join(&product.base_url, &path, &QUERY).map_err(|_| Unanswered::NotAllowed)?;
    let seen = see(client, product, address).await?;
    let is_page = seen.body.trim_ascii_start().starts_with(b"<");
    Ok(match seen.status {
        // in the cloud it may say so to wrong keys
        StatusCode::NOT_FOUND if !is_page => {
            let message = "ConnectWise answers 404, as it does to wrong keys and at a wrong address: check the keys, then baseUrl";
            Finding::new(Verdict::BadCredentials, message)
        }
        // what stands before the cloud throttles with a page of its own
        StatusCode::FORBIDDEN if is_page => {
            refused(Kind::Connectwise, StatusCode::TOO_MANY_REQUESTS, &seen.headers)
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
