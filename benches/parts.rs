//! What single parts cost: to seal and to open a field, to check a permission, to verify a token, to
//! count a request.
//!
//! `cargo bench --bench parts`. `benches/RESULTS.md` takes the times from here.

#[path = "routes/lab.rs"]
#[expect(dead_code, reason = "the routes need more of it")]
mod lab;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;
use ttscm::access::grants::{Grant, Grants};
use ttscm::access::token::{self, TokenKeys};
use ttscm::clock::{Clock, SystemClock};
use ttscm::database::embedded::Durability;
use ttscm::id;
use ttscm::metrics::{Answered, Metrics};
use ttscm::vault::{Place, Vault};

use lab::Lab;

/// A field of the usual length, and values whose speed can be held against that of OpenSSL.
const LENGTHS: [usize; 3] = [32, 1024, 16 * 1024];

fn seal_and_open(criterion: &mut Criterion, runtime: &Runtime, vault: &Vault) -> anyhow::Result<()> {
    let place = Place::Field { credential: id::new(), field: "secret" };
    for length in LENGTHS {
        let value = "x".repeat(length);
        let sealed = runtime.block_on(vault.seal(place, &value))?;
        let bytes = Throughput::Bytes(u64::try_from(length)?);
        let mut seal = criterion.benchmark_group("seal");
        seal.throughput(bytes.clone());
        seal.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| runtime.block_on(vault.seal(black_box(place), black_box(&value))));
        });
        seal.finish();
        let mut open = criterion.benchmark_group("open");
        open.throughput(bytes);
        open.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| runtime.block_on(vault.open(black_box(place), black_box(&sealed))));
        });
        open.finish();
    }
    Ok(())
}

/// A permission that is held by a wildcard in a company, among so many grants everywhere and in companies.
fn check_permission(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("permission check");
    for count in [10, 100, 1000] {
        let company = id::new();
        let grant = |number: usize| Grant {
            node: format!("type{number}.secure_values.read"),
            company: number.is_multiple_of(2).then(id::new),
        };
        let wildcard = Grant { node: "credential.secure_values.*".to_owned(), company: Some(company) };
        let grants = Grants::new((1..count).map(grant).chain([wildcard]).collect(), [].into());
        group.bench_function(format!("held among {count}"), |bencher| {
            bencher.iter(|| grants.hold_in(black_box(company), black_box("credential.secure_values.read")));
        });
        group.bench_function(format!("not held among {count}"), |bencher| {
            bencher.iter(|| grants.hold_in(black_box(company), black_box("credential.fields.update")));
        });
    }
    group.finish();
}

fn verify_token(criterion: &mut Criterion) -> anyhow::Result<()> {
    let (keys, now) = (TokenKeys::new(&[7; 32], None, lab::PUBLIC_URL), SystemClock.now());
    let token = token::issue(&keys, id::new(), id::new(), now)?;
    let mut group = criterion.benchmark_group("token");
    group.bench_function("verify", |bencher| {
        bencher.iter(|| token::verify(&keys, black_box(token.expose_secret()), now));
    });
    group.finish();
    Ok(())
}

/// What each request costs besides, so that there are numbers of it.
fn count_request(criterion: &mut Criterion) {
    let metrics = Metrics::default();
    let answered = Answered {
        http_request_method: "GET",
        http_route: "/v1/credential/credentials/{id}/secure-values/{fieldId}".to_owned(),
        http_response_status_code: 200,
    };
    let mut group = criterion.benchmark_group("metrics");
    group.bench_function("request", |bencher| {
        bencher.iter(|| metrics.answered(black_box(&answered), Duration::from_micros(100)));
    });
    group.finish();
}

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    check_permission(&mut criterion);
    count_request(&mut criterion);
    verify_token(&mut criterion)?;
    let runtime = Runtime::new()?;
    let lab = runtime.block_on(Lab::start(Durability::None))?;
    let parts = runtime.block_on(lab.parts())?;
    let measured = seal_and_open(&mut criterion, &runtime, &parts.app.vault);
    runtime.block_on(async {
        parts.stop().await?;
        lab.stop().await
    })?;
    criterion.final_summary();
    measured
}
