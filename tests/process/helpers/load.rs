//! Somebody who writes and reads without pause, keeps an account of what was acknowledged, and judges every answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::client::{Client, Reply};
use super::eventually;

const CREDENTIALS: &str = "/v1/credential/credentials";

/// The longest that a refusal may take: the database is away, and that is all.
pub const REFUSED_WITHIN: Duration = Duration::from_secs(5);

/// The pause of a client that was refused or cut off.
const PAUSE: Duration = Duration::from_millis(20);

/// How many secrets are opened at once.
const AT_ONCE: usize = 4;

/// What came of the requests so far.
#[derive(Debug, Default)]
pub struct Account {
    /// The secrets that were acknowledged as stored, by their credentials' ids.
    pub stored: BTreeMap<String, String>,
    /// Reads that were answered.
    pub read: usize,
    /// Answers that the database is not available, all of which came in time.
    pub unavailable: usize,
    /// Requests to which no answer came, and what a balancer said of those.
    pub cut_off: usize,
    /// What should not have been answered.
    pub wrong: Vec<String>,
}

/// A load that goes on until it is ended.
pub struct Load {
    account: Arc<Mutex<Account>>,
    over: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

/// What the load writes into: a type and a company.
#[derive(Clone)]
pub struct Ground {
    kind: Value,
    company: Value,
}

impl Ground {
    pub async fn lay(admin: &Client) -> Self {
        let field = |id: &str, secure: bool| {
            let kind = if secure { "password" } else { "plain_text" };
            json!({"id": id, "name": id, "required": true, "secure": secure, "valueType": kind})
        };
        let fields = [field("user", false), field("first", true), field("second", true)];
        let kind = json!({"name": "Load", "permissionScope": "load", "fields": fields});
        let kind = admin.post("/v1/credential-type", &kind).await;
        let company = admin.post("/v1/company/companies", &json!({"name": "Load"})).await;
        Self { kind: kind["id"].clone(), company: company["id"].clone() }
    }

    fn credential(&self, name: &str) -> Value {
        let value = |field: &str| json!({"fieldId": field, "value": format!("{field} of {name}")});
        json!({
            "name": name, "typeId": self.kind, "companyId": self.company,
            "fields": [value("user"), value("first"), value("second")],
        })
    }
}

fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// Begins, with so many clients at each of these servers.
    pub fn begin(admins: &[&Client], ground: &Ground, clients_each: usize) -> Self {
        let (account, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        for (number, admin) in admins.iter().flat_map(|admin| vec![*admin; clients_each]).enumerate() {
            let (admin, ground) = ((*admin).clone(), ground.clone());
            let (account, over) = (Arc::clone(&account), Arc::clone(&over));
            clients.spawn(async move {
                for turn in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    write_and_read(&admin, &ground, &format!("{number}-{turn}"), &account).await;
                }
            });
        }
        Self { account, over, clients }
    }

    pub fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }

    /// Where to read a credential that was stored.
    pub fn one_stored(&self) -> String {
        let (id, _) = self.account().one_stored().expect("something is stored");
        format!("{CREDENTIALS}/{id}")
    }

    /// Waits until so many more writes are acknowledged.
    pub async fn goes_on(&self, more: usize) {
        let enough = self.account().stored.len() + more;
        eventually("more is acknowledged", async || self.account().stored.len() >= enough).await;
    }

    /// Ends it. Nothing may have been answered that should not have been.
    pub async fn end(mut self) -> Account {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("a client goes on to the end");
        }
        let account = std::mem::take(&mut *self.account());
        assert_eq!(account.wrong, Vec::<String>::new());
        account
    }
}

/// Writes a credential and reads it; where it is not stored, one of before.
async fn write_and_read(admin: &Client, ground: &Ground, name: &str, account: &Mutex<Account>) {
    let stored = ask(admin, CREDENTIALS, Some(&ground.credential(name)), 201, account).await;
    if let Some(id) = stored.as_ref().and_then(|data| data["id"].as_str()) {
        lock(account).stored.insert(id.to_owned(), format!("first of {name}"));
        read(admin, id, name, account).await;
    } else if let Some((id, name)) = { lock(account).one_stored() } {
        read(admin, &id, &name, account).await;
    }
}

async fn read(admin: &Client, id: &str, name: &str, account: &Mutex<Account>) {
    let read = ask(admin, &format!("{CREDENTIALS}/{id}"), None, 200, account).await;
    if let Some(read) = read {
        let mut account = lock(account);
        account.read += 1;
        if read["name"] != name || read["fields"][0]["value"] != format!("user of {name}") {
            account.wrong.push(read.to_string());
        }
    }
}

/// The data of a success. Whatever else comes is judged.
async fn ask(
    admin: &Client,
    path: &str,
    body: Option<&Value>,
    good: u16,
    account: &Mutex<Account>,
) -> Option<Value> {
    let began = Instant::now();
    let reply = admin.ask(path, body).await;
    let failed = match reply {
        Some(reply) if reply.status == good => return Some(reply.body["data"].clone()),
        Some(reply) if is_unavailable(&reply) && began.elapsed() < REFUSED_WITHIN => {
            lock(account).unavailable += 1;
            None
        }
        Some(reply) if reply.is_of_a_balancer() => {
            lock(account).cut_off += 1;
            None
        }
        Some(reply) => Some(format!("{path} after {:?}: {reply:?}", began.elapsed())),
        None => {
            lock(account).cut_off += 1;
            None
        }
    };
    lock(account).wrong.extend(failed);
    tokio::time::interval_at(tokio::time::Instant::now() + PAUSE, PAUSE).tick().await;
    None
}

/// A clear 503: in the envelope, with the time to wait.
pub fn is_unavailable(reply: &Reply) -> bool {
    let said = json!({"status": 503, "message": "The database is not available, try again soon", "successful": false});
    reply.status == 503 && reply.body == said && reply.retry_after.as_deref() == Some("2")
}

impl Account {
    /// The id and the name of one that was acknowledged.
    fn one_stored(&self) -> Option<(String, String)> {
        let (id, secret) = self.stored.first_key_value()?;
        Some((id.clone(), secret.strip_prefix("first of ")?.to_owned()))
    }

    /// Everything that was acknowledged is there and opens; and whatever else is there is whole, too.
    pub async fn verify(&self, admin: &Client, ground: &Ground) {
        let company = ground.company.as_str().expect("an id");
        let list = admin.get(&format!("{CREDENTIALS}/company/{company}")).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let rows = list.as_array().expect("a list").iter();
        let there: BTreeMap<_, _> = rows.map(|row| (text(&row["id"]), text(&row["name"]))).collect();
        let opened = stream::iter(&there).for_each_concurrent(AT_ONCE, async |(id, name)| {
            let values = admin.get(&format!("{CREDENTIALS}/{id}/secure-values")).await;
            let whole = json!({"first": format!("first of {name}"), "second": format!("second of {name}")});
            assert_eq!(values, whole, "{id}");
        });
        opened.await;
        for (id, secret) in &self.stored {
            let name = there.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and is not there"));
            assert_eq!(*secret, format!("first of {name}"));
        }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stored, read, unavailable, cut_off, .. } = self;
        let stored = stored.len();
        write!(to, "{stored} writes acknowledged, {read} reads, {unavailable} times 503, {cut_off} cut off")
    }
}
