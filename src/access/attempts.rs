//! Limits on password attempts, for an account and for an address, in a window that slides. They are
//! kept in the database, so that they hold across servers and restarts.
//!
//! An attempt is counted before the password is looked at and taken back when it was right, so that
//! attempts at the same moment cannot slip through together. So that many right ones at the same moment are
//! not taken for failures, those at one account take turns on each server, and an attempt is counted no
//! sooner than its password is to be looked at.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{password, store, token};
use crate::app::App;
use crate::error::{Error, Result};

/// The turns of attempts at each account.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<[u8; 32], Arc<Semaphore>>>);

/// How many accounts are remembered to be tried before those are forgotten that nobody is trying.
const MANY_ACCOUNTS: usize = 1000;

impl Turns {
    /// Waits until no other attempt at the account is under way on this server.
    async fn alone(&self, account: [u8; 32]) -> Result<OwnedSemaphorePermit> {
        let turns = {
            let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if accounts.len() >= MANY_ACCOUNTS {
                accounts.retain(|_, turns| Arc::strong_count(turns) > 1);
            }
            Arc::clone(accounts.entry(account).or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        password::wait_for(&turns).await
    }
}

/// How far back failures count.
pub const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// How many failures in the window an account may have, by whichever of its names and spellings.
const ACCOUNT_LIMIT: i32 = 10;

/// How many failures in the window may come from one address.
const ADDRESS_LIMIT: i32 = 100;

/// What is guessed at from an address. The failures of each are counted by themselves, so that a service that
/// goes on showing a bad key locks out nobody with a password.
#[derive(Debug, Clone, Copy)]
pub enum Guess {
    /// A password, and whatever else is limited as they are.
    Password,
    /// An API key.
    Key,
}

impl Guess {
    fn subject_from(self, address: IpAddr) -> [u8; 32] {
        let kind = match self {
            Self::Password => "address",
            Self::Key => "address of keys",
        };
        token::hash(&format!("{kind} {}", network(address)))
    }
}

/// An attempt that has been counted as a failure for as long as it is not known to be right. While it is
/// there, no other one at the account is under way on this server.
pub struct Attempt {
    _alone: OwnedSemaphorePermit,
    account: [u8; 32],
    address: Option<[u8; 32]>,
    at: DateTime<Utc>,
}

/// Whether `password` fits `hash`, as an attempt at `account` (its id, or the name where there is no such
/// account) from `address`.
///
/// # Errors
/// [`Error::TooMany`] where either has used up its failures; [`Error::Unavailable`] where too many wait.
pub async fn verify(
    app: &App,
    account: &str,
    address: Option<IpAddr>,
    hash: Option<String>,
    password: SecretString,
) -> Result<(bool, Attempt)> {
    let account = token::hash(&format!("account {account}"));
    let address = address.map(|address| Guess::Password.subject_from(address));
    let alone = app.attempts.alone(account).await?;
    let now = app.clock.now();
    // whoever is locked out need not wait for a turn at a password to hear it
    for (subject, limit) in [(Some(account), ACCOUNT_LIMIT), (address, ADDRESS_LIMIT)] {
        if let Some(subject) = subject
            && store::has_attempts(&app.pool, &subject, now - WINDOW, limit).await?
        {
            return Err(too_many(&app.pool, subject, now).await?);
        }
    }
    let turn = app.passwords.turn().await?;
    let attempt = count(&app.pool, alone, account, address, app.clock.now()).await?;
    match turn.verify(hash, password).await {
        Ok(fits) => Ok((fits, attempt)),
        Err(error) => {
            attempt.withdrawn(&app.pool).await?;
            Err(error)
        }
    }
}

/// Refuses an address that has used up its failures.
///
/// # Errors
/// [`Error::TooMany`].
pub async fn check_address(app: &App, guess: Guess, address: Option<IpAddr>) -> Result<()> {
    let Some(subject) = address.map(|address| guess.subject_from(address)) else { return Ok(()) };
    let now = app.clock.now();
    if store::has_attempts(&app.pool, &subject, now - WINDOW, ADDRESS_LIMIT).await? {
        return Err(too_many(&app.pool, subject, now).await?);
    }
    Ok(())
}

/// Counts a failure from an address. An account that somebody makes for themselves counts as one, so that nobody
/// makes them without end.
///
/// # Errors
/// [`Error::TooMany`].
pub async fn count_failure(app: &App, guess: Guess, address: Option<IpAddr>) -> Result<()> {
    let Some(subject) = address.map(|address| guess.subject_from(address)) else { return Ok(()) };
    count_one(&app.pool, subject, app.clock.now(), ADDRESS_LIMIT).await
}

async fn count(
    pool: &PgPool,
    alone: OwnedSemaphorePermit,
    account: [u8; 32],
    address: Option<[u8; 32]>,
    at: DateTime<Utc>,
) -> Result<Attempt> {
    let attempt = Attempt { _alone: alone, account, address, at };
    store::forget_old_attempts(pool, at - WINDOW).await?;
    if let Some(address) = address {
        count_one(pool, address, at, ADDRESS_LIMIT).await?;
    }
    match count_one(pool, account, at, ACCOUNT_LIMIT).await {
        Ok(()) => Ok(attempt),
        Err(refused) => {
            attempt.forgive_address(pool).await?;
            Err(refused)
        }
    }
}

async fn count_one(pool: &PgPool, subject: [u8; 32], at: DateTime<Utc>, limit: i32) -> Result<()> {
    if store::add_attempt(pool, &subject, at, at - WINDOW, limit).await? {
        return Ok(());
    }
    Err(too_many(pool, subject, at).await?)
}

async fn too_many(pool: &PgPool, subject: [u8; 32], at: DateTime<Utc>) -> Result<Error> {
    let oldest = store::oldest_attempt(pool, &subject, at - WINDOW).await?.unwrap_or(at);
    Ok(Error::TooMany {
        message: "Too many failed sign-ins, try again later",
        retry_after: (oldest + WINDOW - at).to_std().unwrap_or_default(),
    })
}

impl Attempt {
    /// The password was right: the account starts anew, and the address has one failure less.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn succeeded(self, pool: &PgPool) -> Result<()> {
        store::clear_attempts(pool, &self.account).await?;
        self.forgive_address(pool).await
    }

    /// The password was not looked at: both have one failure less.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn withdrawn(self, pool: &PgPool) -> Result<()> {
        store::take_attempt_back(pool, &self.account, self.at).await?;
        self.forgive_address(pool).await
    }

    async fn forgive_address(&self, pool: &PgPool) -> Result<()> {
        match self.address {
            Some(address) => store::take_attempt_back(pool, &address, self.at).await,
            None => Ok(()),
        }
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which is what one
/// customer gets.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}
