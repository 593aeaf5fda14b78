//! Whatever goes wrong, and in whatever order: no company is lost or wrongly marked.

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::PgPool;
use ttscm::clock::Clock;

use super::{SYNC, Stage, end_of_run};
use crate::helpers::connectwise::{World, company};
use crate::helpers::{Value, json};

/// How many seeds there are, and how many stages share them.
const SEEDS: u64 = 200;
const STAGES: u64 = 4;

/// Lets things happen in ConnectWise.
fn live(world: &mut World, random: &mut StdRng, now: chrono::DateTime<chrono::Utc>) {
    for _ in 0..random.random_range(1..6) {
        let numbers: Vec<_> = world.companies.keys().copied().collect();
        let number = numbers[random.random_range(0..numbers.len())];
        match random.random_range(0..10) {
            0 => drop(world.companies.remove(&number)),
            1 => world.change(number, now, &json!({"deletedFlag": true})),
            2 | 3 => world.change(number, now, &json!({"deletedFlag": false})),
            4..=6 => {
                world.change(number, now, &json!({"name": format!("Renamed {}", random.random::<u32>())}));
            }
            _ => {
                let next = numbers.last().unwrap() + random.random_range(1..4);
                world.put(company(next, &format!("New {next}")));
                world.change(next, now, &json!({}));
            }
        }
    }
}

/// What is stored: number, name, and whether it is marked.
async fn stored(pool: &PgPool) -> Vec<(i64, String, bool)> {
    let rows = "select cw_company_id, name, cw_deleted_at is not null from companies order by 1";
    sqlx::query_as(rows).fetch_all(pool).await.unwrap()
}

/// What must be stored after a complete run of mode full.
fn truth(world: &World) -> Vec<(i64, String, bool)> {
    let of = |company: &Value| company["name"].as_str().unwrap().to_owned();
    world.companies.iter().map(|(number, one)| (*number, of(one), one["deletedFlag"] == true)).collect()
}

async fn run_with(stage: &Stage, seed: u64) -> bool {
    let mut random = StdRng::seed_from_u64(seed);
    live(&mut stage.cw.world(), &mut random, stage.app.clock.now());
    let before = stored(stage.app.pool()).await;
    stage.cw.world().most = random.random_range(3..30);
    stage.cw.world().faults.by_chance(seed, [0.05, 0.15, 0.3, 0.6][usize::try_from(seed % 4).unwrap()]);
    let admin = stage.app.admin().await;
    let full = random.random_bool(0.6);
    admin.post(&format!("{SYNC}?full={full}"), &Value::Null).await.expect(202);
    let status = end_of_run(&admin).await;
    stage.cw.world().faults.end();
    let after = stored(stage.app.pool()).await;
    let world = stage.cw.world();
    let lost = before.iter().filter(|(number, ..)| !after.iter().any(|(other, ..)| other == number)).count();
    assert_eq!(lost, 0, "seed {seed}: a company was lost");
    for (number, _, is_marked) in &after {
        let is_alive = world.companies.get(number).is_some_and(|company| company["deletedFlag"] == false);
        let was_marked = before.iter().any(|(other, _, marked)| other == number && *marked);
        assert!(!(is_alive && *is_marked && !was_marked), "seed {seed}: {number} was wrongly marked");
    }
    let is_complete = status["state"] == "idle";
    if is_complete {
        let is_there = |(number, ..): &&(i64, String, bool)| world.companies.contains_key(number);
        let copied: Vec<_> = after.iter().filter(is_there).cloned().collect();
        assert_eq!(copied, truth(&world), "seed {seed}: it says that the copy is complete");
        let not_there = after.iter().filter(|(number, ..)| !world.companies.contains_key(number));
        assert!(!full || not_there.clone().all(|(.., marked)| *marked), "seed {seed}: one is not marked");
    }
    is_complete
}

/// Runs those of the seeds that fall to one stage; how many runs were complete.
async fn play(first: u64) -> u64 {
    let companies = (1..=60).map(|number| company(number * 3, &format!("Company {number}")));
    let stage = Stage::set(companies, &[("CONNECTWISE_MAX_MARKED_PERCENT", "60")]).await;
    stage.copy_well("").await;
    let mut complete = 0;
    for seed in (first..SEEDS).step_by(usize::try_from(STAGES).unwrap()) {
        complete += u64::from(run_with(&stage, seed).await);
    }
    let admin = stage.app.admin().await;
    admin.post(&format!("{SYNC}?full=true"), &Value::Null).await.expect(202);
    assert_eq!(end_of_run(&admin).await["state"], "idle");
    let after = stored(stage.app.pool()).await;
    let world = stage.cw.world();
    let (there, gone): (Vec<_>, Vec<_>) =
        after.into_iter().partition(|(number, ..)| world.companies.contains_key(number));
    assert_eq!(there, truth(&world), "a last run without faults makes all good");
    assert!(gone.iter().all(|(.., marked)| *marked));
    complete
}

#[tokio::test]
async fn over_200_runs_with_faults_no_company_is_lost_or_wrongly_marked() {
    let complete: u64 = join_all((0..STAGES).map(play)).await.into_iter().sum();
    eprintln!("{complete} of {SEEDS} runs were complete");
    assert!(complete > SEEDS / 4 && complete < SEEDS, "{complete} of {SEEDS} were complete");
}
