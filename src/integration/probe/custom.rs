//! Anything else: whether its first endpoint that is read, else its base URL, answers with any success.

use super::{Finding, HEALTHY, Verdict, refused};
use crate::integration::address::join;
use crate::integration::client::{Failure, Question};
use crate::integration::{Client, Product};
use crate::outgoing::Unanswered;

pub(super) async fn probe(client: &Client, product: &Product) -> Result<Finding, Failure> {
    let address = match &product.first_get {
        Some(path) => join(&product.base_url, path, &[]).map_err(|_| Unanswered::NotAllowed)?,
        None => product.base_url.clone(),
    };
    let answer = client.ask(product, Question::get(address)).await?;
    // its body may be of any kind and length
    Ok(match answer.status() {
        status if status.is_success() => Finding::new(Verdict::Healthy, HEALTHY),
        status => refused(product.kind, status, answer.headers()),
    })
}
