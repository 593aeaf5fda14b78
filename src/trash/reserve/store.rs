//! All SQL of what the trash keeps and must not bring back.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// A type that is in the trash.
pub(super) struct Kind {
    pub name: String,
    pub scope: String,
}

/// The types that are in the trash, those past their time included.
pub(super) async fn kinds(connection: &mut PgConnection) -> Result<Vec<Kind>> {
    let kinds = sqlx::query_as!(
        Kind,
        r#"select name, permission_scope as "scope!" from trash where permission_scope is not null order by name"#
    );
    Ok(kinds.fetch_all(connection).await?)
}

/// Takes the nodes of a scope that is gone from the roles in the trash.
pub(crate) async fn revoke_scope(connection: &mut PgConnection, scope: &str) -> Result<()> {
    sqlx::query!(
        "update trashed_rows set content = jsonb_set(content, '{permissions}', to_jsonb(array(
             select node from jsonb_array_elements_text(content -> 'permissions') node where not is_of_gone_scope(node, $1)
         )))
         where origin = 'roles' and exists(
             select from jsonb_array_elements_text(content -> 'permissions') node where is_of_gone_scope(node, $1)
         )",
        scope
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes grants that mean nothing any more from the roles in the trash, so that they do not come back
/// when they mean something else.
pub(crate) async fn forget_grants(connection: &mut PgConnection, grants: &[String]) -> Result<()> {
    sqlx::query!(
        "update trashed_rows
         set content = jsonb_set(content, '{permissions}', (content -> 'permissions') - $1::text[])
         where origin = 'roles' and content -> 'permissions' ?| $1",
        grants
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets an account have none of the roles in the trash any more.
pub(crate) async fn forget_roles_of(connection: &mut PgConnection, user: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from trashed_rows where origin = 'user_roles' and content ->> 'user_id' = $1::uuid::text",
        user
    )
    .execute(connection)
    .await?;
    Ok(())
}
