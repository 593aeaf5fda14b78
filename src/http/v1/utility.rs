//! What is left over.

use axum::http::StatusCode;

use super::V1;
use crate::http::contract::Failure;
use crate::http::guard::Visitor;
use crate::http::route::{Route, get};

pub fn routes() -> Vec<Route> {
    vec![
        get("/teapot", "Teapot", teapot)
            .public("it is a joke (RFC 2324)")
            .answers::<V1>(StatusCode::IM_A_TEAPOT, "I'm a teapot"),
    ]
}

async fn teapot(_: Visitor) -> Result<(), Failure> {
    Err(Failure::Http(StatusCode::IM_A_TEAPOT, "I'm a teapot"))
}
