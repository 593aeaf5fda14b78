//! Writing what credentials say.

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::fields::Checked;
use super::history::{self, Changed, Content};
use super::kind::Field;
use super::store::{self, Held};
use crate::access::Caller;
use crate::app::App;
use crate::error::{Error, Result};
use crate::vault::Place;

/// Makes a credential say what it is to say, and keeps what it said before. Where that is what it said at a
/// version, those who knew its values then know them again.
pub(super) async fn write(
    connection: &mut PgConnection,
    app: &App,
    caller: &Caller,
    (id, version): (Uuid, Option<i32>),
    kind: &[Field],
    (before, after): (&Content, &Content),
) -> Result<()> {
    let changed = Changed::between(before, after).in_order_of(kind);
    history::keep(connection, app, caller, &[id], &changed).await?;
    store::update(connection, id, after, app.clock.now()).await?;
    let (kept, gone): (Vec<_>, Vec<_>) =
        changed.fields.into_iter().partition(|field| after.sealed.contains_key(field));
    store::delete_secure(connection, id, &gone).await?;
    for field in kept {
        let (place, new) = (Place::Field { credential: id, field: &field }, &after.sealed[&field]);
        let is_same = match before.sealed.get(&field) {
            Some(old) => is_same(app, place, old, new).await,
            None => false,
        };
        let held = Held { is_same, version, now: app.clock.now() };
        store::put_sealed(connection, id, &field, new, held).await?;
    }
    Ok(())
}

/// Whether both hold the same value. One that does not open is another.
async fn is_same(app: &App, place: Place<'_>, old: &[u8], new: &[u8]) -> bool {
    let opened = (app.vault.open(place, old).await, app.vault.open(place, new).await);
    let (Ok(old), Ok(new)) = opened else { return false };
    old.expose_secret().as_bytes().ct_eq(new.expose_secret().as_bytes()).into()
}

/// Seals a value for its place.
pub(crate) async fn seal(app: &App, credential: Uuid, field: &str, value: &str) -> Result<Vec<u8>> {
    app.vault.seal(Place::Field { credential, field }, value).await.map_err(Error::Internal)
}

/// Seals a value for its place, where there was none, and keeps it.
pub(super) async fn put_sealed(
    connection: &mut PgConnection,
    app: &App,
    credential: Uuid,
    field: &str,
    value: &str,
) -> Result<()> {
    let sealed = seal(app, credential, field, value).await?;
    let held = Held { is_same: false, version: None, now: app.clock.now() };
    store::put_sealed(connection, credential, field, &sealed, held).await
}

pub(super) async fn write_secure(
    connection: &mut PgConnection,
    app: &App,
    id: Uuid,
    values: &Checked,
) -> Result<()> {
    for (field, value) in &values.secure {
        let value: &SecretString = value;
        put_sealed(connection, app, id, field, value.expose_secret()).await?;
    }
    Ok(())
}
