//! Conversations with the forge over real HTTP and real git.

use super::Forge;

/// Not a test: a forge to look at by hand. `FORGE_PORT=3000 cargo test serves_by_hand -- --ignored`, ended with Ctrl-C.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until it is interrupted"]
async fn serves_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let port = std::env::var("FORGE_PORT")
        .ok()
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    let forge = Forge::start(dir.path(), port, "operator", "operatorpw1")
        .await
        .unwrap();
    println!("{}", forge.url());
    tokio::signal::ctrl_c().await.unwrap();
    forge.stop().await;
}
