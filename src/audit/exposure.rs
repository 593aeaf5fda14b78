//! Exposure: the secrets that somebody knows, for the day when they leave. What their API keys have revealed
//! they know too: they had the keys in hand.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::store;
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::error::{Error, Result};
use crate::page::{Paged, Paging};
use crate::{id, user};

/// A value that somebody has revealed and that is still the same.
#[derive(Debug, Clone)]
pub struct Exposed {
    /// The company that the credential is of.
    pub company_id: Uuid,
    /// Its name.
    pub company_name: String,
    /// The credential.
    pub credential_id: Uuid,
    /// Its name.
    pub credential_name: String,
    /// The field.
    pub field_id: String,
    /// When they last revealed it.
    pub last_revealed_at: DateTime<Utc>,
    /// How often, while it was this value.
    pub reveals: i64,
}

/// What an account has revealed and is still in use, by company, newest first, in the companies where the
/// caller holds all of `needed`. Who holds it everywhere can also ask for an account that is gone.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`].
pub async fn exposure(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    paging: Option<Paging>,
) -> Result<Paged<Exposed>> {
    let reach = caller.reach(Permission::UserExposure);
    let person = match user::find(app, caller, needed, identifier).await {
        Ok(user) => user.id,
        Err(Error::NotFound { code, message }) => {
            let gone = id::parse(identifier).filter(|_| reach.is_everywhere());
            let gone = gone.ok_or_else(|| Error::NotFound { code, message: message.clone() })?;
            if !store::has_acted(&app.pool, gone).await? {
                return Err(Error::NotFound { code, message });
            }
            gone
        }
        Err(error) => return Err(error),
    };
    Paged::fetch(paging, |window| store::exposed(&app.pool, &reach, person, window)).await
}
