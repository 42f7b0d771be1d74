//! A real database file, written by one handle and read by another: what is on record is on record once, and stays.

mod at_once;
mod beginning;
mod copies;
mod disk;
mod examined;
mod forms;
mod put_away;

use super::*;
use crate::evidence::{Answer, Digest, Fact, Question, Sighting};
use crate::verdict::{Clause, Verdict, worst};
use jiff::SignedDuration;
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use tempfile::TempDir;

const ISSUE: &str = "maintainers/verification";
const MIRROR: &str = "recipe-maintainers/custom-html-tiny";

/// A file in a folder of its own.
struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("gavel.sqlite")
    }

    async fn open(&self) -> Store {
        Store::open(&self.path()).await.unwrap()
    }

    /// The file without Gavel around it.
    async fn raw(&self, statement: &'static str) {
        let options = SqliteConnectOptions::new()
            .filename(self.path())
            .create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

impl Store {
    /// All connections of both pools, at once.
    async fn connections(&self) -> Vec<PoolConnection<Sqlite>> {
        let mut all = Vec::new();
        for pool in [&self.pool, &self.writer] {
            for _ in 0..pool.options().get_max_connections() {
                all.push(pool.acquire().await.unwrap());
            }
        }
        all
    }

    /// Says something to each connection of the pool.
    async fn on_each(&self, statement: &'static str) {
        for mut connection in self.connections().await {
            sqlx::query(statement)
                .execute(&mut *connection)
                .await
                .unwrap();
        }
    }

    /// Whether the file may grow: one that may not answers as one on a full disk does.
    pub async fn room(&self, room: bool) {
        self.on_each(match room {
            true => "pragma max_page_count = 1000000",
            // It cannot be less than it is.
            false => "pragma max_page_count = 1",
        })
        .await;
    }
}

fn command(comment: u64, position: usize, line: &str) -> NewCommand {
    NewCommand {
        repository: ISSUE.into(),
        issue: 1,
        comment,
        position,
        account: "maintainer".into(),
        line: line.into(),
    }
}

/// A run of V1 that somebody asked for in this comment.
async fn queued(store: &Store, comment: u64) -> u64 {
    let asked = [command(comment, 0, "/verify V1")];
    store.hear(ISSUE, comment, &asked).await.unwrap();
    let waiting = store.waiting_commands(100).await.unwrap();
    let asked = waiting.last().unwrap().id;
    let options = RunOptions::default();
    let run = store.queue_run(asked, "maintainer", &["V1"], options, "n0nce");
    run.await.unwrap()
}

fn sighting(label: &str) -> Sighting {
    Sighting {
        label: label.into(),
        question: Question::LatestBuild,
        asked: "GET /builds".into(),
        at: Timestamp::UNIX_EPOCH,
        watch: None,
        answer: Answer::Seen(7.into()),
    }
}

/// A file with some content, closed; and the page with the root of its commands.
async fn written() -> (File, u64) {
    let file = File::new();
    let store = file.open().await;
    let many: Vec<_> = (0..500).map(|at| command(1, at, "/status")).collect();
    store.hear(ISSUE, 1, &many).await.unwrap();
    let root = sqlx::query("select rootpage from sqlite_schema where name = 'commands'");
    let root = root.fetch_one(&store.pool).await.unwrap();
    let root = unsigned(sqlx::Row::get(&root, 0));
    store.close().await;
    (file, root)
}

/// As long as SQLite's pages are.
const PAGE: u64 = 4096;

/// A file with some content, of which a page is not what it was.
async fn damaged() -> File {
    let (file, root) = written().await;
    let open = std::fs::OpenOptions::new().write(true).open(file.path());
    let open = open.unwrap();
    open.write_all_at(&[0xaa; 64], (root - 1) * PAGE).unwrap();
    file
}

/// What was told of a comment that nobody has written, or in another name than its author's, keeps nobody from being heard. What followed from
/// a command stays where it was typed.
#[tokio::test]
async fn what_nobody_typed_makes_nobody_unheard() {
    let file = File::new();
    let store = file.open().await;
    let lie = |comment: u64, line: &str| NewCommand {
        account: "Mallory".into(),
        ..command(comment, 0, line)
    };
    let hear = async |command: NewCommand| {
        let comment = command.comment;
        store.hear(ISSUE, comment, &[command]).await.unwrap()
    };
    let waiting = async || store.waiting_commands(100).await.unwrap();

    assert_eq!(hear(lie(7, "/help")).await, 1);
    assert_eq!(hear(command(7, 0, "/status")).await, 0);
    store.disown(ISSUE, 7, "mallory").await.unwrap();
    assert_eq!(hear(command(7, 0, "/status")).await, 0, "it is Mallory's");
    store.disown(ISSUE, 7, "maintainer").await.unwrap();
    assert_eq!(hear(command(7, 0, "/status")).await, 1);
    store.disown(ISSUE, 7, "MAINTAINER").await.unwrap();
    assert_eq!(waiting().await.len(), 1, "its author's stays");
    store.command_handled(waiting().await[0].id).await.unwrap();

    assert_eq!(hear(lie(8, "/help")).await, 1);
    let told = waiting().await.remove(0);
    store.command_never_typed(&told).await.unwrap();
    assert_eq!(waiting().await, []);
    assert_eq!(hear(command(8, 0, "/status")).await, 1);
    store.command_never_typed(&told).await.unwrap();
    assert_eq!(waiting().await.len(), 1, "what was heard since stays");

    // It was obeyed, and its comment deleted before Gavel had put that on record.
    let obeyed = waiting().await.remove(0);
    let options = RunOptions::default();
    let queued = store.queue_run(obeyed.id, "maintainer", &["V1"], options, "n0nce");
    queued.await.unwrap();
    store.command_never_typed(&obeyed).await.unwrap();
    assert_eq!(waiting().await, []);
    let known = store.command(obeyed.id).await.unwrap().unwrap();
    assert_eq!(known.command.comment, 8);
    assert_eq!(hear(command(8, 0, "/status")).await, 0);
    assert!(store.hear_nothing(ISSUE, 9).await.unwrap());
    assert!(!store.hear_nothing(ISSUE, 9).await.unwrap());

    // A comment that held no command does not come to hold one, whatever was told of it before.
    assert_eq!(hear(lie(10, "/help")).await, 1);
    assert!(!store.said_nothing(ISSUE, 10).await.unwrap());
    assert!(!store.hear_nothing(ISSUE, 10).await.unwrap());
    assert!(store.said_nothing(ISSUE, 10).await.unwrap());
    store.disown(ISSUE, 10, "maintainer").await.unwrap();
    assert_eq!(hear(command(10, 0, "/status")).await, 0);
}

#[tokio::test]
async fn a_comment_is_heard_once() {
    let file = File::new();
    let store = file.open().await;
    let hear = async |repository: &str, comment, lines: &[&str]| {
        let commands: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(position, line)| NewCommand {
                repository: repository.into(),
                ..command(comment, position, line)
            })
            .collect();
        let heard = store.hear(repository, comment, &commands);
        heard.await.unwrap()
    };
    assert_eq!(hear(ISSUE, 5, &["/verify V1", "/status"]).await, 2);
    assert_eq!(hear(ISSUE, 5, &["/verify V1", "/status"]).await, 0);
    // An edit changes nothing, whether it changes commands, adds some, or makes the first one.
    assert_eq!(hear(ISSUE, 5, &["/cancel", "/status", "/help"]).await, 0);
    assert_eq!(hear(ISSUE, 6, &[]).await, 0);
    assert_eq!(hear(ISSUE, 6, &["/verify V1"]).await, 0);
    assert_eq!(hear(&ISSUE.to_uppercase(), 5, &["/verify V1"]).await, 0);
    assert_eq!(hear(MIRROR, 5, &["/help"]).await, 1);

    let waiting = store.waiting_commands(100).await.unwrap();
    let lines: Vec<_> = waiting
        .iter()
        .map(|known| &known.command.line[..])
        .collect();
    assert_eq!(lines, ["/verify V1", "/status", "/help"]);
    assert_eq!(store.waiting_commands(1).await.unwrap(), waiting[..1]);
    store.command_handled(waiting[0].id).await.unwrap();
    assert_eq!(store.waiting_commands(100).await.unwrap(), waiting[1..]);
    assert_eq!(hear(ISSUE, 5, &["/verify V1"]).await, 0, "done already");
    let first = store.command(waiting[0].id).await.unwrap();
    assert_eq!(first.as_ref(), Some(&waiting[0]));
    assert_eq!(store.command(99).await.unwrap(), None);
}

#[tokio::test]
async fn webhook_and_catch_up_hear_the_same_comments_at_once() {
    let file = File::new();
    let (one, other) = (file.open().await, file.open().await);
    let hear = async |store: &Store| {
        let mut taken = 0;
        for comment in 0..20 {
            let said = [command(comment, 0, "/verify V1")];
            taken += store.hear(ISSUE, comment, &said).await.unwrap();
        }
        taken
    };
    let (by_one, by_other) = tokio::join!(hear(&one), hear(&other));
    assert_eq!(by_one + by_other, 20);
    assert_eq!(one.waiting_commands(100).await.unwrap().len(), 20);
}

#[tokio::test]
async fn cursors_and_those_turned_away_are_remembered() {
    let file = File::new();
    let store = file.open().await;
    assert_eq!(store.cursor(ISSUE, 1).await.unwrap(), None);
    let at: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    for comment in [3, 8] {
        store.advance_cursor(ISSUE, 1, comment, at).await.unwrap();
    }
    assert_eq!(store.cursor(ISSUE, 1).await.unwrap(), Some((8, at)));
    assert_eq!(store.cursor(ISSUE, 2).await.unwrap(), None);

    assert!(!store.was_turned_away("stranger").await.unwrap());
    for _ in 0..2 {
        store.turn_away("stranger").await.unwrap();
    }
    assert!(store.was_turned_away("Stranger").await.unwrap());
}

#[tokio::test]
async fn a_command_makes_one_run_however_often_it_is_dealt_with() {
    let file = File::new();
    let store = file.open().await;
    let first = queued(&store, 1).await;
    let asked = store.waiting_commands(1).await.unwrap().remove(0).id;
    let options = RunOptions {
        keep: true,
        force: false,
    };
    let again = store.queue_run(asked, "other", &["V2"], options, "other");
    assert_eq!(again.await.unwrap(), first);
    let run = store.run(first).await.unwrap().unwrap();
    assert_eq!(
        (&run.items[..], &run.nonce[..]),
        (&["V1".to_owned()][..], "n0nce")
    );
    assert!(!run.options.keep && run.state == RunState::Queued);

    let second = queued(&store, 2).await;
    let open = async || -> Vec<u64> {
        let open = store.open_runs().await.unwrap();
        open.iter().map(|run| run.id).collect()
    };
    assert_eq!(open().await, [first, second]);
    store.run_state(first, RunState::Running).await.unwrap();
    let started = store.run(first).await.unwrap().unwrap().started;
    assert!(started.is_some());
    store.run_state(first, RunState::Running).await.unwrap();
    let run = store.run(first).await.unwrap().unwrap();
    assert_eq!(run.started, started, "resumed, not begun anew");

    for comment in 3..=5 {
        let typed = [command(comment, 0, "/cancel")];
        store.hear(ISSUE, comment, &typed).await.unwrap();
    }
    assert!(store.cancel_run(first, 3, "maintainer").await.unwrap());
    assert!(!store.cancel_run(first, 4, "other").await.unwrap());
    store
        .run_verdict(first, Verdict::Inconclusive)
        .await
        .unwrap();
    store.run_state(first, RunState::Finished).await.unwrap();
    assert_eq!(open().await, [second]);
    // The same command, dealt with again.
    assert!(!store.cancel_run(second, 3, "maintainer").await.unwrap());
    assert_eq!(store.run_cancelled_by(3).await.unwrap(), Some(first));
    assert_eq!(store.run_cancelled_by(4).await.unwrap(), None);
    assert!(
        !store.cancel_run(second, 2, "maintainer").await.unwrap(),
        "it was asked for later"
    );
    let run = store.run(first).await.unwrap().unwrap();
    assert_eq!(
        run.cut_short,
        Some(CutShort::Cancelled {
            by: "maintainer".into()
        })
    );
    assert!(run.ended.is_some() && run.verdict == Some(Verdict::Inconclusive));
    store.run_state(second, RunState::Cleaning).await.unwrap();
    assert!(
        !store.cancel_run(second, 5, "maintainer").await.unwrap(),
        "too late"
    );
}

#[tokio::test]
async fn the_last_words_about_a_run_are_open_until_they_are_said() {
    let file = File::new();
    let store = file.open().await;
    for comment in 1..=4 {
        let run = queued(&store, comment).await;
        if comment < 4 {
            store.run_state(run, RunState::Finished).await.unwrap();
        }
    }
    let open = async |most| store.unparted_runs(most).await.unwrap();
    assert_eq!(open(9).await, [1, 2, 3]);
    assert_eq!(open(2).await, [2, 3]);
    store.run_parted(2).await.unwrap();
    assert_eq!(open(9).await, [1, 3]);
}

#[tokio::test]
async fn what_was_dealt_with_lately_is_told_and_not_what_its_account_did_not_give() {
    let file = File::new();
    let store = file.open().await;
    for comment in 1..=4 {
        let typed = [command(comment, 0, "/status")];
        store.hear(ISSUE, comment, &typed).await.unwrap();
    }
    let waiting = store.waiting_commands(9).await.unwrap();
    let hour_ago = Timestamp::now() - Duration::from_secs(3600);
    let lately = async |since| {
        let told = store.dealt_with_since(since).await.unwrap();
        let ids: Vec<u64> = told.into_iter().map(|(id, ..)| id).collect();
        ids
    };
    assert!(lately(hour_ago).await.is_empty());
    store.command_handled(waiting[0].id).await.unwrap();
    store.command_never_typed(&waiting[1]).await.unwrap();
    store.command_not_given(waiting[2].id).await.unwrap();
    assert_eq!(store.waiting_commands(9).await.unwrap(), waiting[3..]);
    assert_eq!(lately(hour_ago).await, [waiting[0].id]);
    let in_an_hour = Timestamp::now() + Duration::from_secs(3600);
    assert!(lately(in_an_hour).await.is_empty());
}

#[tokio::test]
async fn a_step_is_begun_once_and_ends_with_a_fact_at_the_end_of_the_chain() {
    let file = File::new();
    let store = file.open().await;
    let run = queued(&store, 1).await;
    let first = store.open_attempt(run, "V1").await.unwrap();
    let second = store.open_attempt(run, "V1").await.unwrap();
    assert_eq!((first.ordinal, second.ordinal), (1, 2));
    assert!(!store.begin_step(first.id, "one").await.unwrap());
    assert!(
        store.begin_step(first.id, "one").await.unwrap(),
        "interrupted"
    );
    assert!(
        !store.begin_step(second.id, "one").await.unwrap(),
        "another attempt"
    );

    let one = store.record_fact(first.id, sighting("one")).await.unwrap();
    let two = store.record_fact(first.id, sighting("two")).await.unwrap();
    let other = store.record_fact(second.id, sighting("one")).await.unwrap();
    assert_eq!((one.number, two.number, other.number), (1, 2, 1));
    assert_eq!(one.previous, Digest::of_nothing());
    assert_eq!(two.previous, one.digest);
    assert_eq!(other.previous, Digest::of_nothing());
    let refused = store.record_fact(first.id, sighting("one")).await;
    assert!(matches!(refused, Err(StoreError::Query(_))), "{refused:?}");
    assert_eq!(store.facts(first.id).await.unwrap(), [one, two]);
    assert_eq!(store.facts(second.id).await.unwrap(), [other]);
}

#[tokio::test]
async fn facts_recorded_at_once_make_one_chain() {
    let file = File::new();
    let (one, other) = (file.open().await, file.open().await);
    let run = queued(&one, 1).await;
    let attempt = one.open_attempt(run, "V1").await.unwrap().id;
    let record = async |store: &Store, who: &str| {
        for n in 0..10 {
            let seen = sighting(&format!("{who}.{n}"));
            store.record_fact(attempt, seen).await.unwrap();
        }
    };
    tokio::join!(record(&one, "one"), record(&other, "other"));
    let facts = one.facts(attempt).await.unwrap();
    assert_eq!(facts.len(), 20);
    let mut previous = Digest::of_nothing();
    for fact in facts {
        assert_eq!(fact.previous, previous);
        assert_eq!(fact.digest, fact.digest_of_content());
        previous = fact.digest;
    }
}

#[tokio::test]
async fn an_attempt_is_lost_or_judged() {
    let file = File::new();
    let store = file.open().await;
    let run = queued(&store, 1).await;
    let lost = store.open_attempt(run, "V1").await.unwrap().id;
    store
        .attempt_lost(lost, "Gavel was restarted")
        .await
        .unwrap();
    let judged = store.open_attempt(run, "V1").await.unwrap().id;
    let clause = |id: &str, verdict| Clause {
        id: id.into(),
        verdict,
        seen: "build 7".into(),
        mend: String::new(),
        evidence: vec![1, 4],
    };
    let clauses = [clause("V1.2", Verdict::Pass), clause("V1.1", Verdict::Fail)];
    for _ in 0..2 {
        store.attempt_judged(judged, &clauses).await.unwrap();
    }
    assert_eq!(store.clauses(judged).await.unwrap(), clauses);
    let attempts = store.attempts(run).await.unwrap();
    let of = |attempt: &Attempt| (attempt.state, attempt.verdict, attempt.why.clone());
    assert_eq!(
        attempts.iter().map(of).collect::<Vec<_>>(),
        [
            (AttemptState::Lost, None, Some("Gavel was restarted".into())),
            (AttemptState::Judged, Some(Verdict::Fail), None),
        ]
    );
    assert!(attempts.iter().all(|attempt| attempt.ended.is_some()));
}

#[tokio::test]
async fn what_is_made_is_on_record_from_the_intent_to_its_end() {
    let file = File::new();
    let store = file.open().await;
    let run = queued(&store, 1).await;
    let attempt = store.open_attempt(run, "V1").await.unwrap().id;
    let intend = async |kind| {
        let intent = store.intend(run, attempt, kind, MIRROR, "gavel-green", "green");
        intent.await.unwrap()
    };
    let branch = intend(ResourceKind::Branch).await;
    let pull = intend(ResourceKind::Pull).await;
    assert_eq!(
        intend(ResourceKind::Pull).await,
        pull,
        "the same intent again"
    );
    assert_eq!(store.run_of_pull(MIRROR, 3).await.unwrap(), None);
    store.resource_made(pull, 3).await.unwrap();
    assert_eq!(store.run_of_pull(MIRROR, 3).await.unwrap(), Some(run));
    let otherwise = MIRROR.to_uppercase();
    assert_eq!(store.run_of_pull(&otherwise, 3).await.unwrap(), Some(run));
    assert_eq!(store.run_of_pull(ISSUE, 3).await.unwrap(), None);

    let other = queued(&store, 2).await;
    let theirs = store
        .intend(
            other,
            attempt,
            ResourceKind::Pull,
            MIRROR,
            "gavel-green",
            "",
        )
        .await
        .unwrap();
    assert_ne!(theirs, pull, "another run's of the same name");
    let later = store.open_attempt(run, "V2").await.unwrap().id;
    let again = store.intend(run, later, ResourceKind::Pull, MIRROR, "gavel-green", "");
    let again = again.await.unwrap();
    assert_ne!(again, pull, "another attempt's of the same name");
    assert_eq!(
        store.run_of_pull(MIRROR, 3).await.unwrap(),
        Some(run),
        "which takes nothing away"
    );
    store.resource_gone(again, "never made").await.unwrap();
    store.resource_gone(theirs, "closed").await.unwrap();

    store.run_state(run, RunState::Finished).await.unwrap();
    let littering = async || store.littering_runs(false).await.unwrap().len();
    assert_eq!(littering().await, 1);
    store.resource_gone(pull, "closed").await.unwrap();
    assert_eq!(littering().await, 1, "the branch is still there");
    store.resource_gone(branch, "deleted").await.unwrap();
    assert_eq!(littering().await, 0);
    let resources = store.resources(run).await.unwrap();
    let ends: Vec<_> = resources
        .iter()
        .map(|known| {
            assert_eq!(
                known.attempt,
                if known.id == again { later } else { attempt }
            );
            (known.id, known.kind, known.number, known.ended.as_deref())
        })
        .collect();
    assert_eq!(
        ends,
        [
            (branch, ResourceKind::Branch, None, Some("deleted")),
            (pull, ResourceKind::Pull, Some(3), Some("closed")),
            (again, ResourceKind::Pull, None, Some("never made")),
        ]
    );
    assert_eq!(intend(ResourceKind::Pull).await, pull, "made once more");
    let resources = store.resources(run).await.unwrap();
    assert_eq!((resources[1].number, &resources[1].ended), (None, &None));
}

#[tokio::test]
async fn a_comment_said_again_while_it_is_written_stays_unwritten() {
    let file = File::new();
    let store = file.open().await;
    let say = async |text: &str| store.mean_comment("run-1", ISSUE, 1, text).await.unwrap();
    let unwritten = async || store.unwritten_slots().await.unwrap();
    say("queued").await;
    assert_eq!(unwritten().await, ["run-1"]);
    // While `queued` is on its way to the forge, more happens.
    say("running").await;
    store
        .comment_written("run-1", 31, "url", "queued")
        .await
        .unwrap();
    let slot = store.slot("run-1").await.unwrap().unwrap();
    assert_eq!(
        (slot.comment, &slot.body[..], slot.written),
        (Some(31), "running", false)
    );
    assert_eq!(unwritten().await, ["run-1"]);
    store
        .comment_written("run-1", 31, "url", "running")
        .await
        .unwrap();
    assert!(unwritten().await.is_empty());
    say("finished").await;
    assert_eq!(unwritten().await, ["run-1"]);
    assert_eq!(store.slot("run-2").await.unwrap(), None);
}

#[tokio::test]
async fn reopened_it_holds_everything() {
    let file = File::new();
    let store = file.open().await;
    let run = queued(&store, 1).await;
    let attempt = store.open_attempt(run, "V1").await.unwrap();
    store.begin_step(attempt.id, "one").await.unwrap();
    let fact = store
        .record_fact(attempt.id, sighting("one"))
        .await
        .unwrap();
    store
        .mean_comment("run-1", ISSUE, 1, "queued")
        .await
        .unwrap();
    let (before, waiting) = (
        store.run(run).await.unwrap(),
        store.waiting_commands(9).await.unwrap(),
    );
    store.close().await;
    assert!(store.run(run).await.is_err(), "closed");

    let store = file.open().await;
    assert_eq!(store.run(run).await.unwrap(), before);
    assert_eq!(store.waiting_commands(9).await.unwrap(), waiting);
    assert_eq!(
        store.attempts(run).await.unwrap(),
        std::slice::from_ref(&attempt)
    );
    assert!(store.begin_step(attempt.id, "one").await.unwrap());
    assert_eq!(store.facts(attempt.id).await.unwrap(), [fact]);
    assert_eq!(store.unwritten_slots().await.unwrap(), ["run-1"]);
}

/// What somebody is told whose database cannot be used; the folder's name aside.
async fn told(file: &File) -> String {
    let error = match Store::open(&file.path()).await {
        Ok(_) => return "opened".into(),
        Err(error) => error.to_string(),
    };
    error.replace(file.0.path().to_str().unwrap(), "")
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_with_what_to_do() {
    let newer = File::new();
    newer.open().await.close().await;
    newer
        .raw("insert into _sqlx_migrations values (9000, 'later', '2030-01-01', true, x'00', 0)")
        .await;
    let garbage = File::new();
    let text = "This is no database, but long enough to be one. ".repeat(50);
    std::fs::write(garbage.path(), text).unwrap();
    let folder = File::new();
    std::fs::create_dir(folder.path()).unwrap();
    let altered = File::new();
    altered.open().await.close().await;
    altered
        .raw("update _sqlx_migrations set checksum = x'00' where version = 2")
        .await;
    let foreign = File::new();
    foreign.raw("create table bookmarks (id)").await;
    let mut said = Vec::new();
    for file in [newer, garbage, folder, altered, foreign] {
        said.push(told(&file).await);
    }
    let known = format!("up to {}", opening::FORMS.iter().count());
    for said in &mut said {
        *said = said.replace(&known, "up to N");
    }
    insta::assert_snapshot!(said.join("\n"), @"
    a newer Gavel wrote the database /gavel.sqlite: its form is 9000, and this one knows forms up to N. Run that one, or restore a backup from before
    the file /gavel.sqlite is no SQLite database. Restore a backup, or let `server.data` name another folder
    opening the database /gavel.sqlite failed: error returned from database: (code: 14) unable to open database file. Check that its folder exists, that Gavel may write there, and that the file is one of Gavel's
    the database /gavel.sqlite was brought to form 2 otherwise than this Gavel does it, so that nobody knows what is in it. Run the build that wrote it, or restore a backup
    the database /gavel.sqlite is not Gavel's: it holds the table `bookmarks`, and no form of Gavel's. Nothing was changed in it; let `server.data` name another folder
    ");
}

#[tokio::test]
async fn what_this_version_cannot_read_is_an_error_not_a_guess() {
    let file = File::new();
    let store = file.open().await;
    let run = queued(&store, 1).await;
    file.raw("update runs set state = 'paused'").await;
    let error = store.run(run).await.unwrap_err().to_string();
    insta::assert_snapshot!(error, @"the database holds a state of a run in a form that this version cannot read: paused");
    file.raw("update runs set state = 'queued', verdict = 'MAYBE'")
        .await;
    assert!(matches!(store.run(run).await, Err(StoreError::Form { .. })));
    file.raw("update commands set received = 'yesterday'").await;
    let error = store.waiting_commands(1).await.unwrap_err().to_string();
    assert!(error.contains("`yesterday`"), "{error}");
}

#[tokio::test]
async fn one_pause_stands_until_it_is_ended_and_neither_is_done_twice() {
    let file = File::new();
    let store = file.open().await;
    let mut said = Vec::new();
    for (position, line) in ["/pause", "/pause", "/resume", "/pause"].iter().enumerate() {
        said.push(command(1, position, line));
    }
    store.hear(ISSUE, 1, &said).await.unwrap();
    let waiting = store.waiting_commands(9).await.unwrap();
    let ids: Vec<u64> = waiting.iter().map(|stored| stored.id).collect();
    assert_eq!(store.paused().await.unwrap(), None);
    assert_eq!(store.resume(ids[2]).await.unwrap(), None, "nothing to end");
    let first = Some(Pause {
        account: "maintainer".into(),
        since: waiting[0].received,
    });
    for id in [ids[0], ids[1], ids[0]] {
        assert_eq!(store.pause(id).await.unwrap(), first, "the first stands");
    }
    let standing = sqlx::query("select count(*) from pauses where ended is null");
    let standing = standing.fetch_one(&store.pool).await.unwrap();
    assert_eq!(sqlx::Row::get::<i64, _>(&standing, 0), 1);
    store.close().await;
    let store = file.open().await;
    assert_eq!(store.paused().await.unwrap(), first, "over a restart");
    for _ in 0..2 {
        assert_eq!(store.resume(ids[2]).await.unwrap(), first);
    }
    // Dealt with again after an interruption, a command that was ended pauses nothing.
    assert_eq!(store.pause(ids[0]).await.unwrap(), None);
    // One that was dealt with late ends no pause that was asked for after it.
    let last = store.pause(ids[3]).await.unwrap();
    assert!(last.is_some());
    store.resume(ids[2]).await.unwrap();
    assert_eq!(store.paused().await.unwrap(), last);
    assert_eq!(
        store.pause(ids[3]).await.unwrap().unwrap().since,
        waiting[3].received
    );
}

#[tokio::test]
async fn what_was_written_is_told_of_one_repository() {
    let file = File::new();
    let store = file.open().await;
    store.mean_comment("opened", MIRROR, 4, "x").await.unwrap();
    store
        .comment_written("opened", 31, "url", "x")
        .await
        .unwrap();
    assert_eq!(store.counts(ISSUE).await.unwrap().last_written, None);
    assert!(store.counts(MIRROR).await.unwrap().last_written.is_some());
}

#[tokio::test]
async fn one_command_takes_back_one_word_however_often_it_is_dealt_with() {
    let file = File::new();
    let store = file.open().await;
    let run = queued(&store, 1).await;
    let mut attempts = Vec::new();
    for comment in 2..=4 {
        let typed = [command(comment, 0, "/dispute V1 no")];
        store.hear(ISSUE, comment, &typed).await.unwrap();
    }
    for command in 2..=3 {
        let attempt = store.open_attempt(run, "V1").await.unwrap().id;
        let said = store.say_word(command, attempt, WordKind::Disputed, "adversary", "", "no");
        said.await.unwrap();
        attempts.push(attempt);
    }
    let latest = async |command| {
        let of = store.latest_said_of("V1", "adversary", command).await;
        of.unwrap().map(|attempt| attempt.id)
    };
    for _ in 0..2 {
        assert_eq!(latest(4).await, Some(attempts[1]));
        let done = store.withdraw_words(attempts[1], "adversary", 4).await;
        assert!(done.unwrap());
    }
    // Another one takes back what was said before.
    assert_eq!(latest(5).await, Some(attempts[0]));
}

#[tokio::test]
async fn a_comment_was_not_written_before_it_was_first_meant() {
    let file = File::new();
    let store = file.open().await;
    let since = async |slot| store.slot(slot).await.unwrap().unwrap().since;
    let mean = async |slot, issue| {
        store
            .mean_comment(slot, ISSUE, issue, "text")
            .await
            .unwrap()
    };
    mean("before-the-first-read", 1).await;
    assert_eq!(since("before-the-first-read").await, None);
    let read: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    store.advance_cursor(ISSUE, 1, 31, read).await.unwrap();
    mean("here", 1).await;
    mean("elsewhere", 2).await;
    let later = read + SignedDuration::from_hours(1);
    store.advance_cursor(ISSUE, 1, 32, later).await.unwrap();
    // What is meant anew may stand there already.
    mean("here", 1).await;
    assert_eq!(since("here").await, Some(read));
    assert_eq!(since("elsewhere").await, None);
}
