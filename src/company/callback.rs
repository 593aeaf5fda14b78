//! What ConnectWise tells by itself: that a company has changed; and asking it to.

use chrono::TimeDelta;

use super::{fresh, store};
use crate::app::App;
use crate::connectwise::{ConnectWise, Failure};
use crate::error::{Error, Result};

pub use crate::connectwise::callback::Registered;

/// For how long a message is remembered, so that it counts once.
const REMEMBERED: TimeDelta = TimeDelta::days(7);

/// Takes a callback and lets the company be asked for beside the requests. One that was taken before, by
/// any server, is passed over.
///
/// # Errors
/// [`Error::Unauthenticated`] where the configured ConnectWise did not sign it; [`Error::TooMany`] where
/// too many are waiting; [`Error::Upstream`] where the key of the signature cannot be had.
pub async fn receive(app: &App, body: &[u8], signature: &str) -> Result<()> {
    let connectwise = app.connectwise.as_ref().ok_or_else(Error::unauthenticated)?;
    let verified = connectwise.verify(body, signature).await.map_err(fresh::upstream)?;
    let callback = verified.ok_or_else(Error::unauthenticated)?;
    let Some(number) = callback.company else { return Ok(()) };
    // room first: what is written down as taken must be done
    let place = app.work.place()?;
    let now = app.clock.now();
    if store::take_message(&app.pool, &callback.message, now, now - REMEMBERED).await? {
        place.ask_for(number);
    }
    Ok(())
}

/// Where callbacks are to be sent. ConnectWise adds the number of the record.
fn address(app: &App) -> String {
    format!("{}/v1/company/connectwise/callback?recordId=", app.settings.public_url)
}

fn connectwise(app: &App) -> std::result::Result<&ConnectWise, Failure> {
    app.connectwise.as_ref().ok_or(Failure::UnknownTenant)
}

/// The callbacks to this server that ConnectWise was asked for.
///
/// # Errors
/// [`Failure`].
pub async fn registered(app: &App) -> std::result::Result<Vec<Registered>, Failure> {
    connectwise(app)?.callbacks(&address(app)).await
}

/// Asks for the callback of companies where it is missing, and anew where it was switched off. Answers with
/// what there is then.
///
/// # Errors
/// [`Failure`].
pub async fn ensure(app: &App) -> std::result::Result<Vec<Registered>, Failure> {
    let connectwise = connectwise(app)?;
    let of_companies: Vec<_> =
        registered(app).await?.into_iter().filter(Registered::is_of_all_companies).collect();
    if !of_companies.iter().any(|one| one.is_active) {
        for one in of_companies {
            connectwise.remove_callback(one.number).await?;
        }
        connectwise.add_callback(&address(app)).await?;
    }
    registered(app).await
}

/// Asks ConnectWise to send nothing to this server any more. Answers with what there is then.
///
/// # Errors
/// [`Failure`].
pub async fn remove(app: &App) -> std::result::Result<Vec<Registered>, Failure> {
    for one in registered(app).await? {
        connectwise(app)?.remove_callback(one.number).await?;
    }
    registered(app).await
}
