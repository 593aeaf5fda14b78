//! A primary that dies, and its standby that takes over.

use std::time::Instant;

use super::tell;
use crate::helpers::balancer::Balancer;
use crate::helpers::external::{Database, on};
use crate::helpers::{Ground, Load, Postgres, open_folder};

#[tokio::test]
async fn a_standby_that_is_promoted_has_everything_that_was_acknowledged() {
    let Some(mut primary) = Postgres::start().await else { return };
    let folder = open_folder();
    let standby = primary.standby().await;
    let (first, second) = (primary.address(), standby.address());
    let behind = format!(
        "mode tcp\n option tcp-check\n default-server inter 100ms fall 2 rise 1 on-marked-down shutdown-sessions\n \
         server primary {first} check\n server standby {second} check backup"
    );
    let Some(balancer) = Balancer::before(&behind).await else { return };
    let url = Postgres::url_at(balancer.address);
    let server = on(&url, folder.path()).set("DATABASE_MAX_CONNECTIONS", "5").ready().await;
    let admin = Database::administrator(&server).await;
    let ground = Ground::lay(&admin).await;
    let load = Load::begin(&[&admin], &ground, 4);
    load.goes_on(100).await;

    primary.kill().await;
    let began = Instant::now();
    // a standby that is not promoted yet answers nothing, or it might be behind
    let before = load.account().unavailable;
    crate::helpers::eventually("it is refused", async || load.account().unavailable > before + 5).await;
    let stored = load.account().stored.len();
    standby.execute("select pg_promote()").await;
    let promoted = Instant::now();
    load.goes_on(1).await;
    tell("after the promotion, the server writes", vec![promoted.elapsed()]);
    eprintln!("the whole failover took {:?}, with {stored} writes acknowledged before", began.elapsed());
    load.goes_on(50).await;
    let account = load.end().await;
    eprintln!("failover: {account}");
    assert_eq!(account.cut_off, 0);
    account.verify(&admin, &ground).await;
    server.stop().await;
}

#[tokio::test]
async fn a_standby_is_refused_at_the_start() {
    let Some(primary) = Postgres::start().await else { return };
    let folder = open_folder();
    let standby = primary.standby().await;
    assert_eq!(
        on(&standby.url(), folder.path()).refused().await,
        "the database is a standby, which takes no changes and may be behind: connect to the primary"
    );
}
