//! One row of the table: a route over some connections, in turn with its ceiling.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;

use crate::ceiling::Ceiling;
use crate::load;
use crate::route::{Requests, Route};
use crate::usage;

/// The processes that are measured.
#[derive(Debug, Clone, Copy)]
pub struct Processes {
    /// The program.
    pub server: u32,
    /// Postgres.
    pub postmaster: u32,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// How many.
    pub count: usize,
    /// How long each is.
    pub time: Duration,
}

/// What was measured.
pub struct Row {
    /// The route.
    pub route: Route,
    /// What is special about it.
    pub remark: String,
    /// How many connections.
    pub connections: usize,
    /// Requests a second, the median of the rounds.
    pub rate: f64,
    /// Transactions a second of `pgbench`, the median of the rounds.
    pub ceiling: Option<f64>,
    /// The time that half of the requests took at the most, in milliseconds.
    pub median: f64,
    /// The time that 99 of 100 took at the most, in milliseconds.
    pub p99: f64,
    /// CPU time of the program for a request, in microseconds.
    pub server_cpu: f64,
    /// CPU time of Postgres for a request, in microseconds.
    pub database_cpu: f64,
    /// CPU time of `pgbench` and its Postgres for a transaction, in microseconds.
    pub ceiling_cpu: Option<f64>,
}

/// What was counted over all rounds.
struct Sums {
    rates: Vec<f64>,
    times: Histogram<u64>,
    server: Duration,
    database: Duration,
    ceilings: Vec<f64>,
    transactions: u64,
    ceiling: Duration,
}

/// Measures a route, warm, in turn with its ceiling where there is one.
pub async fn measure(
    requests: &Rc<Requests>,
    processes: Processes,
    ceiling: Option<(&Ceiling, &str)>,
    connections: usize,
    rounds: Rounds,
) -> Result<Row> {
    let (status, body) = load::once(&requests.address, requests, 0).await?;
    let body = String::from_utf8_lossy(&body);
    ensure!(status == requests.status() && body.contains(requests.sign()), "{status} {body}");
    load::run(&requests.address, requests, connections, rounds.time / 2).await?;
    let mut sums = Sums {
        rates: Vec::new(),
        times: load::times()?,
        server: Duration::ZERO,
        database: Duration::ZERO,
        ceilings: Vec::new(),
        transactions: 0,
        ceiling: Duration::ZERO,
    };
    for _ in 0..rounds.count {
        sums.add_route(requests, processes, connections, rounds.time).await?;
        if let Some((ceiling, script)) = ceiling {
            sums.add_ceiling(ceiling, script, processes, connections, rounds.time)?;
        }
    }
    Ok(sums.row(requests.route, connections))
}

impl Sums {
    async fn add_route(
        &mut self,
        requests: &Rc<Requests>,
        processes: Processes,
        connections: usize,
        time: Duration,
    ) -> Result<()> {
        let before = (usage::cpu(processes.server)?, usage::cpu_of_postgres(processes.postmaster)?);
        let tally = load::run(&requests.address, requests, connections, time).await?;
        self.server += usage::cpu(processes.server)?.saturating_sub(before.0);
        self.database += usage::cpu_of_postgres(processes.postmaster)?.saturating_sub(before.1);
        self.rates.push(tally.rate());
        self.times.add(tally.times)?;
        Ok(())
    }

    fn add_ceiling(
        &mut self,
        ceiling: &Ceiling,
        script: &str,
        processes: Processes,
        connections: usize,
        time: Duration,
    ) -> Result<()> {
        let before = usage::cpu_of_ended()? + usage::cpu_of_postgres(processes.postmaster)?;
        let (transactions, rate) = ceiling.run(script, connections, time)?;
        let after = usage::cpu_of_ended()? + usage::cpu_of_postgres(processes.postmaster)?;
        self.ceiling += after.saturating_sub(before);
        self.transactions += transactions;
        self.ceilings.push(rate);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "it is rounded later all the same")]
    fn row(mut self, route: Route, connections: usize) -> Row {
        let milliseconds = |quantile| self.times.value_at_quantile(quantile) as f64 / 1e6;
        let each = |time: Duration, count: u64| time.as_secs_f64() * 1e6 / (count.max(1) as f64);
        let requests = self.times.len();
        Row {
            route,
            remark: String::new(),
            connections,
            median: milliseconds(0.5),
            p99: milliseconds(0.99),
            server_cpu: each(self.server, requests),
            database_cpu: each(self.database, requests),
            ceiling_cpu: (self.transactions > 0).then(|| each(self.ceiling, self.transactions)),
            rate: middle(&mut self.rates).unwrap_or(0.0),
            ceiling: middle(&mut self.ceilings),
        }
    }
}

/// The median of some numbers.
fn middle(numbers: &mut [f64]) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}
