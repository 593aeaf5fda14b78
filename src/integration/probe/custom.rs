//! Anything else: whether its first endpoint that is read, else its base URL, answers with any success.

use super::{Finding, HEALTHY, Verdict, address_of, refused};
use crate::integration::client::{Failure, Question};
use crate::integration::{Client, Product};

pub(super) async fn probe(client: &Client, product: &Product) -> Result<Finding, Failure> {
    let address = match &product.first_get {
        Some(path) => address_of(product, path, &[])?,
        None => product.base_url.clone(),
    };
    let answer = client.ask(product, Question::get(address)).await?;
    // its body may be of any kind and length
    Ok(match answer.status() {
        status if status.is_success() => Finding::new(Verdict::Healthy, HEALTHY),
        status => refused(product.kind, status, answer.headers()),
    })
}
