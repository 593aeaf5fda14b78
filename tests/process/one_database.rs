//! A database of one's own that several servers, of several versions, may use.

use crate::helpers::client::SECRET;
use crate::helpers::external::Database;

#[tokio::test]
async fn two_servers_that_start_at_once_share_one_administrator_and_one_key() {
    let database = Database::new().await;
    let (one, other) = tokio::join!(database.ttscm().ready(), database.ttscm().ready());
    assert_eq!(database.count("select count(*) from users").await, 1);
    assert_eq!(database.count("select count(*) from data_keys").await, 1);
    let credential = Database::administrator(&one).await.store_secret().await;
    assert_eq!(Database::administrator(&other).await.reveal(&credential).await, SECRET);
    for server in [one, other] {
        let url = server.url();
        assert_eq!(server.stop().await, format!("TTSCM API is ready at {url}\n"));
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let database = Database::new().await;
    database.ttscm().ready().await.stop().await;
    database.execute("insert into _sqlx_migrations select 9999, 'later', now(), true, '', 0").await;
    assert_eq!(
        database.ttscm().refused().await,
        "the database was brought up to date by a newer version of ttscm (its migration 9999 is not known here): run that version or a later one"
    );
    database.execute("delete from _sqlx_migrations where version = 9999").await;
    database.ttscm().ready().await.stop().await;
}
