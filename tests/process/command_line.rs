//! Commands, and the `.env` file.

use crate::helpers::external::{Database, key};
use crate::helpers::{open_folder, ttscm};

#[tokio::test]
async fn help_and_documents_need_no_database() {
    let folder = open_folder();
    let run =
        |argument: &'static str| ttscm(folder.path()).set("DATABASE_URL", "nonsense").argument(argument);
    let help = run("--help").succeeds().await;
    for command in ["serve", "demo", "routes"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    assert!(run("routes").succeeds().await.contains("`POST /v1/auth/login`"));
    assert!(run("--version").succeeds().await.starts_with("ttscm "));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was begun");
}

#[tokio::test]
async fn settings_may_stand_in_a_file() {
    let database = Database::new().await;
    let folder = open_folder();
    let file = format!(
        "# a comment\nDATABASE_URL={}\nVAULT_MASTER_KEY='{}'\nTOKEN_SECRET=\"{}\"\nLOG_FORMAT=json\n",
        database.url,
        key(b'a'),
        key(b't')
    );
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let server = ttscm(folder.path()).ready().await;
    assert!(server.log().lines().all(|line| line.starts_with('{')), "{}", server.log());
    server.stop().await;
    assert_eq!(database.count("select count(*) from data_keys").await, 1);
    // the environment wins
    let refusal = ttscm(folder.path()).set("TOKEN_SECRET", "short").refused().await;
    assert!(refusal.starts_with("TOKEN_SECRET must be 32 random bytes"), "{refusal}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_without_its_secrets() {
    let folder = open_folder();
    let file = folder.path().join(".env");
    std::fs::write(&file, "LOG_FORMAT=json\nADMIN_PASSWORD=two words\n").unwrap();
    assert_eq!(
        ttscm(folder.path()).refused().await,
        "line 2 of the file .env cannot be read: write NAME='a value'"
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let refusal = ttscm(folder.path()).refused().await;
    assert!(refusal.starts_with("the file .env cannot be read: "), "{refusal}");
}
