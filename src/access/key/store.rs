//! All SQL of API keys.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::uses::{PAUSE, Use};
use super::{ApiKey, held};
use crate::access::grants::Reach;
use crate::access::store::{Loaded, Roles, Scopes, grants};
use crate::error::Result;
use crate::page::Window;

/// By what a key is known.
#[derive(Clone, Copy)]
pub(in crate::access) enum Known<'a> {
    Hash(&'a [u8]),
    Id(Uuid),
}

/// A key with what it holds, where it and its maker's account are good now.
pub(in crate::access) async fn load(
    connection: &mut PgConnection,
    known: Known<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Loaded>> {
    let (id, hash) = match known {
        Known::Hash(hash) => (None, Some(hash)),
        Known::Id(id) => (Some(id), None),
    };
    let row = sqlx::query!(
        r#"
        select k.id, k.name, k.user_id, k.permissions as nodes, k.company_ids, k.expires_at,
            u.permissions, roles_of(u.id) as "roles!: Roles", type_scopes() as "scopes!: Scopes"
        from api_keys k join users u on u.id = k.user_id
        where k.id = coalesce($1, (select id from api_keys where hash = $2))
            and k.revoked_at is null and k.expires_at > $3 and u.active
        "#,
        id,
        hash,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let makers = grants(row.permissions, row.roles, row.scopes);
        Loaded {
            user: row.user_id,
            key: Some(row.id),
            name: row.name.into(),
            grants: Arc::new(held(&row.nodes, row.company_ids.as_deref(), &makers)),
            expires_at: row.expires_at,
        }
    }))
}

/// The id and the name of the key with this hash, whether or not it is good.
pub(super) async fn name_of(connection: &mut PgConnection, hash: &[u8]) -> Result<Option<(Uuid, String)>> {
    let row = sqlx::query!("select id, name from api_keys where hash = $1", hash);
    Ok(row.fetch_optional(connection).await?.map(|row| (row.id, row.name)))
}

/// The keys of `user` and those within `reach` that are not revoked, the newest first; only the one with this id
/// where one is given.
pub(super) async fn list(
    pool: &PgPool,
    user: Option<Uuid>,
    reach: &Reach,
    only: Option<Uuid>,
    window: Window,
) -> Result<Vec<(ApiKey, i64)>> {
    let rows = sqlx::query!(
        r#"select k.id, k.name, k.prefix, k.permissions, k.company_ids, k.user_id, u.name as user_name,
               k.created_at, k.expires_at, k.last_used_at, k.last_used_address, count(*) over () as "total!"
           from api_keys k join users u on u.id = k.user_id
           where k.revoked_at is null and (k.user_id = $1 or $2 or k.company_ids <@ $3)
               and ($4::uuid is null or k.id = $4)
           order by k.id desc
           limit $5 offset $6"#,
        user,
        reach.everywhere,
        &reach.companies,
        only,
        window.limit,
        window.offset
    );
    let rows = rows.fetch_all(pool).await?.into_iter().map(|row| {
        let key = ApiKey {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            permissions: row.permissions,
            company_ids: row.company_ids,
            user_id: row.user_id,
            user_name: row.user_name,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            last_used_address: row.last_used_address,
        };
        (key, row.total)
    });
    Ok(rows.collect())
}

pub(super) async fn insert(connection: &mut PgConnection, key: &ApiKey, hash: &[u8]) -> Result<()> {
    sqlx::query!(
        "insert into api_keys (id, user_id, name, hash, prefix, permissions, company_ids, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        key.id,
        key.user_id,
        key.name,
        hash,
        key.prefix,
        &key.permissions,
        key.company_ids.as_deref(),
        key.created_at,
        key.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Revokes a key; whether it was not revoked yet.
pub(super) async fn revoke(connection: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let done =
        sqlx::query!("update api_keys set revoked_at = $2 where id = $1 and revoked_at is null", id, now);
    Ok(done.execute(connection).await?.rows_affected() > 0)
}

/// Writes down that a key was used, unless another server has done so within the minute.
pub(super) async fn touch(pool: &PgPool, used: &Use) -> Result<()> {
    sqlx::query!(
        "update api_keys set last_used_at = $2, last_used_address = $3
         where id = $1 and (last_used_at is null or last_used_at <= $4)",
        used.key,
        used.at,
        used.address.map(|address| address.to_string()),
        used.at - PAUSE
    )
    .execute(pool)
    .await?;
    Ok(())
}
