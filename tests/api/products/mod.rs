//! What keeps calls of products in bounds, and what is found out about products, on a test's own.

mod addresses;
mod calls;
mod credentials;
mod failures;
mod guard;
mod tokens;
mod verdicts;
