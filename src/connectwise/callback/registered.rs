//! The callbacks that ConnectWise is asked to make.

use reqwest::Method;
use serde_json::{Value, json};

use crate::connectwise::client::Ask;
use crate::connectwise::company::list;
use crate::connectwise::{ConnectWise, Patience, Result, sent};

/// A callback that ConnectWise makes at an address of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its number there.
    pub number: i64,
    /// The address, to which ConnectWise adds the number of the record.
    pub url: String,
    /// Of what it tells, such as `company`.
    pub kind: String,
    /// Of whose records, such as `owner`, which is those of everybody.
    pub level: String,
    /// Whether it is made; ConnectWise switches it off after three days of failures.
    pub is_active: bool,
}

impl Registered {
    /// The callback that a record is; none where it has no number.
    #[must_use]
    pub fn read(sent: &Value) -> Option<Self> {
        let text = |place: &str| sent::text(sent, place).unwrap_or_default();
        Some(Self {
            number: sent::number(sent, "/id")?,
            url: text("/url"),
            kind: text("/type").to_lowercase(),
            level: text("/level").to_lowercase(),
            is_active: !sent::flag(sent, "/inactiveFlag").unwrap_or(false),
        })
    }

    /// Whether it tells of every company.
    #[must_use]
    pub fn is_of_all_companies(&self) -> bool {
        self.kind == "company" && self.level == "owner"
    }
}

impl ConnectWise {
    /// The callbacks whose address begins so.
    ///
    /// # Errors
    /// [`super::super::Failure`].
    pub async fn callbacks(&self, url: &str) -> Result<Vec<Registered>> {
        let (mut found, mut after) = (Vec::<Registered>::new(), 0);
        loop {
            let mut query = vec![("pageSize", "1000".to_owned())];
            if after > 0 {
                query.push(("pageId", after.to_string()));
            }
            let page = list(self.client.call(Patience::Long, &Ask::get("system/callbacks", &query)).await?)?;
            let read: Vec<_> = page.iter().filter_map(Registered::read).collect();
            // a server that does not know `pageId` gives the same again
            let Some(last) = read.iter().map(|one| one.number).max().filter(|last| *last > after) else {
                break;
            };
            found.extend(read.into_iter().filter(|one| one.number > after && one.url.starts_with(url)));
            after = last;
        }
        Ok(found)
    }

    /// Asks for a callback at this address whenever a company changes.
    ///
    /// # Errors
    /// [`super::super::Failure`].
    pub async fn add_callback(&self, url: &str) -> Result<()> {
        let body = json!({
            "id": 0, "description": "TTSCM API: companies", "url": url, "objectId": 1, "type": "company",
            "level": "owner", "payloadVersion": "3.0.0", "inactiveFlag": false, "isSelfSuppressedFlag": false,
        });
        let ask = Ask { method: Method::POST, path: "system/callbacks", query: &[], body: Some(&body) };
        // one try only: where no more than the answer was lost, another would make a second one
        self.client.once(&ask).await.map(drop)
    }

    /// Ends a callback.
    ///
    /// # Errors
    /// [`super::super::Failure`].
    pub async fn remove_callback(&self, number: i64) -> Result<()> {
        let path = format!("system/callbacks/{number}");
        let ask = Ask { method: Method::DELETE, path: &path, query: &[], body: None };
        self.client.call(Patience::Long, &ask).await.map(drop)
    }
}
