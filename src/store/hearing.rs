//! Comments in: all that wait at the moment are written at once, so that they share the disk's answer, and each is told of it after that.

use super::{NewCommand, Result, Store, StoreError, now, signed};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::sqlite::SqlitePool;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A comment of which a command is on record was heard, as one that is known to have held none.
const PUT: &str = "insert into commands (repository, issue, comment, position, account, line, received)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 from json_each(?) as said
where not exists (select 1 from heard where repository = said.value ->> 0 and comment = said.value ->> 2)
and not exists (select 1 from commands where repository = said.value ->> 0 and comment = said.value ->> 2)
returning repository, comment";

/// When so many comments with commands came in so short a time, more are on their way.
const CROWD: usize = 8;
const CROWDED: Duration = Duration::from_millis(50);

/// As many are written at once; more wait where they are.
const MOST: usize = 1024;

/// So long a write waits for others that are expected. A sync takes about as long.
const GATHER: Duration = Duration::from_millis(1);

/// The way to what writes comments, which ends when nobody can come this way any more.
pub(super) struct Hearing {
    door: mpsc::Sender<Said>,
    /// When the latest came.
    lately: Mutex<VecDeque<Instant>>,
}

/// A comment with its commands, and who waits for what came of it.
struct Said {
    repository: String,
    comment: u64,
    commands: Vec<NewCommand>,
    told: oneshot::Sender<Result<Heard>>,
}

/// How many commands were new; none where the comment was heard before.
type Heard = Option<u64>;

impl Hearing {
    pub(super) fn begin(writer: SqlitePool) -> Self {
        let (door, coming) = mpsc::channel(MOST);
        tokio::spawn(write(writer, coming));
        let lately = Mutex::default();
        Self { door, lately }
    }

    fn lately(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn came(&self) {
        let mut lately = self.lately();
        lately.push_back(Instant::now());
        if lately.len() > CROWD {
            lately.pop_front();
        }
    }
}

impl Store {
    /// Puts on record that a comment was heard, and that it held no command then. Answers whether it was not heard before.
    pub async fn hear_nothing(&self, repository: &str, comment: u64) -> Result<bool> {
        let put = "insert into heard (repository, comment) values (?, ?) on conflict do nothing";
        let mut transaction = self.writer.begin().await?;
        let known = "select 1 from commands where repository = ? and comment = ? limit 1";
        let known = sqlx::query(known).bind(repository).bind(signed(comment));
        let known = known.fetch_optional(&mut *transaction).await?;
        let mut is_new = false;
        // No comment has a number below 1: there stands what held no command.
        for comment in [-signed(comment), signed(comment)] {
            let put = sqlx::query(put).bind(repository).bind(comment);
            is_new = put.execute(&mut *transaction).await?.rows_affected() > 0;
        }
        transaction.commit().await?;
        Ok(is_new && known.is_none())
    }

    /// Whether a comment is known to have held no command when it was told of, and to stand on the forge.
    pub async fn said_nothing(&self, repository: &str, comment: u64) -> Result<bool> {
        Ok(
            sqlx::query("select 1 from heard where repository = ? and comment = ?")
                .bind(repository)
                .bind(-signed(comment))
                .fetch_optional(&self.pool)
                .await?
                .is_some(),
        )
    }

    /// Puts all commands of a comment on record, in one write. A comment is heard once: what it says later changes nothing. Answers
    /// how many commands were new. When this returns, they are on the disk.
    pub async fn hear(
        &self,
        repository: &str,
        comment: u64,
        commands: &[NewCommand],
    ) -> Result<u64> {
        self.hearing.came();
        let (told, heard) = oneshot::channel();
        let said = Said {
            repository: repository.to_owned(),
            comment,
            commands: commands.to_vec(),
            told,
        };
        let gone = || StoreError::Query(sqlx::Error::WorkerCrashed);
        let heard = match self.hearing.door.send(said).await {
            Ok(()) => heard.await.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(gone()),
        };
        match heard {
            // Nothing was written, which tells nothing of the disk.
            Ok(None) => Ok(0),
            Ok(Some(new)) => self.noted(Ok(new)),
            Err(error) => self.noted(Err(error)),
        }
    }

    /// Whether comments with commands come in faster than anybody types.
    pub fn is_crowded(&self) -> bool {
        let lately = self.hearing.lately();
        lately.len() == CROWD && lately[0].elapsed() < CROWDED
    }
}

/// Writes what comes, all at once that is there, and tells of it. Where there are many connections, who was told comes back at once: the first
/// of them is not to have a sync of its own that all others wait for.
async fn write(writer: SqlitePool, mut coming: mpsc::Receiver<Said>) {
    let mut expected = 1;
    let mut all = Vec::new();
    while coming.recv_many(&mut all, MOST).await > 0 {
        let others =
            async { while all.len() < expected && coming.recv_many(&mut all, MOST).await > 0 {} };
        // Who does not come is not waited for.
        let _ = timeout(GATHER, others).await;
        expected = all.len();
        put_each(&writer, std::mem::take(&mut all)).await;
        expected += coming.len();
    }
}

/// Who does not wait any more delivers it again.
async fn put_each(writer: &SqlitePool, all: Vec<Said>) {
    match put(writer, &all).await {
        Ok(heard) => {
            for (said, heard) in all.into_iter().zip(heard) {
                let _ = said.told.send(Ok(heard));
            }
        }
        // What one cannot be stored for is none of the others' business.
        Err(_) if all.len() > 1 => {
            for said in all {
                let heard = put(writer, std::slice::from_ref(&said)).await;
                let heard = heard.map(|heard| heard.into_iter().next().flatten());
                let _ = said.told.send(heard);
            }
        }
        Err(error) => {
            if let Some(said) = all.into_iter().next() {
                let _ = said.told.send(Err(error));
            }
        }
    }
}

/// All commands, or none; synced when this returns. SQLite works in a thread of its own, and each statement goes there and back: there
/// is one for all commands, and one more where a comment holds none.
async fn put(writer: &SqlitePool, all: &[Said]) -> Result<Vec<Heard>> {
    let mut known = HashSet::new();
    let mut commands = Vec::new();
    let received = now();
    for said in all {
        // Whoever is delivered twice at once is new the first time.
        if !known.insert((said.repository.to_ascii_lowercase(), said.comment)) {
            continue;
        }
        if said.commands.is_empty() {
            let put =
                "insert into heard (repository, comment) values (?, ?) on conflict do nothing";
            let put = sqlx::query(put)
                .bind(&said.repository)
                .bind(signed(said.comment));
            put.execute(writer).await?;
        }
        commands.extend(said.commands.iter().map(|command| {
            json!([
                command.repository,
                signed(command.issue),
                signed(command.comment),
                command.position,
                command.account,
                command.line,
                received,
            ])
        }));
    }
    let mut new: HashMap<(String, i64), u64> = HashMap::new();
    if !commands.is_empty() {
        let put = sqlx::query(PUT).bind(Value::from(commands).to_string());
        for row in put.fetch_all(writer).await? {
            let repository = row.get::<&str, _>(0).to_ascii_lowercase();
            *new.entry((repository, row.get(1))).or_default() += 1;
        }
    }
    let heard = all
        .iter()
        .map(|said| new.remove(&(said.repository.to_ascii_lowercase(), signed(said.comment))));
    Ok(heard.collect())
}
