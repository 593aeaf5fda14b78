//! Who sees what: nodes of credentials and of types, everywhere or in one company.

use reqwest::Method;

use crate::helpers::scene::{all, field, id_in, kind_with};
use crate::helpers::{Actor, Scene, Value, fixture, json};

const CREDENTIALS: &str = "/v1/credential/credentials";

/// Two companies with a credential of two types each.
struct Grid {
    scene: Scene,
    other: String,
    azure: String,
    /// Acme's AWS, Acme's Azure, the other's AWS, the other's Azure.
    ids: [String; 4],
}

impl Grid {
    async fn start() -> Self {
        let scene = Scene::start().await;
        let other = fixture::company(&scene.admin, "Other").await;
        let fields = json!([field("secretAccessKey", "password", true, true)]);
        let azure = id_in(&kind_with(&scene.admin, "Azure", "azure", &fields).await).to_owned();
        let mut ids = Vec::new();
        for company in [&scene.acme, &other] {
            ids.push(fixture::aws_credential(&scene.admin, &scene.aws, company, "a secret").await);
            ids.push(fixture::id_of(
                &scene.admin.post(CREDENTIALS, &Self::body(&azure, company)).await.data(),
            ));
        }
        Self { scene, other, azure, ids: ids.try_into().expect("four") }
    }

    fn body(kind: &str, company: &str) -> Value {
        json!({"name": "Azure", "typeId": kind, "companyId": company, "fields": [{"fieldId": "secretAccessKey", "value": "a secret"}]})
    }

    /// A person who holds the nodes everywhere, or only at Acme.
    async fn holder(&self, at_acme: bool, nodes: &[&str]) -> Actor {
        if at_acme {
            self.scene.app.holder_in(&self.scene.acme, nodes).await
        } else {
            self.scene.app.holder_of(nodes).await
        }
    }

    /// The statuses of reading each of the four.
    async fn read(&self, actor: &Actor, below: &str) -> [u16; 4] {
        let mut statuses = [0; 4];
        for (status, id) in statuses.iter_mut().zip(&self.ids) {
            *status = actor.get(&format!("{CREDENTIALS}/{id}{below}")).await.status;
        }
        statuses
    }

    /// Which of the four a list shows, or the status of its refusal.
    async fn listed(&self, actor: &Actor, path: &str) -> Result<Vec<usize>, u16> {
        let answer = actor.get(path).await;
        if answer.status != 200 {
            return Err(answer.status);
        }
        let data = answer.data();
        let mut places: Vec<_> = all(&data, "id")
            .iter()
            .map(|id| self.ids.iter().position(|known| known == id).expect("one of the four"))
            .collect();
        places.sort_unstable();
        Ok(places)
    }
}

/// What a refusal for want of these nodes says.
fn lacking(required: &[&str]) -> Value {
    json!({
        "status": 403, "message": "Insufficient permissions", "error": "InsufficientPermission",
        "required": required, "successful": false
    })
}

#[tokio::test]
async fn one_credential_is_read_as_far_as_its_node_reaches() {
    let grid = Grid::start().await;
    for (at_acme, node, expected) in [
        (false, "credential.fetch", [200, 200, 200, 200]),
        (false, "credential.*", [200, 200, 200, 200]),
        (false, "*", [200, 200, 200, 200]),
        (false, "aws.credentials.fetch", [200, 404, 200, 404]),
        (false, "aws.credentials.*", [200, 404, 200, 404]),
        (false, "aws.*", [200, 404, 200, 404]),
        (false, "azure.fetch", [404, 200, 404, 200]),
        (true, "credential.fetch", [200, 200, 404, 404]),
        (true, "*", [200, 200, 404, 404]),
        (true, "aws.credentials.fetch", [200, 404, 404, 404]),
        (true, "azure.*", [404, 200, 404, 404]),
        // none of these is the node, so there is none anywhere
        (false, "credential.update", [403; 4]),
        (false, "credential.fields.fetch", [403; 4]),
        (false, "credential_type.*", [403; 4]),
        (false, "aws.credentials.fields.fetch", [403; 4]),
        (false, "aws.fetch", [403; 4]),
        (false, "company.*", [403; 4]),
    ] {
        let actor = grid.holder(at_acme, &[node]).await;
        assert_eq!(grid.read(&actor, "").await, expected, "{node} {at_acme}");
    }
    let nobody = grid.scene.app.nobody();
    assert_eq!(grid.read(&nobody, "").await, [401; 4]);
}

#[tokio::test]
async fn lists_show_what_the_node_of_the_list_reaches() {
    let grid = Grid::start().await;
    let of_company = |id: &str| format!("{CREDENTIALS}/company/{id}");
    let of_type = |id: &str| format!("/v1/credential-type/{id}/credentials");
    let lists = [
        of_company(&grid.scene.acme),
        of_company(&grid.other),
        of_type(&grid.scene.aws),
        of_type(&grid.azure),
    ];
    for (at_acme, node, expected) in [
        (false, "credential.fetch.many", [Ok(vec![0, 1]), Ok(vec![2, 3]), Ok(vec![0, 2]), Ok(vec![1, 3])]),
        (true, "credential.fetch.many", [Ok(vec![0, 1]), Err(404), Ok(vec![0]), Ok(vec![1])]),
        (false, "aws.credentials.fetch.many", [Ok(vec![0]), Ok(vec![2]), Ok(vec![0, 2]), Err(403)]),
        (true, "aws.credentials.fetch.many", [Ok(vec![0]), Err(404), Ok(vec![0]), Err(403)]),
        (true, "azure.*", [Ok(vec![1]), Err(404), Err(403), Ok(vec![1])]),
        (false, "credential.fetch", [Err(403), Err(403), Err(403), Err(403)]),
        (true, "credential.fetch", [Err(403), Err(403), Err(403), Err(403)]),
    ] {
        let actor =
            grid.holder(at_acme, &[node, "credential_type.fetch", "credential_type.fetch.many"]).await;
        for (list, expected) in lists.iter().zip(expected) {
            assert_eq!(grid.listed(&actor, list).await, expected, "{node} {at_acme} {list}");
        }
    }
    let actor = grid.holder(true, &["credential.fetch.many"]).await;
    assert_eq!(actor.get(&lists[2]).await.expect(403), lacking(&["credential_type.fetch"]));
    let elsewhere = actor.get(&lists[1]).await.expect(404);
    assert_eq!(
        elsewhere,
        json!({"status": 404, "message": format!("Company with identifier '{}' was not found.", grid.other), "error": "CompanyNotFound", "successful": false})
    );
}

#[tokio::test]
async fn the_list_of_a_company_that_is_seen_otherwise_is_refused() {
    let grid = Grid::start().await;
    let email = grid.scene.app.db_user(&[]).await;
    grid.scene.app.db_bound_role(&email, &grid.other, &["credential.fetch.many"]).await;
    grid.scene.app.db_bound_role(&email, &grid.scene.acme, &["company.fetch"]).await;
    let person = crate::helpers::actor::sign_in(&grid.scene.app, &email, fixture::PASSWORD).await;
    let refused = person.get(&format!("{CREDENTIALS}/company/{}", grid.scene.acme)).await.expect(403);
    assert_eq!(refused, lacking(&["credential.fetch.many"]));
}

#[tokio::test]
async fn a_page_counts_only_what_is_shown() {
    let grid = Grid::start().await;
    let actor = grid.holder(true, &["aws.credentials.fetch.many", "credential_type.*"]).await;
    let page = actor.get(&format!("{CREDENTIALS}/company/{}?page=1", grid.scene.acme)).await.expect(200);
    assert_eq!(
        (&page["pagination"]["totalRecords"], &page["data"][0]["id"]),
        (&json!(1), &json!(grid.ids[0]))
    );
    let types = actor.get("/v1/credential-type").await.data();
    assert_eq!((&types[0]["credentialCount"], &types[1]["credentialCount"]), (&json!(1), &json!(0)));
    let kind = actor.get(&format!("/v1/credential-type/{}", grid.scene.aws)).await.data();
    assert_eq!(kind["credentialCount"], 1);
}

#[tokio::test]
async fn what_is_seen_but_not_allowed_is_refused_and_what_is_not_seen_is_not_there() {
    let grid = Grid::start().await;
    let path = format!("{CREDENTIALS}/{}", grid.ids[0]);
    let before = grid.scene.admin.get(&path).await.data();
    let reveal: &[_] = &["credential.fetch", "credential.secure_values.read"];
    for (method, below, needed) in [
        (Method::GET, "", &["credential.fetch"][..]),
        (Method::PATCH, "", &["credential.update"]),
        (Method::PUT, "/fields", &["credential.update", "credential.fields.update"]),
        (Method::GET, "/fields", &["credential.fetch", "credential.fields.fetch"]),
        (Method::GET, "/secure-values", reveal),
        (Method::GET, "/secure-values/secretAccessKey", reveal),
        (Method::GET, "/secure-values/unknown", reveal),
        (Method::DELETE, "", &["credential.delete"]),
    ] {
        let ask = async |actor: &Actor| {
            let request = actor.request(method.clone(), &format!("{path}{below}"));
            request.json(&json!({"fields": []})).send().await
        };
        // nowhere
        let person = grid.scene.app.holder_of(&["company.*"]).await;
        assert_eq!(ask(&person).await.expect(403), lacking(needed), "{method} {below}");
        // in another company only
        let email = grid.scene.app.db_user(&[]).await;
        let app = &grid.scene.app;
        app.db_bound_role(&email, &grid.other, &["credential.*"]).await;
        let person = crate::helpers::actor::sign_in(app, &email, fixture::PASSWORD).await;
        assert_eq!(ask(&person).await.expect(404)["error"], "CredentialNotFound", "{method} {below}");
        // the same, and the credential is seen in a list
        app.db_bound_role(&email, &grid.scene.acme, &["credential.fetch.many"]).await;
        assert_eq!(ask(&person).await.expect(403), lacking(needed), "{method} {below}");
        // all but the last of them
        app.db_bound_role(&email, &grid.scene.acme, &needed[..needed.len() - 1]).await;
        assert_eq!(ask(&person).await.expect(403), lacking(&needed[needed.len() - 1..]), "{method} {below}");
    }
    assert_eq!(grid.scene.admin.get(&path).await.data(), before);
}

#[tokio::test]
async fn a_type_scope_reveals_its_own_type_only() {
    let grid = Grid::start().await;
    let nodes = ["aws.credentials.fetch", "aws.credentials.secure_values.read"];
    for below in ["/secure-values", "/secure-values/secretAccessKey"] {
        for (at_acme, expected) in [(false, [200, 404, 200, 404]), (true, [200, 404, 404, 404])] {
            let person = grid.holder(at_acme, &nodes).await;
            assert_eq!(grid.read(&person, below).await, expected);
        }
        let reader =
            grid.scene.app.holder_of(&["credential.fetch", "aws.credentials.secure_values.read"]).await;
        assert_eq!(grid.read(&reader, below).await, [200, 403, 200, 403]);
        let refused = reader.get(&format!("{CREDENTIALS}/{}{below}", grid.ids[1])).await.expect(403);
        assert_eq!(refused, lacking(&["credential.secure_values.read"]));
        let blind = grid.scene.app.holder_of(&["aws.credentials.secure_values.read"]).await;
        let refused = blind.get(&format!("{CREDENTIALS}/{}{below}", grid.ids[0])).await.expect(403);
        assert_eq!(refused, lacking(&["credential.fetch"]));
    }
}

#[tokio::test]
async fn credentials_are_stored_where_the_node_reaches() {
    let grid = Grid::start().await;
    let acme = grid.scene.acme.clone();
    let company = |id: &str| json!(format!("Company with identifier '{id}' was not found."));
    let kind = |id: &str| json!(format!("Credential type with identifier '{id}' was not found."));
    let refusal = json!("Insufficient permissions");
    for (at_acme, nodes, expected) in [
        (false, vec!["credential.create"], [None, None]),
        (false, vec!["azure.create"], [None, None]),
        (true, vec!["credential.create"], [None, Some((404, kind(&grid.azure)))]),
        (true, vec!["credential.create", "credential_type.fetch"], [None, Some((404, company(&grid.other)))]),
        (true, vec!["azure.*"], [None, Some((404, company(&grid.other)))]),
        (true, vec!["aws.credentials.*"], [Some((404, kind(&grid.azure))), Some((404, kind(&grid.azure)))]),
        (
            true,
            vec!["aws.credentials.*", "credential_type.fetch"],
            [Some((403, refusal.clone())), Some((404, company(&grid.other)))],
        ),
        (
            true,
            vec!["aws.credentials.create", "credential.fetch"],
            [Some((403, refusal.clone())), Some((404, company(&grid.other)))],
        ),
        (
            false,
            vec!["aws.credentials.create", "azure.fetch"],
            [Some((403, refusal.clone())), Some((403, refusal))],
        ),
    ] {
        let person = grid.holder(at_acme, &nodes).await;
        for (id, expected) in [&acme, &grid.other].into_iter().zip(expected) {
            let answer = person.post(CREDENTIALS, &Grid::body(&grid.azure, id)).await;
            match expected {
                None => assert_eq!(answer.data()["companyId"], *id, "{nodes:?}"),
                Some((status, message)) => assert_eq!(answer.expect(status)["message"], message, "{nodes:?}"),
            }
            if answer.status == 403 {
                assert_eq!(answer.expect(403), lacking(&["credential.create"]));
            }
        }
    }
    // a type that is not seen is not there, whatever the company
    let person = grid.holder(false, &["aws.credentials.create"]).await;
    for id in [&acme, "00000000-0000-7000-8000-000000000000", "x"] {
        let answer = person.post(CREDENTIALS, &Grid::body(&grid.azure, id)).await;
        assert_eq!(answer.expect(404)["message"], kind(&grid.azure), "{id}");
    }
    let reader = grid.scene.app.holder_of(&["credential.fetch"]).await;
    let refused = reader.post(CREDENTIALS, &Grid::body(&grid.azure, &acme)).await;
    assert_eq!(refused.expect(403), lacking(&["credential.create"]));
}

#[tokio::test]
async fn types_are_read_with_a_bound_node_and_written_with_an_unbound_one_only() {
    let grid = Grid::start().await;
    let path = format!("/v1/credential-type/{}", grid.azure);
    let new = json!({"name": "New", "permissionScope": "new", "fields": []});
    let bound = grid.holder(true, &["*"]).await;
    assert_eq!(all(&bound.get("/v1/credential-type").await.data(), "name"), ["AWS aws.credentials", "Azure"]);
    bound.get(&path).await.expect(200);
    let writes = async |actor: &Actor| {
        [
            actor.post("/v1/credential-type", &new).await,
            actor.patch(&path, &json!({"name": "Changed"})).await,
            actor.delete(&path).await,
        ]
    };
    let nodes = ["credential_type.create", "credential_type.update", "credential_type.delete"];
    for actor in [bound, grid.holder(false, &["azure.*", "credential_type.fetch"]).await] {
        for (answer, node) in writes(&actor).await.iter().zip(nodes) {
            assert_eq!(answer.expect(403), lacking(&[node]));
        }
    }
    assert_eq!(grid.scene.admin.get(&path).await.data()["name"], "Azure");
    for (answer, status) in writes(&grid.holder(false, &nodes).await).await.iter().zip([201, 200, 200]) {
        answer.expect(status);
    }
    let one = grid.holder(false, &["credential_type.fetch"]).await;
    assert_eq!(one.get("/v1/credential-type").await.expect(403), lacking(&["credential_type.fetch.many"]));
    let many = grid.holder(false, &["credential_type.fetch.many"]).await;
    let aws = format!("/v1/credential-type/{}", grid.scene.aws);
    assert_eq!(many.get(&aws).await.expect(403), lacking(&["credential_type.fetch"]));
}
