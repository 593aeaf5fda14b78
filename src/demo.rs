//! Sample data, for a first look.

use crate::app::App;

/// Fills.
///
/// # Errors
/// x
#[expect(clippy::unused_async, reason = "it will ask the database")]
pub async fn fill(_: &App) -> anyhow::Result<String> {
    Ok(String::new())
}
