//! Whatever a limited administrator does, nobody comes to hold what that administrator lacks.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::helpers::fixture::{aws_type, company, id_of, unique};
use crate::helpers::people::delete_with;
use crate::helpers::words::{Held, known_nodes};
use crate::helpers::{Actor, Answer, TestApp, Value, json};

const SCOPES: [&str; 2] = ["aws", "azure.keys"];

/// What is given, taken and held in this test.
const NODES: [&str; 20] = [
    "*",
    "company.*",
    "company.fetch",
    "company.fetch.*",
    "company.fetch.many",
    "company.create",
    "credential.*",
    "credential.fetch",
    "credential.fetch.many",
    "credential.secure_values.read",
    "aws.*",
    "aws.fetch",
    "aws.fetch.*",
    "aws.secure_values.*",
    "azure.*",
    "azure.keys.fetch",
    "azure.keys.secure_values.read",
    "role.read",
    "user.*",
    "permission.*",
];

/// Some nodes.
type Nodes = Vec<&'static str>;

fn nodes() -> impl Strategy<Value = Nodes> {
    subsequence(NODES.to_vec(), 0..4)
}

fn some_nodes() -> impl Strategy<Value = Nodes> {
    subsequence(NODES.to_vec(), 1..4)
}

/// One request. An index stands for one of what there is at that time.
#[derive(Debug, Clone)]
enum Step {
    Create(Nodes, Index),
    Edit(Index, Nodes),
    Rebind(Index, Index),
    RebindWith(Index, Index, Nodes),
    Add(Index, Nodes),
    Remove(Index, Nodes),
    Delete(Index),
    GiveRoles(Index, Vec<Index>),
    GiveNodes(Index, Nodes),
    NewPerson(Vec<Index>),
    RolesOfRbac(Index, Vec<Index>),
    Appoint(Index, Vec<Index>),
    Rank(Index, &'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        3 => (nodes(), index()).prop_map(|(nodes, company)| Step::Create(nodes, company)),
        2 => (index(), nodes()).prop_map(|(role, nodes)| Step::Edit(role, nodes)),
        2 => (index(), index()).prop_map(|(role, company)| Step::Rebind(role, company)),
        1 => (index(), index(), nodes()).prop_map(|(role, company, nodes)| Step::RebindWith(role, company, nodes)),
        3 => (index(), some_nodes()).prop_map(|(role, nodes)| Step::Add(role, nodes)),
        1 => (index(), some_nodes()).prop_map(|(role, nodes)| Step::Remove(role, nodes)),
        1 => index().prop_map(Step::Delete),
        4 => (index(), vec(index(), 0..4)).prop_map(|(user, roles)| Step::GiveRoles(user, roles)),
        3 => (index(), nodes()).prop_map(|(user, nodes)| Step::GiveNodes(user, nodes)),
        1 => vec(index(), 0..3).prop_map(Step::NewPerson),
        2 => (index(), vec(index(), 0..4)).prop_map(|(user, roles)| Step::RolesOfRbac(user, roles)),
        2 => (index(), vec(index(), 0..3)).prop_map(|(company, users)| Step::Appoint(company, users)),
        1 => (index(), prop::sample::select(vec!["admin", "integrator", "user"]))
            .prop_map(|(user, rank)| Step::Rank(user, rank)),
    ]
}

/// What the limited administrator holds besides their office, everywhere and in the first company; what
/// is there before; and what they do.
#[derive(Debug, Clone)]
struct Story {
    everywhere: Nodes,
    in_acme: Nodes,
    roles: Vec<(Nodes, Index)>,
    direct: Nodes,
    steps: Vec<Step>,
}

fn story() -> impl Strategy<Value = Story> {
    (nodes(), nodes(), vec((nodes(), any::<Index>()), 1..4), nodes(), vec(step(), 4..16)).prop_map(
        |(everywhere, in_acme, roles, direct, steps)| Story { everywhere, in_acme, roles, direct, steps },
    )
}

/// A server with two companies and two types, for every story.
struct Ground {
    app: TestApp,
    admin: Actor,
    /// None for everywhere, then each company.
    places: Vec<Option<String>>,
}

impl Ground {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        for scope in SCOPES {
            aws_type(&admin, scope).await;
        }
        let places = vec![None, Some(company(&admin, "Acme").await), Some(company(&admin, "Other").await)];
        Self { app, admin, places }
    }
}

/// The people and roles of a story.
struct World<'a> {
    app: &'a TestApp,
    manager: Actor,
    places: &'a [Option<String>],
    roles: Vec<String>,
    people: Vec<String>,
}

impl<'a> World<'a> {
    async fn of(story: &Story, Ground { app, admin, places }: &'a Ground) -> Self {
        let office: Nodes = story.everywhere.iter().copied().chain(["role.*", "user.*"]).collect();
        let email = app.db_user(&office).await;
        app.db_bound_role(&email, places[1].as_ref().unwrap(), &story.in_acme).await;
        let manager = crate::helpers::actor::sign_in(app, &email, crate::helpers::fixture::PASSWORD).await;
        let (one, two) = (app.holder_of(&story.direct).await.id, app.holder_of(&[]).await.id);
        let people = vec![one, two, manager.id.clone()];
        let mut world = Self { app, manager, places, roles: Vec::new(), people };
        for (nodes, place) in &story.roles {
            let made = admin.post("/v1/role", &world.role(nodes, *place)).await;
            world.roles.push(id_of(&made.data()));
        }
        world
    }

    fn role(&self, nodes: &Nodes, place: Index) -> Value {
        let moniker = format!("role_{}", unique());
        json!({"title": "R", "moniker": moniker, "permissions": nodes, "companyId": place.get(self.places)})
    }

    fn role_path(&self, role: Index) -> String {
        format!("/v1/role/{}", role.get(&self.roles))
    }

    async fn take(&mut self, step: &Step) -> Answer {
        let manager = self.manager.clone();
        let ids =
            |roles: &[Index]| roles.iter().map(|role| role.get(&self.roles).clone()).collect::<Vec<_>>();
        let user = |user: &Index| format!("/v1/user/users/{}", user.get(&self.people));
        let answer = match step {
            Step::Create(nodes, place) => manager.post("/v1/role", &self.role(nodes, *place)).await,
            Step::Edit(role, nodes) => {
                manager.patch(&self.role_path(*role), &json!({"permissions": nodes})).await
            }
            Step::Rebind(role, place) => {
                manager.patch(&self.role_path(*role), &json!({"companyId": place.get(self.places)})).await
            }
            Step::RebindWith(role, place, nodes) => {
                let edit = json!({"companyId": place.get(self.places), "permissions": nodes});
                manager.patch(&self.role_path(*role), &edit).await
            }
            Step::Add(role, nodes) => {
                let path = format!("{}/permissions", self.role_path(*role));
                manager.post(&path, &json!({"permissions": nodes})).await
            }
            Step::Remove(role, nodes) => {
                let path = format!("{}/permissions", self.role_path(*role));
                delete_with(&manager, &path, &json!({"permissions": nodes})).await
            }
            Step::Delete(role) => manager.delete(&self.role_path(*role)).await,
            Step::GiveRoles(person, roles) => {
                manager.patch(&user(person), &json!({"roles": ids(roles)})).await
            }
            Step::GiveNodes(person, nodes) => {
                manager.patch(&user(person), &json!({"permissions": nodes})).await
            }
            Step::NewPerson(roles) => {
                let email = format!("new{}@example.com", unique());
                let new = json!({"name": "N", "email": email, "roles": ids(roles)});
                manager.post("/v1/user/users", &new).await
            }
            Step::RolesOfRbac(person, roles) => {
                let path = format!("/rbac/api/users/{}", person.get(&self.people));
                manager.put(&path, &json!({"roleIds": ids(roles)})).await
            }
            Step::Appoint(company, people) => {
                let company = company.get(&self.places[1..]).as_deref().unwrap_or_default();
                let admins: Vec<_> = people.iter().map(|person| person.get(&self.people)).collect();
                let path = format!("/rbac/api/organizations/{company}");
                manager.put(&path, &json!({"adminIds": admins})).await
            }
            Step::Rank(person, rank) => {
                let path = format!("/itsm/api/users/{}", person.get(&self.people));
                manager.put(&path, &json!({"role": rank})).await
            }
        };
        match (step, answer.status) {
            (Step::Create(..), 201) => self.roles.push(id_of(&answer.data())),
            (Step::NewPerson(_), 201) => self.people.push(id_of(&answer.data())),
            _ => {}
        }
        answer
    }
}

/// Whether everybody holds at the end only what they held before, or what the administrator held.
async fn judge(world: &World<'_>, before: &[(String, Held)]) -> Result<(), TestCaseError> {
    let of = |user: &str| before.iter().find(|(known, _)| known == user).map(|(_, held)| held.clone());
    let limit = of(&world.manager.id).expect("the manager");
    for user in &world.people {
        let (was, is) = (of(user).unwrap_or_default(), world.app.db_held(user).await);
        for node in known_nodes(&SCOPES) {
            for place in world.places {
                let passes = |held: &Held| held.passes(&node, &SCOPES, place.as_deref());
                // the automatic role of a new account is no grant
                let is_automatic = matches!(node.as_str(), "user.read" | "user.write");
                let may_escalate = limit.node("permission.escalate", place.as_deref());
                let is_fine = !passes(&is) || passes(&was) || passes(&limit) || is_automatic || may_escalate;
                prop_assert!(
                    is_fine,
                    "{user} came to hold {node} in {place:?}: {is:?}, the limit is {limit:?}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn a_limited_administrator_makes_nobody_stronger_than_themselves() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (granted, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    let config = Config { cases: 32, failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    let ground = runtime.block_on(Ground::start());
    let outcome = TestRunner::new(config).run(&story(), |story| {
        runtime.block_on(async {
            let mut world = World::of(&story, &ground).await;
            let mut before = Vec::new();
            for user in &world.people {
                before.push((user.clone(), world.app.db_held(user).await));
            }
            for step in &story.steps {
                let answer = world.take(step).await;
                let counter = if answer.status < 300 { &granted } else { &refused };
                counter.fetch_add(1, Ordering::Relaxed);
                // what is not seen is a fault of the body there
                let is_of_rbac = matches!(step, Step::RolesOfRbac(..) | Step::Appoint(..));
                let is_fine =
                    matches!(answer.status, 200 | 201 | 403 | 404) || (is_of_rbac && answer.status == 400);
                prop_assert!(is_fine, "{step:?}: {}", answer.text);
            }
            judge(&world, &before).await
        })
    });
    outcome.unwrap();
    let (granted, refused) = (granted.into_inner(), refused.into_inner());
    assert!(granted > 40 && refused > 40, "{granted} granted, {refused} refused");
}
