//! Companies as ConnectWise has them.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use super::client::Ask;
use super::{ConnectWise, Failure, Patience, Result, sent};

/// How many companies are asked for at once, at the most that ConnectWise gives.
const PAGE: usize = 1000;

/// How few, where it is too slow for more.
const SMALLEST_PAGE: usize = 50;

/// The fields that are asked for. `_info` comes only where it is named.
const FIELDS: &str = "id,identifier,name,status,types,addressLine1,addressLine2,city,state,zip,country,phoneNumber,website,territory,deletedFlag,_info";

/// A company as ConnectWise has it.
#[derive(Debug, Clone)]
pub struct Company {
    /// Its number.
    pub number: i64,
    /// Its short name, unique there.
    pub identifier: Option<String>,
    /// Its name; its identifier where it has none.
    pub name: String,
    /// When it was last changed, by the word of ConnectWise.
    pub updated_at: Option<DateTime<Utc>>,
    /// Whether it was deleted there; it can still be read then.
    pub is_deleted: bool,
    /// What answers show of it.
    pub data: Data,
}

/// What answers show of a company.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// Its status, such as `Active`.
    status: Option<String>,
    /// What it is to the MSP, such as `Client`.
    types: Vec<String>,
    phone_number: Option<String>,
    website: Option<String>,
    territory: Option<String>,
    /// Whether it was deleted there.
    deleted_flag: bool,
    /// When it was last changed in ConnectWise.
    last_updated: Option<String>,
    /// Where it is; none where nothing is known of that.
    address: Option<Address>,
}

/// Where a company is.
#[derive(Debug, Clone, Serialize)]
struct Address {
    line1: Option<String>,
    line2: Option<String>,
    city: Option<String>,
    state: Option<String>,
    zip: Option<String>,
    country: Option<String>,
}

/// Companies in the order of their numbers.
#[derive(Debug)]
pub struct Page {
    /// The companies.
    pub companies: Vec<Company>,
    /// The number after which the next page begins; none at the end.
    pub last: Option<i64>,
    /// When ConnectWise was asked.
    pub asked_at: DateTime<Utc>,
}

impl Company {
    /// The company that a record is; none where it has no number.
    #[must_use]
    pub fn read(sent: &Value) -> Option<Self> {
        let number = sent::number(sent, "/id")?;
        let identifier = sent::text(sent, "/identifier");
        let name = sent::text(sent, "/name").or_else(|| identifier.clone());
        let updated_at = sent::time(sent, "/_info/lastUpdated");
        let is_deleted = sent::flag(sent, "/deletedFlag").unwrap_or(false);
        Some(Self {
            number,
            name: name.unwrap_or_else(|| format!("Company {number}")),
            identifier,
            updated_at,
            is_deleted,
            data: Data {
                status: sent::text(sent, "/status/name"),
                types: types(sent),
                phone_number: sent::text(sent, "/phoneNumber"),
                website: sent::text(sent, "/website"),
                territory: sent::text(sent, "/territory/name"),
                deleted_flag: is_deleted,
                last_updated: updated_at.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true)),
                address: Address::read(sent),
            },
        })
    }
}

fn types(sent: &Value) -> Vec<String> {
    let types = sent["types"].as_array().into_iter().flatten();
    types.filter_map(|kind| sent::text(kind, "/name")).collect()
}

impl Address {
    fn read(sent: &Value) -> Option<Self> {
        let address = Self {
            line1: sent::text(sent, "/addressLine1"),
            line2: sent::text(sent, "/addressLine2"),
            city: sent::text(sent, "/city"),
            state: sent::text(sent, "/state"),
            zip: sent::text(sent, "/zip"),
            country: sent::text(sent, "/country/name"),
        };
        let Self { line1, line2, city, state, zip, country } = &address;
        [line1, line2, city, state, zip, country].iter().any(|part| part.is_some()).then_some(address)
    }
}

impl ConnectWise {
    /// The company with this number; none where there is none. That is believed on a second look only, and
    /// where the keys are good: to wrong ones ConnectWise may say that there is nothing, too.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn company(&self, patience: Patience, number: i64) -> Result<Option<Company>> {
        for _look in 0..2 {
            if let Some(company) = self.look(patience, number).await? {
                return Ok(Some(company));
            }
        }
        let any = [("fields", "id".to_owned()), ("pageSize", "1".to_owned())];
        list(self.client.call(patience, &Ask::get("company/companies", &any)).await?)?;
        Ok(None)
    }

    async fn look(&self, patience: Patience, number: i64) -> Result<Option<Company>> {
        let fields = [("fields", FIELDS.to_owned())];
        let path = format!("company/companies/{number}");
        match self.client.call(patience, &Ask::get(&path, &fields)).await {
            Err(Failure::Missing) => Ok(None),
            Err(failure) => Err(failure),
            Ok(sent) => {
                let read = Company::read(&sent).filter(|company| company.number == number);
                read.map(Some).ok_or(Failure::Nonsense("another record"))
            }
        }
    }

    /// How many companies there are, where told only those changed later than `since`.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn count_companies(&self, since: Option<DateTime<Utc>>) -> Result<i64> {
        let query: Vec<_> = since.map(changed_after).into_iter().collect();
        let counted = self.client.call(Patience::Short, &Ask::get("company/companies/count", &query)).await?;
        sent::number(&counted, "/count").ok_or(Failure::Nonsense("no number"))
    }

    /// The companies after this number, where told only those changed later than `since`. What was deleted
    /// is among them. Where ConnectWise fails, it is asked for fewer at once.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn companies_after(&self, after: i64, since: Option<DateTime<Utc>>) -> Result<Page> {
        let size = &AtomicUsize::new(PAGE);
        let attempt = || async move {
            let asked_for = size.load(Ordering::Relaxed);
            let page = self.page(after, since, asked_for).await;
            if page.as_ref().is_err_and(Failure::may_be_of_size) {
                size.store((asked_for / 2).max(SMALLEST_PAGE), Ordering::Relaxed);
            }
            page
        };
        self.client.persist(Patience::Long, attempt).await
    }

    async fn page(&self, after: i64, since: Option<DateTime<Utc>>, size: usize) -> Result<Page> {
        let asked_at = self.client.clock.now();
        let mut query = vec![("fields", FIELDS.to_owned()), ("pageSize", size.to_string())];
        if after > 0 {
            query.push(("pageId", after.to_string()));
        }
        query.extend(since.map(changed_after));
        Page::of(after, self.client.once(&Ask::get("company/companies", &query)).await?, asked_at)
    }
}

impl Page {
    /// The page that an answer is to those who asked for the companies after this number.
    ///
    /// # Errors
    /// [`Failure::Nonsense`] where it is none.
    pub fn of(after: i64, answer: Value, asked_at: DateTime<Utc>) -> Result<Self> {
        let found = list(answer)?;
        let mut companies: Vec<_> = found.iter().filter_map(Company::read).collect();
        companies.sort_by_key(|company| company.number);
        companies.dedup_by_key(|company| company.number);
        let (first, last) = (companies.first(), companies.last().map(|company| company.number));
        // the header that tells of a next page may be lost on the way: only an empty page is the end, and
        // each must be of companies that are further on
        if first.map_or(!found.is_empty(), |first| first.number <= after) {
            return Err(Failure::Nonsense("a list that does not go on"));
        }
        Ok(Self { companies, last, asked_at })
    }
}

/// The condition that a company was changed later than `since`.
fn changed_after(since: DateTime<Utc>) -> (&'static str, String) {
    ("conditions", format!("lastUpdated > [{}]", since.to_rfc3339_opts(SecondsFormat::Secs, true)))
}

/// The records of an answer that is a list.
pub(super) fn list(data: Value) -> Result<Vec<Value>> {
    match data {
        Value::Array(records) => Ok(records),
        _ => Err(Failure::Nonsense("no list")),
    }
}
