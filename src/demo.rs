//! Sample data, for a first look.

use crate::app::App;

/// Fills.
///
/// # Errors
/// x
pub async fn fill(_: &App) -> anyhow::Result<String> {
    Ok(String::new())
}
