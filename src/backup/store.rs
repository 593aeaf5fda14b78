//! All SQL of backups. Statements that name a table are put together by Postgres, which quotes the names.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{LEFT_OUT, Table};

/// Has the transaction see one moment, however long it takes.
pub(super) async fn hold_still(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("set transaction isolation level repeatable read read only")
        .execute(&mut *connection)
        .await?;
    take_time(connection).await
}

/// Lets statements of the transaction take as long as they need.
pub(super) async fn take_time(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("set local statement_timeout = 0").execute(&mut *connection).await?;
    sqlx::query!("set local idle_in_transaction_session_timeout = 0").execute(connection).await?;
    Ok(())
}

/// Whether the database has a table of migrations, which ours always has.
pub(super) async fn is_ours(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(r#"select to_regclass('_sqlx_migrations') is not null as "found!""#);
    found.fetch_one(connection).await
}

/// The first of these tables that is there, in the order of their names.
pub(super) async fn first_of(
    connection: &mut PgConnection,
    tables: &[String],
) -> sqlx::Result<Option<String>> {
    let found = sqlx::query_scalar!(
        r#"select relname::text as "name!" from pg_class
           where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm')
               and (relname::text = any ($1) or relname = '_sqlx_migrations')
           order by relname::text limit 1"#,
        tables
    );
    found.fetch_optional(connection).await
}

/// The tables of a backup with the columns that are stored, by name.
pub(super) async fn tables(connection: &mut PgConnection) -> sqlx::Result<Vec<Table>> {
    let left_out = LEFT_OUT.map(str::to_owned);
    let tables = sqlx::query_as!(
        Table,
        r#"select c.relname::text as "name!", array_agg(a.attname::text order by a.attnum) as "columns!"
           from pg_class c join pg_attribute a on a.attrelid = c.oid
           where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
               and c.relname <> '_sqlx_migrations' and c.relname::text <> all ($1)
               and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
               and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
           group by c.relname order by c.relname"#,
        &left_out
    );
    tables.fetch_all(connection).await
}

/// Which table refers to which other.
pub(super) async fn references(connection: &mut PgConnection) -> sqlx::Result<Vec<(String, String)>> {
    let references = sqlx::query!(
        r#"select a.relname::text as "from!", b.relname::text as "to!"
           from pg_constraint c join pg_class a on a.oid = c.conrelid join pg_class b on b.oid = c.confrelid
           where c.contype = 'f' and c.connamespace = current_schema()::regnamespace and a.oid <> b.oid"#
    );
    Ok(references.fetch_all(connection).await?.into_iter().map(|row| (row.from, row.to)).collect())
}

/// The statement that copies a table out.
pub(super) async fn copy_out(connection: &mut PgConnection, table: &Table) -> sqlx::Result<String> {
    let statement = sqlx::query_scalar!(
        r#"select format('copy %I (%s) to stdout', $1::text,
               (select string_agg(quote_ident(name), ', ' order by position)
                from unnest($2::text[]) with ordinality columns (name, position))) as "statement!""#,
        table.name,
        &table.columns
    );
    statement.fetch_one(connection).await
}

/// The statement that copies a table in.
pub(super) async fn copy_in(connection: &mut PgConnection, table: &Table) -> sqlx::Result<String> {
    let statement = sqlx::query_scalar!(
        r#"select format('copy %I (%s) from stdin', $1::text,
               (select string_agg(quote_ident(name), ', ' order by position)
                from unnest($2::text[]) with ordinality columns (name, position))) as "statement!""#,
        table.name,
        &table.columns
    );
    statement.fetch_one(connection).await
}

/// Empties every table, of what the migrations put there, with none of our triggers on.
pub(super) async fn clear(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!(
        r#"do $$
        declare tables text[] := array(
            select format('%I', relname) from pg_class
            where relnamespace = current_schema()::regnamespace and relkind = 'r' and relname <> '_sqlx_migrations'
                and not exists (select from pg_depend d where d.objid = pg_class.oid and d.deptype = 'e')
        );
        name text;
        begin
            foreach name in array tables loop
                execute 'alter table ' || name || ' disable trigger user';
            end loop;
            execute 'truncate ' || array_to_string(tables, ', ');
        end $$"#
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Has numbers that are given out go on behind those that are taken, and our triggers on again.
pub(super) async fn settle(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!(
        r#"do $$
        declare it record;
        begin
            for it in
                select c.relname, a.attname, pg_get_serial_sequence(quote_ident(c.relname), a.attname) as numbers
                from pg_class c join pg_attribute a on a.attrelid = c.oid
                where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
                    and a.attnum > 0 and not a.attisdropped
                    and pg_get_serial_sequence(quote_ident(c.relname), a.attname) is not null
            loop
                execute format('select setval(%L, coalesce(max(%I), 0) + 1, false) from %I', it.numbers, it.attname, it.relname);
            end loop;
            for it in
                select relname from pg_class
                where relnamespace = current_schema()::regnamespace and relkind = 'r' and relname <> '_sqlx_migrations'
                    and not exists (select from pg_depend d where d.objid = pg_class.oid and d.deptype = 'e')
            loop
                execute format('alter table %I enable trigger user', it.relname);
            end loop;
        end $$"#
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tells Postgres how full the tables are.
pub(super) async fn analyze(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("analyze").execute(connection).await?;
    Ok(())
}

/// The time of the database.
pub(super) async fn now(connection: &mut PgConnection) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"select now() as "now!""#).fetch_one(connection).await
}
