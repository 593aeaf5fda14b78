//! Moving things into the trash.

mod store;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{KEPT, Kind};
use crate::access::Caller;
use crate::app::App;
use crate::credential;
use crate::error::Result;
use crate::id;

/// What is to be moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thing<'a> {
    kind: Kind,
    id: Uuid,
    name: &'a str,
    company: Option<Uuid>,
    scope: Option<&'a str>,
}

impl<'a> Thing<'a> {
    /// A credential of this company.
    pub fn credential(id: Uuid, name: &'a str, company: Uuid) -> Self {
        Self { kind: Kind::Credential, id, name, company: Some(company), scope: None }
    }

    /// A type with all its credentials.
    pub fn credential_type(id: Uuid, name: &'a str, scope: &'a str) -> Self {
        Self { kind: Kind::CredentialType, id, name, company: None, scope: Some(scope) }
    }

    /// A company with all that is in it.
    pub fn company(id: Uuid, name: &'a str) -> Self {
        Self { kind: Kind::Company, id, name, company: Some(id), scope: None }
    }
}

/// Moves a thing into the trash. The caller of this has locked it, and the types of its credentials.
pub(crate) async fn put(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    thing: Thing<'_>,
) -> Result<()> {
    let (entry, now) = (id::new(), app.clock.now());
    store::insert(connection, entry, &thing, &caller.actor, (now, now + KEPT)).await?;
    store::move_credentials(connection, entry, &thing).await?;
    match thing.kind {
        Kind::Credential => Ok(()),
        Kind::CredentialType => store::move_type(connection, entry, thing.id).await,
        Kind::Company => store::move_company(connection, entry, thing.id).await,
    }
}

/// How many values are sealed in one go, so that memory stays bounded.
const BATCH: i64 = 500;

/// Seals the plain values that a field has in the credentials of a type that are in the trash.
pub(crate) async fn seal(connection: &mut PgConnection, app: &App, kind: Uuid, field: &str) -> Result<()> {
    loop {
        let taken = store::take_plain_values(connection, kind, field, BATCH).await?;
        if taken.is_empty() {
            return Ok(());
        }
        for (credential, value) in taken {
            let sealed = credential::seal(app, credential, field, &value).await?;
            store::put_sealed(connection, credential, field, &sealed).await?;
        }
    }
}
