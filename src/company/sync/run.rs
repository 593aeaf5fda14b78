//! One run of the copying.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use super::store::{self, Sent};
use super::{Mode, OVERLAP, Progress};
use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, Event, Target};
use crate::connectwise::{ConnectWise, Failure, Page, Patience};
use crate::error::{Error, Result};

/// Why a run was not complete.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("{0}")]
    ConnectWise(#[from] Failure),
    #[error("The database failed")]
    Database(#[from] Error),
    #[error(
        "The run would mark {gone} of {stored} companies as gone from ConnectWise, more than the {percent} percent of CONNECTWISE_MAX_MARKED_PERCENT, so it marked none"
    )]
    TooManyGone { gone: i64, stored: i64, percent: u8 },
}

/// A run that has the lock, and thereby the right to write.
pub struct Run {
    connection: PgConnection,
    mode: Mode,
    began: DateTime<Utc>,
    since: Option<DateTime<Utc>>,
    progress: Progress,
    /// In a full run, the companies that ConnectWise has.
    seen: Vec<i64>,
    /// Those that it calls deleted.
    deleted: Vec<i64>,
}

impl Run {
    /// Takes the lock and writes down that a run is on; none where another one is.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn claim(app: &App, caller: &Caller, full: bool) -> Result<Option<Self>> {
        let mut connection = PgConnection::connect_with(&app.pool.connect_options()).await?;
        if !store::lock(&mut connection).await? {
            return Ok(None);
        }
        let complete = store::last(&app.pool).await?.complete_at;
        let since = complete.filter(|_| !full).map(|complete| complete - OVERLAP);
        let mode = if since.is_some() { Mode::Incremental } else { Mode::Full };
        let began = app.clock.now();
        let mut transaction = connection.begin().await?;
        store::begin(&mut transaction, mode, began).await?;
        let event =
            Event::new("company.sync", Target { kind: "company", id: None, name: Some(mode.as_str()) });
        audit::record_by(&mut transaction, app, caller, event).await?;
        transaction.commit().await?;
        let (progress, seen, deleted) = (Progress::default(), Vec::new(), Vec::new());
        Ok(Some(Self { connection, mode, began, since, progress, seen, deleted }))
    }

    /// How many companies it is going to read, where ConnectWise says so.
    pub async fn expected(&self, app: &App) -> Option<u64> {
        let count = app.connectwise.as_ref()?.count_companies(self.since).await.ok()?;
        u64::try_from(count).ok()
    }

    /// Copies, and tells `on` how far it has come. Answers with the reason where it was not complete.
    ///
    /// # Errors
    /// Where the end of it cannot be written down.
    pub async fn finish(mut self, app: &App, on: impl Fn(Progress)) -> Result<(Progress, Option<String>)> {
        let copied = match &app.connectwise {
            Some(connectwise) => self.copy(app, connectwise, &on).await,
            None => Ok(()),
        };
        let reason = copied.err().map(|cut| {
            tracing::warn!(error = &cut as &dyn std::error::Error, "the companies were not copied");
            cut.to_string()
        });
        let now = app.clock.now();
        store::finish(&mut self.connection, self.progress, reason.as_deref(), now).await?;
        let Progress { read, written, marked } = self.progress;
        let complete_at = reason.is_none().then(|| now.timestamp());
        let did = [("read", read), ("written", written), ("marked", marked)];
        app.metrics.copied(self.mode.as_str(), complete_at, did);
        // with it goes the lock
        self.connection.close().await?;
        tracing::info!(mode = self.mode.as_str(), progress = ?self.progress, complete = reason.is_none(), "copied companies");
        Ok((self.progress, reason))
    }

    async fn copy(
        &mut self,
        app: &App,
        connectwise: &ConnectWise,
        on: &impl Fn(Progress),
    ) -> std::result::Result<(), Cut> {
        let stored = store::count_unmarked(&mut self.connection).await?;
        let since = self.since;
        let mut page = connectwise.companies_after(0, since).await?;
        while let Some(last) = page.last {
            // the next one is asked for while this one is written
            let (next, written) =
                tokio::join!(connectwise.companies_after(last, since), self.write(app, connectwise, page));
            written?;
            on(self.progress);
            page = next?;
        }
        self.mark(app, connectwise, stored).await?;
        on(self.progress);
        Ok(())
    }

    async fn write(
        &mut self,
        app: &App,
        connectwise: &ConnectWise,
        page: Page,
    ) -> std::result::Result<(), Cut> {
        self.progress.read += i64::try_from(page.companies.len()).unwrap_or_default();
        self.deleted
            .extend(page.companies.iter().filter(|company| company.is_deleted).map(|company| company.number));
        if self.mode == Mode::Full {
            self.seen.extend(page.companies.iter().map(|company| company.number));
        }
        let sent = Sent::new(page.companies)?;
        self.progress.written +=
            store::write(&mut self.connection, &sent, page.asked_at, app.clock.now()).await?;
        Ok(store::progress(&mut self.connection, connectwise.tenant(), self.progress).await?)
    }

    /// Marks what is gone: what ConnectWise calls deleted, and after a full run what it did not list and, when
    /// asked for it, does not have.
    async fn mark(
        &mut self,
        app: &App,
        connectwise: &ConnectWise,
        stored: i64,
    ) -> std::result::Result<(), Cut> {
        let deleted = store::count_deleted(&mut self.connection, &self.deleted).await?;
        let unseen = match self.mode {
            Mode::Full => store::unseen(&mut self.connection, &self.seen, self.began).await?,
            Mode::Incremental => Vec::new(),
        };
        let most_gone = deleted.saturating_add(i64::try_from(unseen.len()).unwrap_or(i64::MAX));
        check_share(most_gone, stored, app.settings.max_marked_percent)?;
        let asked_at = app.clock.now();
        let mut gone = Vec::new();
        for number in unseen {
            match connectwise.company(Patience::Long, number).await? {
                None => gone.push(number),
                Some(company) => {
                    self.deleted.push(number);
                    let sent = Sent::new(vec![company])?;
                    self.progress.written +=
                        store::write(&mut self.connection, &sent, asked_at, app.clock.now()).await?;
                }
            }
        }
        let now = app.clock.now();
        let marked = store::mark_deleted(&mut self.connection, &self.deleted, now).await?
            + store::mark_gone(&mut self.connection, &gone, asked_at, now).await?;
        self.progress.marked += marked;
        self.progress.written += marked;
        Ok(())
    }
}

fn check_share(gone: i64, stored: i64, percent: u8) -> std::result::Result<(), Cut> {
    if gone.saturating_mul(100) > stored.saturating_mul(i64::from(percent)) {
        return Err(Cut::TooManyGone { gone, stored, percent });
    }
    Ok(())
}
