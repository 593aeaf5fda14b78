//! The history of a credential: each change keeps what was before it, secure values as the sealed bytes
//! that they were. Nothing here opens a value to show it.

mod restore;
mod store;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::kind::Field;
use super::load;
use crate::access::{Caller, Permission};
use crate::app::App;
use crate::error::Result;
use crate::page::{Paged, Paging};

pub use restore::restore;
pub(crate) use store::{count_sealed, held, swap};

/// What a credential was before a change, as it is listed: never with a value.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its number; later changes have higher ones.
    pub number: i32,
    /// When it was changed into something else.
    pub at: DateTime<Utc>,
    /// Who changed it; none for the program itself.
    pub by_id: Option<Uuid>,
    /// Their name at that time.
    pub by_name: String,
    /// The fields whose values that change touched.
    pub changed: Vec<String>,
    /// Whether that change gave it another name.
    pub name_changed: bool,
    /// Whether that change gave it other notes.
    pub notes_changed: bool,
}

/// What a credential says, all but its type and company.
pub(super) struct Content {
    pub name: String,
    pub notes: Option<String>,
    pub plain: HashMap<String, String>,
    pub sealed: HashMap<String, Vec<u8>>,
}

/// What a change does to a credential.
#[derive(Debug, Clone, Default)]
pub(super) struct Changed {
    pub fields: Vec<String>,
    pub name: bool,
    pub notes: bool,
}

impl Changed {
    /// What differs between two contents. Sealed bytes that are not the same count as another value:
    /// what they hold is not compared, or whoever may write could find a secret out by guessing.
    pub fn between(before: &Content, after: &Content) -> Self {
        let known = [&before.plain, &after.plain].into_iter().flat_map(HashMap::keys);
        let sealed = [&before.sealed, &after.sealed].into_iter().flat_map(HashMap::keys);
        let mut fields: Vec<_> = known
            .chain(sealed)
            .filter(|id| {
                before.plain.get(*id) != after.plain.get(*id)
                    || before.sealed.get(*id) != after.sealed.get(*id)
            })
            .cloned()
            .collect();
        fields.sort();
        fields.dedup();
        Self { fields, name: before.name != after.name, notes: before.notes != after.notes }
    }

    pub fn is_nothing(&self) -> bool {
        self.fields.is_empty() && !self.name && !self.notes
    }

    /// The same with the fields in the order of their type.
    pub fn in_order_of(mut self, kind: &[Field]) -> Self {
        self.fields.sort_by_key(|id| kind.iter().position(|field| field.id == *id));
        self
    }
}

/// The earlier versions of a credential, newest first, where the caller holds all of `needed` on it.
///
/// # Errors
/// [`crate::error::Error::NotFound`], [`crate::error::Error::Forbidden`].
pub async fn list(
    app: &App,
    caller: &Caller,
    needed: &[Permission],
    identifier: &str,
    paging: Option<Paging>,
) -> Result<Paged<Version>> {
    let mut connection = app.pool.acquire().await?;
    let credential = load(&mut connection, caller, needed, identifier).await?;
    drop(connection);
    Paged::fetch(paging, |window| store::list(&app.pool, credential.id, window)).await
}

/// Keeps what credentials are now, before something of them changes. The caller must have locked them.
pub(super) async fn keep(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    credentials: &[Uuid],
    changed: &Changed,
) -> Result<()> {
    if changed.is_nothing() {
        return Ok(());
    }
    store::keep(connection, credentials, changed, &caller.actor, app.clock.now()).await
}

/// Takes values out of credentials, and keeps those credentials as they were.
pub(crate) async fn clear(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    values: Vec<(Uuid, Vec<String>)>,
) -> Result<()> {
    let mut together: BTreeMap<Vec<String>, Vec<Uuid>> = BTreeMap::new();
    for (credential, fields) in values {
        together.entry(fields).or_default().push(credential);
    }
    for (fields, credentials) in together {
        let changed = Changed { fields, ..Changed::default() };
        keep(connection, app, caller, &credentials, &changed).await?;
        store::clear(connection, &credentials, &changed.fields).await?;
    }
    Ok(())
}

/// How many values are sealed in one go, so that memory stays bounded.
const BATCH: i64 = 500;

/// Seals the plain values that a field has in the versions of a type's credentials, wherever those are.
pub(super) async fn seal(connection: &mut PgConnection, app: &App, kind: Uuid, field: &str) -> Result<()> {
    loop {
        let taken = store::take_plain_values(connection, kind, field, BATCH).await?;
        if taken.is_empty() {
            return Ok(());
        }
        for (version, credential, value) in taken {
            let sealed = super::seal(app, credential, field, &value).await?;
            store::put_sealed(connection, version, field, &sealed).await?;
        }
    }
}
