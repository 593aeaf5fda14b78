//! What is done in which order.

use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};
use ttscm::access::token::{self, TokenKeys};
use ttscm::app::Started;
use ttscm::clock::{Clock, SystemClock};
use ttscm::database::embedded::Durability;
use uuid::Uuid;

use crate::Options;
use crate::ceiling::{self, Ceiling};
use crate::fill::{self, SIGNED_IN};
use crate::lab::{Lab, PUBLIC_URL, Server};
use crate::measure::{Processes, Rounds, Row, measure};
use crate::names::{Thing, id};
use crate::report::{LARGE, MILLION, Report, SMALL};
use crate::route::{Requests, Route, Sizes};
use crate::{load, usage};

/// All routes, in the order of the table.
const ROUTES: [Route; 6] =
    [Route::Read, Route::Reveal, Route::List, Route::Check, Route::Refusal, Route::Teapot];

/// What a million is.
const A_MILLION: u64 = 1_000_000;

/// A measurement under way.
struct Run<'a> {
    options: &'a Options,
    sizes: Sizes,
    rounds: Rounds,
    lab: &'a Lab,
    parts: &'a Started,
    server: Server,
    connection: PgConnection,
    ceiling: Option<Ceiling>,
    /// How many credentials there are.
    credentials: u64,
    rows: Vec<Row>,
    remarks: Vec<String>,
}

/// Measures what the options say.
pub async fn run(options: &Options) -> Result<Report> {
    let lab = Lab::start(Durability::Full).await?;
    let parts = lab.parts().await?;
    let report = with(options, &lab, &parts).await;
    parts.stop().await?;
    lab.stop().await?;
    report
}

async fn with(options: &Options, lab: &Lab, parts: &Started) -> Result<Report> {
    let mut run = Run::start(options, lab, parts).await?;
    // the rights of those who ask, and with them all that is made at the first request
    let (idle, _) = usage::memory(run.server.process())?;
    run.fill_people().await?;
    run.search(1..=run.sizes.searched.0, SMALL).await?;
    run.fill_companies(run.sizes.searched.0 + 1..=run.sizes.companies).await?;
    run.fill_credentials(run.sizes.credentials).await?;
    for route in ROUTES {
        run.measure(route, "").await?;
    }
    run.search(run.sizes.companies + 1..=run.sizes.searched.1, LARGE).await?;
    if options.million {
        run.fill_credentials(A_MILLION).await?;
        run.measure(Route::Read, MILLION).await?;
    }
    if let Some(minutes) = options.steady {
        run.go_on_for(minutes).await?;
    }
    run.report(idle).await
}

impl<'a> Run<'a> {
    async fn start(options: &'a Options, lab: &'a Lab, parts: &'a Started) -> Result<Self> {
        let sizes = if options.quick {
            Sizes { credentials: options.credentials.unwrap_or(2000), companies: 200, searched: (100, 1000) }
        } else {
            let credentials = options.credentials.unwrap_or(100_000);
            Sizes { credentials, companies: 10_000, searched: (1000, 100_000) }
        };
        let (count, seconds) = if options.quick { (1, 2) } else { (5, 3) };
        let time = Duration::from_secs(options.seconds.unwrap_or(seconds));
        let program = lab.program("pgbench")?;
        let ceiling = match program {
            Some(program) => Some(Ceiling {
                program,
                database: lab.database(),
                password: lab.password()?,
                folder: tempfile::tempdir()?,
            }),
            None => None,
        };
        let mut remarks = Vec::new();
        if ceiling.is_none() {
            remarks.push(
                "There is no `pgbench` beside this Postgres, so that the ceiling was not measured."
                    .to_owned(),
            );
        }
        Ok(Self {
            options,
            sizes,
            rounds: Rounds { count: options.rounds.unwrap_or(count), time },
            lab,
            parts,
            server: lab.serve().await?,
            connection: PgConnection::connect_with(&lab.database()).await?,
            ceiling,
            credentials: 0,
            rows: Vec::new(),
            remarks,
        })
    }

    async fn fill_people(&mut self) -> Result<()> {
        fill::kinds(&mut self.connection).await?;
        fill::people(&mut self.connection).await
    }

    async fn fill_companies(&mut self, numbers: std::ops::RangeInclusive<u64>) -> Result<()> {
        fill::companies(&mut self.connection, numbers).await?;
        fill::settle(&mut self.connection).await
    }

    async fn fill_credentials(&mut self, last: u64) -> Result<()> {
        let (vault, numbers) = (&self.parts.app.vault, self.credentials + 1..=last);
        fill::credentials(&mut self.connection, vault, self.sizes, numbers).await?;
        self.credentials = self.credentials.max(last);
        fill::settle(&mut self.connection).await
    }

    async fn search(&mut self, more: std::ops::RangeInclusive<u64>, remark: &'static str) -> Result<()> {
        self.fill_companies(more).await?;
        self.measure(Route::Search, remark).await
    }

    fn processes(&self) -> Result<Processes> {
        Ok(Processes { server: self.server.process(), postmaster: self.lab.postmaster()? })
    }

    /// Requests of people whose tokens are new.
    fn requests(&self, route: Route) -> Result<Rc<Requests>> {
        let keys = TokenKeys::new(&self.lab.token_secret, None, PUBLIC_URL);
        let token = |number: u64| -> Result<String> {
            let user = Uuid::from_str(&id(Thing::User, number))?;
            let session = Uuid::from_str(&id(Thing::Session, number))?;
            Ok(token::issue(&keys, user, session, SystemClock.now())?.expose_secret().to_owned())
        };
        Ok(Rc::new(Requests {
            route,
            address: self.server.address.clone(),
            tokens: (1..=SIGNED_IN).map(token).collect::<Result<_>>()?,
            sizes: self.sizes,
            credentials: self.credentials,
        }))
    }

    async fn measure(&mut self, route: Route, remark: &'static str) -> Result<()> {
        if !self.options.route.is_empty() && !self.options.route.contains(&route) {
            return Ok(());
        }
        let script = match ceiling::script(route, self.sizes, self.credentials) {
            Ok(script) => script,
            Err(error) => {
                self.remarks.push(format!("No ceiling of the {}: {error}.", route.name()));
                None
            }
        };
        for connections in self.options.connections.clone() {
            let ceiling = self.ceiling.as_ref().zip(script.as_deref());
            let requests = self.requests(route)?;
            let row = measure(&requests, self.processes()?, ceiling, connections, self.rounds).await?;
            tell(&format!("{}{remark} over {connections}: {:.0} a second\n", route.name(), row.rate));
            self.rows.push(Row { remark: remark.to_owned(), ..row });
        }
        Ok(())
    }

    /// Reads for some minutes, and looks at the memory after the first of them and after the last.
    async fn go_on_for(&mut self, minutes: u64) -> Result<()> {
        let requests = self.requests(Route::Read)?;
        let mut memory = Vec::new();
        for _ in 0..minutes.max(2) {
            load::run(&requests.address, &requests, 16, Duration::from_mins(1)).await?;
            memory.push(usage::memory(self.server.process())?.0);
        }
        let (first, last) = (memory[0], memory[memory.len() - 1]);
        self.remarks.push(format!(
            "Steady reads over 16 connections: {first:.1} MB after one minute, {last:.1} MB after {}.",
            memory.len()
        ));
        Ok(())
    }

    async fn report(mut self, idle: f64) -> Result<Report> {
        let (end, most) = usage::memory(self.server.process())?;
        let version: String =
            sqlx::query_scalar("show server_version").fetch_one(&mut self.connection).await?;
        let connections = "select count(*) from pg_stat_activity where application_name = 'ttscm'";
        let connections: i64 = sqlx::query_scalar(connections).fetch_one(&mut self.connection).await?;
        // those of this process, which is no part of what is measured
        let own = i64::from(self.parts.app.pool.size()) + 2;
        let Sizes { credentials, companies, searched } = self.sizes;
        Ok(Report {
            date: SystemClock.now().format("%Y-%m-%d").to_string(),
            machine: usage::machine(),
            postgres: format!("PostgreSQL {version}"),
            contents: format!(
                "{companies} companies ({} and {} for the search), 50 types, {credentials} credentials with two fields each, one of them secure; 1000 people, 50 roles.",
                searched.0, searched.1
            ),
            rounds: format!(
                "Load, server and Postgres share the machine. {} rounds of {} s over HTTP/1.1 connections that are kept alive, warm, in turn with `pgbench --protocol prepared` running the same SQL over as many connections.",
                self.rounds.count,
                self.rounds.time.as_secs()
            ),
            rows: self.rows,
            memory: (idle, end, most),
            connections: connections - own,
            remarks: self.remarks,
        })
    }
}

/// Tells how it goes. Nobody has to read it.
fn tell(text: &str) {
    drop(std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()));
}
