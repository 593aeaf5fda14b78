//! Each list holds exactly the things for which its node is held, for whatever roles a person has.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use ttscm::access::{Permission, caller};

use crate::helpers::actor::sign_in;
use crate::helpers::fixture::{PASSWORD, aws_credential, aws_type, company};
use crate::helpers::words::Held;
use crate::helpers::{Actor, TestApp, Value, json};

const SCOPES: [&str; 3] = ["aws.credentials", "aws.keys", "azure"];

const NODES: [&str; 16] = [
    "credential.fetch",
    "credential.fetch.many",
    "credential.fetch.*",
    "credential.*",
    "company.fetch",
    "company.fetch.many",
    "company.*",
    "aws.credentials.fetch",
    "aws.credentials.fetch.many",
    "aws.credentials.*",
    "aws.*",
    "aws.keys.fetch.many",
    "azure.fetch.*",
    "azure.fetch",
    "*",
    "credential.create",
];

type Nodes = Vec<&'static str>;

fn nodes() -> impl Strategy<Value = Nodes> {
    subsequence(NODES.to_vec(), 0..3)
}

struct Credential {
    id: String,
    company: usize,
    kind: usize,
}

/// Three companies, three types, and two credentials of each type in each company but one.
struct World {
    app: TestApp,
    admin: Actor,
    companies: Vec<String>,
    kinds: Vec<String>,
    credentials: Vec<Credential>,
}

impl World {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let (mut companies, mut kinds, mut credentials) = (Vec::new(), Vec::new(), Vec::new());
        for scope in SCOPES {
            kinds.push(aws_type(&admin, scope).await);
        }
        for name in ["Acme", "Beta", "Gamma"] {
            companies.push(company(&admin, name).await);
        }
        for (at, (company, kind)) in
            (0..3).flat_map(|company| (0..3).map(move |kind| (company, kind))).enumerate()
        {
            for _ in 0..if at == 4 { 0 } else { 2 } {
                let id = aws_credential(&admin, &kinds[kind], &companies[company], "a secret").await;
                credentials.push(Credential { id, company, kind });
            }
        }
        Self { app, admin, companies, kinds, credentials }
    }

    async fn person(&self, direct: &Nodes, roles: &[(Index, Nodes)]) -> Actor {
        let email = self.app.db_user(&[direct.as_slice(), &["credential_type.fetch"]].concat()).await;
        for (company, nodes) in roles {
            self.app.db_bound_role(&email, company.get::<String>(&self.companies), nodes).await;
        }
        sign_in(&self.app, &email, PASSWORD).await
    }

    /// Whether an action on credentials of a type in a company passes, by the words of the rules.
    fn passes(&self, held: &Held, action: &str, company: usize, kind: usize) -> bool {
        held.action(action, SCOPES[kind], Some(&self.companies[company]))
    }

    fn anywhere(&self, held: &Held, action: &str) -> bool {
        (0..9).any(|at| self.passes(held, action, at / 3, at % 3))
    }

    /// The ids of credentials for which somebody holds the list's node.
    fn listed(&self, held: &Held, wanted: impl Fn(&Credential) -> bool) -> BTreeSet<String> {
        let is_listed =
            |one: &&Credential| wanted(one) && self.passes(held, "fetch.many", one.company, one.kind);
        self.credentials.iter().filter(is_listed).map(|one| one.id.clone()).collect()
    }
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Reads a list whole and by the page, which must agree with each other and with what is expected.
async fn check_list(person: &Actor, path: &str, expected: &BTreeSet<String>) -> Result<(), TestCaseError> {
    let whole = person.get(&format!("{path}?rpp=200")).await.expect(200);
    let whole_ids = ids(&whole["data"]);
    prop_assert_eq!(&whole_ids.iter().cloned().collect::<BTreeSet<_>>(), expected, "{}", path);
    prop_assert_eq!(whole_ids.len(), expected.len(), "{}", path);
    let mut by_page = Vec::new();
    for page in 1.. {
        let part = person.get(&format!("{path}?rpp=3&page={page}")).await.expect(200);
        prop_assert_eq!(&part["pagination"]["totalRecords"], expected.len());
        by_page.extend(ids(&part["data"]));
        if part["pagination"]["nextPage"].is_null() {
            break;
        }
    }
    prop_assert_eq!(by_page, whole_ids, "{}", path);
    Ok(())
}

async fn check_credentials(world: &World, person: &Actor, held: &Held) -> Result<(), TestCaseError> {
    let somewhere = world.anywhere(held, "fetch.many");
    for (at, company) in world.companies.iter().enumerate() {
        let path = format!("/v1/credential/credentials/company/{company}");
        let enters = (0..3).any(|kind| world.passes(held, "fetch.many", at, kind));
        let sees = ["company.fetch", "company.fetch.many"].iter().any(|node| held.node(node, Some(company)))
            || (0..3).any(|kind| world.passes(held, "fetch", at, kind));
        match (somewhere, enters, sees) {
            (true, true, _) => {
                check_list(person, &path, &world.listed(held, |one| one.company == at)).await?;
            }
            (true, false, false) => prop_assert_eq!(person.get(&path).await.status, 404),
            _ => prop_assert_eq!(person.get(&path).await.status, 403),
        }
    }
    for (at, kind) in world.kinds.iter().enumerate() {
        let path = format!("/v1/credential-type/{kind}/credentials");
        if (0..3).any(|company| world.passes(held, "fetch.many", company, at)) {
            check_list(person, &path, &world.listed(held, |one| one.kind == at)).await?;
        } else {
            prop_assert_eq!(person.get(&path).await.status, 403);
        }
        let count = &person.get(&format!("/v1/credential-type/{kind}")).await.data()["credentialCount"];
        prop_assert_eq!(count, world.listed(held, |one| one.kind == at).len());
    }
    for one in &world.credentials {
        let status = person.get(&format!("/v1/credential/credentials/{}", one.id)).await.status;
        let passes = |action: &str| world.passes(held, action, one.company, one.kind);
        let expected = match (passes("fetch"), world.anywhere(held, "fetch"), passes("fetch.many")) {
            (true, ..) => 200,
            (false, true, false) => 404,
            _ => 403,
        };
        prop_assert_eq!(status, expected);
    }
    Ok(())
}

async fn check_companies(world: &World, person: &Actor, held: &Held) -> Result<(), TestCaseError> {
    let holds = |id: &&String| held.node("company.fetch.many", Some(id));
    let expected: BTreeSet<_> = world.companies.iter().filter(holds).cloned().collect();
    if expected.is_empty() {
        prop_assert_eq!(person.get("/v1/company/companies").await.status, 403);
        return Ok(());
    }
    let organizations = person.get("/rbac/api/organizations?limit=1000").await.rbac();
    let listed: BTreeSet<_> = ids(&organizations["organizations"]).into_iter().collect();
    prop_assert_eq!(&listed, &expected);
    prop_assert_eq!(&organizations["total"], expected.len());
    check_list(person, "/v1/company/companies", &expected).await
}

/// Asks the API and the program's own `Reach` one by one, where the list was made by SQL.
async fn check_one_by_one(world: &World, person: &Actor, held: &Held) -> Result<(), TestCaseError> {
    let mut connection = world.app.pool().acquire().await.unwrap();
    let user = person.id.parse().unwrap();
    let grants = caller::grants_of(&mut connection, user).await.unwrap().expect("an account");
    drop(connection);
    let reach = grants.reach(Permission::CredentialFetchMany);
    let path = format!("/v1/user/users/{}/check-permission", person.id);
    for (at, company) in world.companies.iter().enumerate() {
        let of_types = SCOPES.map(|scope| format!("{scope}.fetch.many"));
        let asked = [&["credential.fetch.many".to_owned()], &of_types[..]].concat();
        let answer =
            world.admin.post(&path, &json!({"permissions": asked, "companyId": company})).await.data();
        let holds = |index: usize| answer["results"][index]["hasPermission"] == true;
        for (kind, id) in world.kinds.iter().enumerate() {
            let expected = world.passes(held, "fetch.many", at, kind);
            prop_assert_eq!(holds(0) || holds(kind + 1), expected);
            prop_assert_eq!(reach.covers(company.parse().unwrap(), id.parse().unwrap()), expected);
        }
    }
    Ok(())
}

#[test]
fn every_list_holds_what_its_node_is_held_for() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let config = Config { cases: 32, failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    let people = (nodes(), vec((any::<Index>(), nodes()), 0..3));
    let outcome = TestRunner::new(config).run(&people, |(direct, roles)| {
        runtime.block_on(async {
            let person = world.person(&direct, &roles).await;
            let held = world.app.db_held(&person.id).await;
            check_credentials(&world, &person, &held).await?;
            check_companies(&world, &person, &held).await?;
            check_one_by_one(&world, &person, &held).await
        })
    });
    outcome.unwrap();
}
