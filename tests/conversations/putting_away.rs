//! The facts of an old run leave the database, and nothing that a report links is gone.

use crate::lab::Lab;
use crate::words::accept;
use sqlx::Row;

/// Of a run that passed, and of one that was cancelled on its way.
const PAGES: [&str; 10] = [
    "/runs/1",
    "/runs/1.json",
    "/runs/1/V1/1",
    "/runs/1/G/1",
    "/runs/1/REVIEW-5.md",
    "/runs/1/evidence.json",
    "/runs/1/bundle.tar.gz",
    "/runs/2",
    "/runs/2/V1/1",
    "/runs/2/evidence.json",
];

async fn pages(lab: &Lab) -> Vec<(&'static str, String)> {
    let mut pages = Vec::new();
    for page in PAGES {
        let content = lab.file(page).await;
        pages.push((page, String::from_utf8_lossy(&content).into_owned()));
    }
    pages
}

/// How many facts and steps of a run are in the database, but for the versions that were seen.
async fn stored(lab: &Lab, run: i64) -> i64 {
    let counted = "select (select count(*) from steps where attempt in (select id from attempts where run = ?1)) + count(*)
        from facts where attempt in (select id from attempts where run = ?1) and label not like 'version.%'";
    let mut database = lab.database().await;
    let counted = sqlx::query(counted)
        .bind(run)
        .fetch_one(&mut database)
        .await;
    counted.unwrap().get(0)
}

async fn status(lab: &Lab, page: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{page}", lab.place("gavel_url"));
    client.get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_facts_of_an_old_run_leave_the_database_and_every_page_stays() {
    let mut lab = Lab::without_gavel().await;
    lab.configure("data", "\"gavel-data\"\nkeep_days = 36500");
    lab.start_gavel(&[]).await;
    lab.say("maintainer", "/verify V1").await;
    assert_eq!(lab.ended(1).await["verdict"], "PASS");
    lab.say("maintainer", "/verify V1").await;
    lab.until("a pull request of run 2", async || {
        lab.pulls()
            .await
            .iter()
            .any(|(_, open)| *open)
            .then_some(())
    })
    .await;
    lab.say("maintainer", "/cancel").await;
    assert_eq!(lab.ended(2).await["state"], "cancelled");
    lab.say("maintainer", "/verify V1").await;
    assert_eq!(lab.ended(3).await["verdict"], "PASS");
    let bundle = |run: u64| lab.path(&format!("gavel-data/bundles/run-{run}.tar.gz"));
    let (first, last) = (bundle(1), bundle(3));
    lab.until("the last bundle", async || last.exists().then_some(()))
        .await;
    lab.gavel().kill();
    let long_ago =
        "update runs set started = '2020-01-01T10:00:00Z', ended = '2020-01-01T10:01:00Z'";
    let mut others = lab.database().await;
    sqlx::query(long_ago).execute(&mut others).await.unwrap();

    // As long as it is to be kept, it is.
    lab.start_gavel(&[]).await;
    let before = pages(&lab).await;
    for run in 1..=3 {
        assert!(stored(&lab, run).await > 0, "run {run}");
    }
    lab.gavel().kill();
    lab.configure("server.keep_days", "90");
    lab.start_gavel(&[]).await;
    lab.until("the facts are put away", async || {
        (stored(&lab, 1).await + stored(&lab, 2).await == 0).then_some(())
    })
    .await;
    assert_eq!(pages(&lab).await, before);
    // The latest report needs no bundle.
    assert!(stored(&lab, 3).await > 0);

    // What somebody says of an old run counts as before, and its report tells.
    lab.say("adversary", &accept(&lab, "G").await).await;
    lab.slot("run-1-report", "🤝").await;

    // Something else in the bundle's place is not shown for it, and disturbs nothing else.
    std::fs::write(&first, "another").unwrap();
    for (page, answers) in [
        ("/", 200),
        ("/runs/1", 500),
        ("/runs/1/V1/1", 500),
        ("/runs/2", 200),
        ("/runs/3", 200),
    ] {
        assert_eq!(status(&lab, page).await, answers, "{page}");
    }
    let log = std::fs::read_to_string(lab.path("logs/gavel.log")).unwrap();
    let put_back = "run-1.tar.gz alone: put the file there again as it was";
    assert!(log.contains(put_back), "{log}");
    std::fs::remove_file(&first).unwrap();
    lab.gavel().kill();
    lab.start_gavel(&[]).await;
    lab.until("the missing bundle is told", async || {
        let log = std::fs::read_to_string(lab.path("logs/gavel.log")).ok()?;
        log.contains("run-1.tar.gz is not there").then_some(())
    })
    .await;
    assert_eq!(status(&lab, "/runs/3").await, 200);
    lab.assert_clean().await;
}
