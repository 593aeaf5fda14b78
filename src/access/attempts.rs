//! Limits on password attempts, for an account and for an address, in a window that slides. They are
//! kept in the database, so that they hold across servers and restarts.
//!
//! An attempt is counted before the password is looked at and taken back when it was right, so that
//! attempts at the same moment cannot slip through together.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::{store, token};
use crate::error::{Error, Result};

/// How far back failures count.
pub const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// How many failures in the window an account may have, by whichever of its names and spellings.
const ACCOUNT_LIMIT: i32 = 10;

/// How many failures in the window may come from one address.
const ADDRESS_LIMIT: i32 = 100;

/// An attempt that has been counted as a failure for as long as it is not known to be right.
pub struct Attempt {
    account: [u8; 32],
    address: Option<[u8; 32]>,
    at: DateTime<Utc>,
}

/// Counts an attempt at `account` (its id, or the name where there is no such account) from `address`.
///
/// # Errors
/// [`Error::TooMany`] where either has used up its failures.
pub async fn count(
    pool: &PgPool,
    account: &str,
    address: Option<IpAddr>,
    at: DateTime<Utc>,
) -> Result<Attempt> {
    let account = token::hash(&format!("account {account}"));
    let address = address.map(|address| token::hash(&format!("address {}", network(address))));
    let attempt = Attempt { account, address, at };
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
    let oldest = store::oldest_attempt(pool, &subject, at - WINDOW).await?.unwrap_or(at);
    Err(Error::TooMany {
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
