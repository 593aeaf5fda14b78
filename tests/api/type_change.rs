//! Changing a type while credentials of it exist: nothing is silently lost or laid open.

use crate::helpers::scene::{field, id_in, kind_with};
use crate::helpers::{Scene, Value, fixture, json};

const CREDENTIALS: &str = "/v1/credential/credentials";

/// A scene with a type of its own, `host` required and plain, `label` plain, `key` secure.
struct Changing {
    scene: Scene,
    kind: String,
}

impl Changing {
    async fn start() -> Self {
        let scene = Scene::start().await;
        let kind = kind_with(&scene.admin, "Server", "server", &Self::fields()).await;
        Self { scene, kind }
    }

    fn fields() -> Value {
        json!([
            field("host", "plain_text", true, false),
            field("label", "plain_text", false, false),
            field("key", "password", false, true)
        ])
    }

    /// The fields, one of them changed or, where there is no change, removed.
    fn fields_with(id: &str, change: Option<(&str, bool)>) -> Value {
        let mut fields = Self::fields();
        let list = fields.as_array_mut().unwrap();
        let at = list.iter().position(|field| field["id"] == id).expect("a field");
        match change {
            Some((member, value)) => list[at][member] = json!(value),
            None => drop(list.remove(at)),
        }
        fields
    }

    /// Stores a credential with these values; its path.
    async fn credential(&self, name: &str, values: &[(&str, &str)]) -> String {
        let values: Vec<_> =
            values.iter().map(|(id, value)| json!({"fieldId": id, "value": value})).collect();
        let body = json!({"name": name, "typeId": id_in(&self.kind), "companyId": self.scene.acme, "fields": values});
        let made = self.scene.admin.post(CREDENTIALS, &body).await.data();
        format!("{CREDENTIALS}/{}", fixture::id_of(&made))
    }

    async fn change(&self, fields: &Value) -> crate::helpers::Answer {
        self.scene.admin.patch(&self.kind, &json!({"fields": fields})).await
    }

    async fn force(&self, fields: &Value) -> crate::helpers::Answer {
        self.scene.admin.patch(&format!("{}?force=true", self.kind), &json!({"fields": fields})).await
    }

    /// Checks that a change is refused with this message and changes nothing at all.
    async fn refused(&self, fields: &Value, message: &str) {
        let rows = "select jsonb_agg(t) from (select to_jsonb(s) from secure_values s
            union all select to_jsonb(c) from credentials c union all select to_jsonb(k) from credential_types k) t";
        let state =
            || async { sqlx::query_scalar::<_, Value>(rows).fetch_one(self.scene.app.pool()).await.unwrap() };
        let before = state().await;
        assert_eq!(
            self.change(fields).await.expect(409),
            json!({"status": 409, "message": message, "error": "Conflict", "successful": false})
        );
        assert_eq!(state().await, before);
    }

    /// The actions on types that are on record, newest first, after the making.
    async fn actions(&self) -> Vec<String> {
        let rows = self.scene.admin.get("/v1/audit").await.data();
        let rows = rows.as_array().unwrap().iter().filter(|row| row["target"]["id"] == id_in(&self.kind));
        rows.map(|row| row["action"].as_str().unwrap().to_owned())
            .filter(|action| !action.ends_with("create"))
            .collect()
    }

    async fn get(&self, path: &str) -> Value {
        self.scene.admin.get(path).await.data()
    }
}

#[tokio::test]
async fn a_field_that_becomes_secure_has_its_values_sealed() {
    let it = Changing::start().await;
    let full = it.credential("Full", &[("host", "h1"), ("label", "the label"), ("key", "k1")]).await;
    let bare = it.credential("Bare", &[("host", "h2")]).await;
    let sealed = Changing::fields_with("label", Some(("secure", true)));
    assert_eq!(it.change(&sealed).await.data()["fields"], sealed);

    let fields = it.get(&full).await["fields"].clone();
    assert_eq!((&fields[0]["value"], &fields[1]["value"]), (&json!("h1"), &Value::Null));
    assert_eq!(it.get(&format!("{full}/secure-values")).await, json!({"label": "the label", "key": "k1"}));
    assert_eq!(it.get(&format!("{bare}/secure-values")).await, json!({}));
    assert!(!it.scene.app.db_text().await.contains("the label"));
    let rest: Vec<Value> = sqlx::query_scalar("select plain_values from credentials order by name desc")
        .fetch_all(it.scene.app.pool())
        .await
        .unwrap();
    assert_eq!(rest, [json!({"host": "h1"}), json!({"host": "h2"})]);
    assert_eq!(it.actions().await, ["credential_type.update"]);
}

#[tokio::test]
async fn very_many_values_are_sealed_too() {
    let it = Changing::start().await;
    let first = it.credential("First", &[("host", "h"), ("label", "a label")]).await;
    let many = "insert into credentials select gen_random_uuid(), 'Copy', null, type_id, company_id,
        jsonb_set(plain_values, '{label}', to_jsonb('label ' || n)), created_at, updated_at
        from credentials, generate_series(1, 1200) n";
    it.scene.app.db_run(many).await.unwrap();
    it.change(&Changing::fields_with("label", Some(("secure", true)))).await.expect(200);
    assert_eq!(it.scene.app.db_counts().await["secure_values"], 1201);
    assert!(!it.scene.app.db_text().await.contains("label 1"));
    assert_eq!(it.get(&format!("{first}/secure-values")).await, json!({"label": "a label"}));
    let some: String = sqlx::query_scalar("select id::text from credentials where name = 'Copy' limit 1")
        .fetch_one(it.scene.app.pool())
        .await
        .unwrap();
    let revealed = it.get(&format!("{CREDENTIALS}/{some}/secure-values/label")).await;
    assert!(revealed["value"].as_str().unwrap().starts_with("label "));
}

#[tokio::test]
async fn a_field_with_values_is_removed_by_force_only_and_they_are_gone() {
    let it = Changing::start().await;
    for name in ["delta", "Bravo", "alpha", "Charlie"] {
        it.credential(name, &[("host", "h"), ("label", "l"), ("key", "k")]).await;
    }
    let bare = it.credential("a bare one", &[("host", "h")]).await;
    for (id, was) in [("label", "plain"), ("key", "sealed")] {
        let without = Changing::fields_with(id, None);
        let message = format!(
            "The field '{id}' is removed, but 4 credential(s) have a value for it: 'alpha', 'Bravo', 'Charlie', …. Add ?force=true to do it all the same"
        );
        it.refused(&without, &message).await;
        it.force(&without).await.expect(200);
        // the field comes back, what was in it does not
        it.change(&Changing::fields()).await.expect(200);
        let list = it.get(&format!("{}/credentials", it.kind)).await;
        for credential in list.as_array().unwrap() {
            let fields = it.get(&format!("{CREDENTIALS}/{}/fields", fixture::id_of(credential))).await;
            assert!(fields.as_array().unwrap().iter().all(|field| field["fieldId"] != id), "{was} {fields}");
        }
    }
    assert_eq!(it.scene.app.db_counts().await["secure_values"], 0);
    assert_eq!(it.get(&format!("{bare}/fields")).await.as_array().unwrap().len(), 1);
    let (plain, forced) = ("credential_type.update", "credential_type.force_update");
    assert_eq!(it.actions().await, [plain, forced, plain, forced]);
}

#[tokio::test]
async fn a_field_stops_being_secure_by_force_only_and_shows_nothing() {
    let it = Changing::start().await;
    let path = it.credential("One", &[("host", "h"), ("key", "the secret")]).await;
    let open = Changing::fields_with("key", Some(("secure", false)));
    let message = "The field 'key' is no longer secure, but 1 credential(s) have a value for it: 'One'. Add ?force=true to do it all the same";
    it.refused(&open, message).await;
    let forced = it.force(&open).await;
    assert_eq!(forced.data()["fields"], open);
    let read = it.scene.admin.get(&path).await;
    assert_eq!(read.data()["fields"][2]["value"], Value::Null);
    assert!(!read.text.contains("the secret") && !forced.text.contains("the secret"));
    it.scene.admin.get(&format!("{path}/secure-values/key")).await.expect(404);
    it.change(&Changing::fields()).await.expect(200);
    assert_eq!(it.get(&format!("{path}/secure-values")).await, json!({}));
    assert_eq!(it.actions().await, ["credential_type.update", "credential_type.force_update"]);
}

#[tokio::test]
async fn a_field_becomes_required_by_force_only_where_credentials_lack_it() {
    let it = Changing::start().await;
    let full = it.credential("Full", &[("host", "h"), ("label", "l"), ("key", "k")]).await;
    for id in ["label", "key"] {
        it.change(&Changing::fields_with(id, Some(("required", true)))).await.expect(200);
        it.change(&Changing::fields()).await.expect(200);
    }
    let bare = it.credential("Bare", &[("host", "h")]).await;
    let mut added = Changing::fields();
    added.as_array_mut().unwrap().push(field("port", "plain_text", true, false));
    let refusal = |id: &str, count: u32, names: &str| {
        format!(
            "The field '{id}' is required, but {count} credential(s) have no value for it: {names}. Add ?force=true to do it all the same"
        )
    };
    it.refused(&added, &refusal("port", 2, "'Bare', 'Full'")).await;
    for id in ["label", "key"] {
        let required = Changing::fields_with(id, Some(("required", true)));
        it.refused(&required, &refusal(id, 1, "'Bare'")).await;
        assert_eq!(it.force(&required).await.data()["fields"], required);
        it.scene.admin.patch(&bare, &json!({"name": "Bare"})).await.expect(200);
        let clear = json!({"fields": [{"fieldId": id, "value": null}]});
        assert_eq!(it.scene.admin.patch(&full, &clear).await.violations().len(), 1);
        it.change(&Changing::fields()).await.expect(200);
    }
    let values = it.get(&format!("{full}/fields")).await;
    assert_eq!(values.as_array().unwrap().len(), 3, "nothing was lost");
}

#[tokio::test]
async fn becoming_secure_and_required_at_once_keeps_both_rules() {
    let it = Changing::start().await;
    it.credential("Full", &[("host", "h"), ("label", "the label")]).await;
    let bare = it.credential("Bare", &[("host", "h")]).await;
    let mut fields = Changing::fields_with("label", Some(("secure", true)));
    fields[1]["required"] = json!(true);
    let message = "The field 'label' is required, but 1 credential(s) have no value for it: 'Bare'. Add ?force=true to do it all the same";
    it.refused(&fields, message).await;
    it.scene.admin.delete(&bare).await.expect(200);
    it.change(&fields).await.expect(200);
    assert!(!it.scene.app.db_text().await.contains("the label"));
}

#[tokio::test]
async fn what_touches_no_value_needs_no_force() {
    let it = Changing::start().await;
    it.credential("One", &[("host", "h"), ("label", "l")]).await;
    let mut reordered = Changing::fields();
    reordered.as_array_mut().unwrap().reverse();
    let mut renamed = Changing::fields();
    renamed[1]["name"] = json!("Another name");
    let mut optional = Changing::fields_with("host", Some(("required", false)));
    optional.as_array_mut().unwrap().push(field("extra", "ip_address", false, true));
    let no_key = Changing::fields_with("key", None);
    let open_key = Changing::fields_with("key", Some(("secure", false)));
    for fields in [reordered, renamed, optional, no_key, open_key, Changing::fields()] {
        assert_eq!(it.change(&fields).await.data()["fields"], fields);
    }
    it.scene.admin.patch(&it.kind, &json!({"name": "Renamed", "icon": "server"})).await.expect(200);
    // force that was not needed is no forced change
    it.force(&Changing::fields()).await.expect(200);
    assert!(it.actions().await.iter().all(|action| action == "credential_type.update"));
    let list = it.get(&format!("{}/credentials", it.kind)).await;
    assert_eq!((&list[0]["fields"][0]["value"], &list[0]["fields"][1]["value"]), (&json!("h"), &json!("l")));
}
