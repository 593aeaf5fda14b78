//! What a request shows of who it comes from.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::key;
use super::token::{self, TokenKeys};

/// Proof that a request holds something that the program gave out. Whether that is good now is yet to be
/// looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shown {
    /// An access token of a person.
    Session {
        /// The account.
        user: Uuid,
        /// The session.
        session: Uuid,
    },
    /// An API key, by its hash.
    Key([u8; 32]),
    /// An access token that was given for the API key with this id.
    KeyToken(Uuid),
}

impl Shown {
    /// Reads what stands behind `Bearer`; none where the program cannot have given it out. An API key is told
    /// from an access token by how it begins.
    #[must_use]
    pub fn read(tokens: &TokenKeys, bearer: &str, now: DateTime<Utc>) -> Option<Self> {
        if key::is_one(bearer) {
            return key::hash(bearer).map(Self::Key);
        }
        let claims = token::verify(tokens, bearer, now)?;
        Some(if claims.sub == claims.sid {
            Self::KeyToken(claims.sub)
        } else {
            Self::Session { user: claims.sub, session: claims.sid }
        })
    }

    /// The session, where it is one.
    #[must_use]
    pub fn session(&self) -> Option<Uuid> {
        match self {
            Self::Session { session, .. } => Some(*session),
            Self::Key(_) | Self::KeyToken(_) => None,
        }
    }
}
