//! The person says which number the client shows.

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::arrive::Arrived;
use super::step::{For, Step};
use super::{IDENTITY, State, is_hash_of, place, store};
use crate::access::caller::Origin;
use crate::access::identity;
use crate::access::oauth::Identity;
use crate::app::App;
use crate::error::{Error, Result};

/// What a person answers.
pub enum Choice<'a> {
    /// The client shows this number.
    Number(&'a str),
    /// They began no sign-in.
    NotMe,
}

const NOT_ME: &str = "You said that you did not begin this sign-in. Nobody was signed in.";
const WRONG_NUMBER: &str = "That is not the number that the app shows. Nobody was signed in.";

/// Takes a person's answer to the question of a sign-in. The right number lets the client have its
/// tokens; anything else ends the sign-in, but for an answer that does not come from the page that asks.
///
/// # Errors
/// Where the database fails.
pub async fn confirm(
    app: &Arc<App>,
    origin: &Origin,
    id: &str,
    form_token: &str,
    choice: Choice<'_>,
) -> Result<Arrived> {
    let found = match crate::id::parse(id) {
        Some(id) => store::by_id(&app.pool, id).await?,
        None => None,
    };
    let Some(sign_in) = found else {
        return Ok(Arrived::Unknown);
    };
    let step = Step { app: Arc::clone(app), origin: origin.clone(), sign_in };
    if let Some(refused) = step.is_late(State::Confirming) {
        return Ok(refused);
    }
    if !step.sign_in.form_hash.as_deref().is_some_and(|hash| is_hash_of(hash, form_token)) {
        return Ok(Arrived::NotYours);
    }
    let identity = identity_of(&step).await?;
    let message = match choice {
        Choice::Number(number) if number == step.sign_in.match_code => {
            return step.approve(State::Confirming, &identity, For::Client).await;
        }
        Choice::Number(_) => WRONG_NUMBER,
        Choice::NotMe => NOT_ME,
    };
    let client = step.sign_in.address.as_deref().unwrap_or_default();
    tracing::warn!(sign_in = %step.sign_in.id, client, "a sign-in was not confirmed by the person who finished it");
    // somebody may have tried to get in as this person
    let account = identity::account(&app.pool, &identity).await?;
    step.deny("session.confirm", account, message).await
}

async fn identity_of(step: &Step) -> Result<Identity> {
    let sealed = step.sign_in.identity.as_deref().unwrap_or_default();
    let opened = step.app.vault.open(place(step.sign_in.id, IDENTITY), sealed).await;
    let opened = opened.map_err(Error::internal)?;
    serde_json::from_str(opened.expose_secret()).map_err(Error::internal)
}
