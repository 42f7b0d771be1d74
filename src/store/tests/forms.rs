//! The forms that the database has had: whatever an installation was at, it is brought to today's with everything in it.

use super::*;
use opening::FORMS;
use sqlx::Row;
use std::collections::BTreeMap;

/// What stands in a database, and from which form on it can.
fn rows() -> Vec<(i64, String)> {
    let fact = to_json(&Fact::chain(sighting("one"), None)).unwrap();
    let clause = to_json(&clause()).unwrap();
    let at = "'2026-06-01T12:00:00Z'";
    [
        (1, format!("insert into commands (id, repository, issue, comment, position, account, line, received, handled) values (7, '{ISSUE}', 1, 31, 0, 'maintainer', '/verify V1', {at}, null)")),
        (1, format!("insert into heard values ('{ISSUE}', 31)")),
        (1, format!("insert into cursors values ('{ISSUE}', 1, 31, {at})")),
        (1, format!("insert into turned_away values ('stranger', {at})")),
        (1, format!(r#"insert into runs (id, command, account, items, options, nonce, state, queued, started)
                     values (3, 7, 'maintainer', '["V1"]', '{{"keep":true}}', 'n0nce', 'running', {at}, {at})"#)),
        (1, format!("insert into attempts (id, run, item, ordinal, state, why, verdict, started, ended) values (5, 3, 'V1', 1, 'judged', null, 'FAIL', {at}, {at})")),
        (1, format!("insert into steps values (5, 'one', {at})")),
        (1, format!("insert into facts values (5, 1, 'one', '{fact}')")),
        (1, format!("insert into clauses values (5, 0, 'V1.1', '{clause}')")),
        (1, format!("insert into resources (id, run, attempt, kind, repository, name, number, purpose, intended)
                     values (9, 3, 5, 'pull', '{MIRROR}', 'gavel-green', 4, 'green', {at})")),
        (1, format!("insert into comments (slot, repository, issue, comment, url, body, digest, written) values ('run-3', '{ISSUE}', 1, 32, 'url', 'body', 'digest', {at})")),
        (5, "insert into words (id, command, attempt, kind, account, head, reason) values (1, 7, 5, 'disputed', 'adversary', '', 'no')".into()),
        (5, "insert into notes values (1, 7, 'idea', 'more')".into()),
        (5, "insert into filed values ('V1.1', 'maintainers/findings', 12, 3)".into()),
        (6, format!("insert into tampered values (1, 'run-3', 32, 'was', null, {at})")),
        (16, r#"insert into troubles values (5, '["the forge was away"]')"#.into()),
        (12, "update attempts set sealed = 'head'".into()),
        (11, "insert into untold values (3, 1)".into()),
    ]
    .into()
}

fn clause() -> Clause {
    Clause {
        id: "V1.1".into(),
        verdict: Verdict::Fail,
        seen: "two builds".into(),
        mend: String::new(),
        evidence: vec![1],
    }
}

/// How many rows each table has.
async fn counted(pool: &SqlitePool) -> BTreeMap<String, i64> {
    let tables = "select name from sqlite_schema where type = 'table' and name not like 'sqlite%' and name <> '_sqlx_migrations'";
    let mut counted = BTreeMap::new();
    for row in sqlx::query(tables).fetch_all(pool).await.unwrap() {
        let table: String = row.get("name");
        let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        let count = sqlx::query(count).fetch_one(pool).await.unwrap();
        counted.insert(table, count.get(0));
    }
    counted
}

#[tokio::test]
async fn from_every_form_to_todays_with_all_rows() {
    for form in FORMS.iter().map(|form| form.version) {
        let file = File::new();
        let options = SqliteConnectOptions::new()
            .filename(file.path())
            .create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        FORMS.run_to(form, &pool).await.unwrap();
        for (since, row) in rows() {
            if since <= form {
                let done = sqlx::query(sqlx::AssertSqlSafe(row.clone()));
                let done = done.execute(&pool).await;
                assert!(done.is_ok(), "form {form}: {row}: {done:?}");
            }
        }
        let installation = sqlx::query("select id from installation");
        let installation = installation.fetch_one(&pool).await.unwrap();
        let before = counted(&pool).await;
        pool.close().await;

        let store = file.open().await;
        let mut after = counted(&store.pool).await;
        after.retain(|table, _| before.contains_key(table));
        assert_eq!(after, before, "form {form}");
        assert_eq!(
            store.installation().await.unwrap(),
            installation.get::<String, _>("id")
        );
        read(&store, form).await;
    }
}

/// Today's code finds in it what was written.
async fn read(store: &Store, form: i64) {
    let waiting = store.waiting_commands(9).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].id), (1, 7), "form {form}");
    assert_eq!(waiting[0].command, command(31, 0, "/verify V1"));
    let again = [command(31, 0, "/verify V1")];
    assert_eq!(store.hear(ISSUE, 31, &again).await.unwrap(), 0);
    assert_eq!(store.cursor(ISSUE, 1).await.unwrap().unwrap().0, 31);
    assert!(store.was_turned_away("stranger").await.unwrap());
    let run = store.open_runs().await.unwrap().remove(0);
    assert_eq!((run.id, run.state), (3, RunState::Running));
    assert!(run.options.keep && run.started.is_some());
    let attempt = store.latest_judged("V1", 1).await.unwrap().remove(0);
    assert_eq!(attempt.verdict, Some(Verdict::Fail));
    assert!(store.begin_step(5, "one").await.unwrap());
    let fact = store.fact(5, "one").await.unwrap().unwrap();
    assert_eq!(fact.digest, fact.digest_of_content());
    assert_eq!(store.clauses(5).await.unwrap(), [clause()]);
    let resource = store.resources(3).await.unwrap().remove(0);
    assert_eq!((resource.id, resource.number), (9, Some(4)));
    assert_eq!(store.run_of_pull(MIRROR, 4).await.unwrap(), Some(3));
    let slot = store.slot_of(32).await.unwrap().unwrap();
    assert!(slot.slot == "run-3" && slot.written);
    assert_eq!(attempt.sealed.is_some(), form >= 12);
    if form >= 16 {
        assert_eq!(store.troubles(5).await.unwrap(), ["the forge was away"]);
    }
    if form >= 11 {
        assert_eq!(store.untold().await.unwrap(), [(3, 1)]);
    }
    if form >= 5 {
        let words = store.words_on(ISSUE, 1).await.unwrap();
        assert_eq!((words[0].run, words[0].item.as_str()), (3, "V1"));
        assert_eq!(words[0].word.anchor, Anchor::Stands);
        assert_eq!(store.words(5).await.unwrap(), [words[0].word.clone()]);
        assert_eq!(words[0].word.reason, "no");
        assert_eq!(store.filed().await.unwrap()[0].issue, Some(12));
    }
}

/// A form that an installation may be at is never changed: what was brought to it is refused by a program that has another text for it.
#[test]
fn forms_that_were_released_stay_as_they_were() {
    let forms: Vec<String> = FORMS
        .iter()
        .map(|form| format!("{} {}", form.version, hex::encode(&form.checksum[..8])))
        .collect();
    insta::assert_snapshot!(forms.join("\n"), @"
    1 8a1ee55da0c64c05
    2 fbfa478517db30b8
    3 b3c2733925b37df6
    4 bd1538d9e13a775a
    5 21eb759483155298
    6 5e489c0962cffd34
    7 6685ff591e9f935f
    8 b6e313081eaf005c
    9 1970dac1a836007e
    10 825c26d0ea32ce12
    11 16c2694925257544
    12 7155fca06dab1bdd
    13 dd06bc7690aa9995
    14 b335c87ee7721715
    15 0c7440d12da822aa
    16 f8ced60a531e96ac
    17 75a86602ca59ce4b
    ");
}
