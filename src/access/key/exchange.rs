//! An API key for an access token, for clients that cannot send the key each time.

use secrecy::SecretString;
use sqlx::PgConnection;

use super::{secret, store};
use crate::access::attempts::{self, Guess};
use crate::access::caller::{self, Actor, Origin};
use crate::access::shown::Shown;
use crate::access::token;
use crate::app::App;
use crate::audit::{self, Event, Outcome, Target};
use crate::error::{Error, Result};

/// An access token for a key. Each use of it is judged by what the key is then, so that it ends with the key.
///
/// # Errors
/// [`Error::Unauthenticated`], the same for whatever is no key that is good now; [`Error::TooMany`] from an
/// address with too many guesses, for a good key too. A key that was good once is no guess.
pub async fn exchange(app: &App, origin: &Origin, presented: &str) -> Result<SecretString> {
    attempts::check_address(app, Guess::Key, origin.address).await?;
    let hash = secret::hash(presented);
    let known = match hash {
        Some(hash) => caller::known(app, Shown::Key(hash)).await?,
        None => None,
    };
    let mut connection = app.pool.acquire().await?;
    let Some((id, known)) = known.and_then(|known| Some((known.key?, known))) else {
        let was_one = record_refusal(&mut connection, app, origin, hash).await?;
        if !was_one {
            attempts::count_failure(app, Guess::Key, origin.address).await?;
        }
        return Err(Error::Unauthenticated { code: Some("InvalidApiKey"), message: "Invalid API key" });
    };
    let (actor, now) = (Actor::key(id, &*known.name), app.clock.now());
    let event = Event::new("api_key.exchange", Target::named("api_key", id, &known.name));
    audit::record(&mut connection, &actor, origin, now, event).await?;
    app.key_uses.note(id, origin.address, now);
    token::issue(&app.tokens, id, id, now).map_err(Error::Internal)
}

/// Puts a refusal on record, with the key where it was one once; whether it was.
async fn record_refusal(
    connection: &mut PgConnection,
    app: &App,
    origin: &Origin,
    hash: Option<[u8; 32]>,
) -> Result<bool> {
    let known = match hash {
        Some(hash) => store::name_of(connection, &hash).await?,
        None => None,
    };
    let (id, name) = known.unzip();
    let target = Target { kind: "api_key", id, name: name.as_deref() };
    let event = Event { outcome: Outcome::Denied, ..Event::new("api_key.exchange", target) };
    audit::record(connection, &Actor::unknown(), origin, app.clock.now(), event).await?;
    Ok(id.is_some())
}
