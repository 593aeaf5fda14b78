//! The one list of the places where sealed bytes lie. What is missing here is not sealed anew, and a data key
//! that it needs may be lost: a test holds this list against the schema.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::access::hand_over;
use crate::credential::{self, history};
use crate::error::Result;
use crate::integration;
use crate::trash;
use crate::vault::{Held, Place, Swaps};

/// A table with sealed bytes in it. Its SQL is in the `store.rs` of its noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedStore {
    /// The secure values of credentials.
    SecureValues,
    /// The secure values of their earlier versions.
    Versions,
    /// The secure values of credentials in the trash.
    Trash,
    /// What sign-ins that are under way must remember.
    SignIns,
    /// The credentials of integrations.
    Integrations,
}

/// How many values are sealed with each data key; none: the bytes name no key.
pub type Counts = Vec<(Option<i32>, i64)>;

impl SealedStore {
    /// Every place.
    pub const ALL: [Self; 5] =
        [Self::SecureValues, Self::Versions, Self::Trash, Self::SignIns, Self::Integrations];

    /// Its table, and the columns of it that are sealed. The schema must call `guard_sealed` for each.
    #[must_use]
    pub fn columns(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::SecureValues => ("secure_values", &["sealed"]),
            Self::Versions => ("version_values", &["sealed"]),
            Self::Trash => ("trashed_secure_values", &["sealed"]),
            Self::SignIns => ("sign_ins", &["upstream", "identity"]),
            Self::Integrations => ("integrations", &["credentials"]),
        }
    }

    /// What a value is sealed for.
    #[must_use]
    pub fn place(self, held: &Held) -> Place<'_> {
        match self {
            Self::SecureValues | Self::Versions | Self::Trash => {
                Place::Field { credential: held.sealed_for, field: &held.part }
            }
            Self::SignIns => Place::SignIn { id: held.sealed_for, part: &held.part },
            Self::Integrations => Place::Integration { id: held.sealed_for, base_url: &held.part },
        }
    }

    /// How many of its values are sealed with each data key.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn count(self, connection: &mut PgConnection) -> Result<Counts> {
        match self {
            Self::SecureValues => credential::count_sealed(connection).await,
            Self::Versions => history::count_sealed(connection).await,
            Self::Trash => trash::count_sealed(connection).await,
            Self::SignIns => hand_over::count_sealed(connection).await,
            Self::Integrations => integration::count_sealed(connection).await,
        }
    }

    /// Whether there is anything.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_any(pool: &PgPool) -> Result<bool> {
        let mut connection = pool.acquire().await?;
        for store in Self::ALL {
            if !store.held(&mut connection, (Uuid::nil(), ""), None, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Up to `limit` of its values behind `after`, in order, but for those sealed with the key `but`.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn held(
        self,
        connection: &mut PgConnection,
        after: (Uuid, &str),
        but: Option<i32>,
        limit: i64,
    ) -> Result<Vec<Held>> {
        match self {
            Self::SecureValues => credential::held(connection, after, but, limit).await,
            Self::Versions => history::held(connection, after, but, limit).await,
            Self::Trash => trash::held(connection, after, but, limit).await,
            Self::SignIns => hand_over::held(connection, after, but, limit).await,
            Self::Integrations => integration::held(connection, after, but, limit).await,
        }
    }

    /// Puts other bytes in the place of values that are still as they were read; how many that are. A value
    /// that was written since stays.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn swap(self, connection: &mut PgConnection, swaps: &Swaps) -> Result<u64> {
        match self {
            Self::SecureValues => credential::swap(connection, swaps).await,
            Self::Versions => history::swap(connection, swaps).await,
            Self::Trash => trash::swap(connection, swaps).await,
            Self::SignIns => hand_over::swap(connection, swaps).await,
            Self::Integrations => integration::swap(connection, swaps).await,
        }
    }
}
