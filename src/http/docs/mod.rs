//! The route table as documents: `API_ROUTES.md`, OpenAPI, and a page to try it.

mod example;
mod markdown;
mod openapi;
mod page;
mod refusal;
mod tables;

pub use markdown::markdown;
pub use openapi::openapi;
pub use page::router;
