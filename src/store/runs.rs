//! Runs (what one `/verify` asked for) and their attempts (one execution of one item each).

use super::{Result, Store, StoreError, json, now, signed, time, time_or_none, to_json, unsigned};
use crate::evidence::Digest;
use crate::verdict::{Clause, Verdict, worst};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Queued,
    Running,
    /// All items are judged; what was made is being closed.
    Cleaning,
    Finished,
}

impl RunState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cleaning => "cleaning",
            Self::Finished => "finished",
        }
    }

    /// What a person is told behind "the run is".
    pub fn words(self) -> &'static str {
        match self {
            Self::Cleaning => "closing what it opened",
            other => other.word(),
        }
    }
}

/// What was typed behind the items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOptions {
    /// Leave everything as it is at the end, for a person to look at.
    #[serde(default)]
    pub keep: bool,
    /// Attempt items whose prerequisites failed.
    #[serde(default)]
    pub force: bool,
}

/// What ends a run before all of its items were attempted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CutShort {
    Cancelled {
        /// The account that asked for it.
        by: String,
    },
    /// Its deadline was over.
    Overdue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: u64,
    /// The command that asked for it.
    pub command: u64,
    /// Who asked for it.
    pub account: String,
    /// Item ids in the plan's order, prerequisites included.
    pub items: Vec<String>,
    pub options: RunOptions,
    /// Part of every name that the run gives to something.
    pub nonce: String,
    pub state: RunState,
    /// What ended it early.
    pub cut_short: Option<CutShort>,
    pub verdict: Option<Verdict>,
    pub queued: Timestamp,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    Running,
    Judged,
    /// Given up without a verdict: interrupted where it could not be resumed, or cancelled.
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub id: u64,
    pub run: u64,
    pub item: String,
    /// 1, 2 … of its item in its run.
    pub ordinal: u32,
    pub state: AttemptState,
    /// Why it was lost.
    pub why: Option<String>,
    pub verdict: Option<Verdict>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Where its chain ends, once its facts stand in the run's bundle alone.
    pub sealed: Option<Digest>,
}

impl Store {
    /// Queues a run for a command; the same command again is the same run. Answers its id.
    pub async fn queue_run(
        &self,
        command: u64,
        account: &str,
        items: &[&str],
        options: RunOptions,
        nonce: &str,
    ) -> Result<u64> {
        let row = sqlx::query(
            "insert into runs (command, account, items, options, nonce, state, queued)
             values (?, ?, ?, ?, ?, 'queued', ?)
             on conflict (command) do update set command = command returning id",
        )
        .bind(signed(command))
        .bind(account)
        .bind(to_json(&items)?)
        .bind(to_json(&options)?)
        .bind(nonce)
        .bind(now())
        .fetch_one(&self.writer)
        .await?;
        Ok(unsigned(row.get("id")))
    }

    pub async fn run(&self, id: u64) -> Result<Option<Run>> {
        sqlx::query("select * from runs where id = ?")
            .bind(signed(id))
            .fetch_optional(&self.pool)
            .await?
            .as_ref()
            .map(run)
            .transpose()
    }

    /// The run that a comment asked for, once it is queued.
    pub async fn run_of_comment(&self, repository: &str, comment: u64) -> Result<Option<u64>> {
        let row = sqlx::query(
            "select runs.id from runs join commands on commands.id = runs.command
             where repository = ? and comment = ?",
        )
        .bind(repository)
        .bind(signed(comment))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| unsigned(row.get("id"))))
    }

    /// The newest runs, at most `limit`.
    pub async fn latest_runs(&self, limit: u32) -> Result<Vec<Run>> {
        sqlx::query("select * from runs order by id desc limit ?")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(run)
            .collect()
    }

    /// Runs that have not ended, oldest first; the first is the active one.
    pub async fn open_runs(&self) -> Result<Vec<Run>> {
        sqlx::query("select * from runs where state <> 'finished' order by id")
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(run)
            .collect()
    }

    /// Runs that have ended and left something behind: those that were to be kept, or those that were not.
    pub async fn littering_runs(&self, kept: bool) -> Result<Vec<Run>> {
        sqlx::query(
            "select * from runs where state = 'finished' and (json_extract(options, '$.keep') is 1) = ?
             and id in (select run from resources where ended is null) order by id",
        )
        .bind(kept)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(run)
        .collect()
    }

    /// What a run left is not to be kept any more.
    pub async fn keep_no_longer(&self, id: u64) -> Result<()> {
        sqlx::query(
            "update runs set options = json_set(options, '$.keep', json('false')) where id = ?",
        )
        .bind(signed(id))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub async fn run_state(&self, id: u64, state: RunState) -> Result<()> {
        sqlx::query(
            "update runs set state = ?1,
             started = case when ?1 = 'running' then coalesce(started, ?2) else started end,
             ended = case when ?1 = 'finished' then ?2 else null end where id = ?3",
        )
        .bind(state.word())
        .bind(now())
        .bind(signed(id))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub async fn run_verdict(&self, id: u64, verdict: Verdict) -> Result<()> {
        sqlx::query("update runs set verdict = ? where id = ?")
            .bind(verdict.word())
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Asks a run to end, as a command of this account says; the runner heeds it. Answers whether there was anything to end: a command ends
    /// one run, and none that was asked for after it.
    pub async fn cancel_run(&self, id: u64, command: u64, by: &str) -> Result<bool> {
        let done = sqlx::query(
            "update runs set cancel = ?1, cancelled_by = ?2
             where id = ?3 and cancel is null and overdue is null and state in ('queued', 'running') and command < ?2
             and not exists (select 1 from runs where cancelled_by = ?2)",
        )
        .bind(by)
        .bind(signed(command))
        .bind(signed(id))
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The run that a command has ended.
    pub async fn run_cancelled_by(&self, command: u64) -> Result<Option<u64>> {
        let run = sqlx::query("select id from runs where cancelled_by = ?")
            .bind(signed(command))
            .fetch_optional(&self.pool)
            .await?;
        Ok(run.map(|run| unsigned(run.get("id"))))
    }

    /// Ends a run whose deadline is over, where nobody has cancelled it before; the runner heeds it.
    pub async fn end_overdue_run(&self, id: u64) -> Result<()> {
        sqlx::query(
            "update runs set overdue = ? where id = ? and cancel is null and overdue is null and state = 'running'",
        )
        .bind(now())
        .bind(signed(id))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Opens the next attempt of an item.
    pub async fn open_attempt(&self, run: u64, item: &str) -> Result<Attempt> {
        let row = sqlx::query(
            "insert into attempts (run, item, ordinal, state, started)
             select ?1, ?2, 1 + count(*), 'running', ?3 from attempts where run = ?1 and item = ?2
             returning *",
        )
        .bind(signed(run))
        .bind(item)
        .bind(now())
        .fetch_one(&self.writer)
        .await?;
        attempt(&row)
    }

    /// Runs that have ended, and of which the last words were not said; the newest of them, at most `most`, oldest first.
    pub async fn unparted_runs(&self, most: u32) -> Result<Vec<u64>> {
        let runs = sqlx::query(
            "select id from runs where state = 'finished' and parted is null order by id desc limit ?",
        )
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(runs
            .iter()
            .rev()
            .map(|run| unsigned(run.get("id")))
            .collect())
    }

    /// The last words about a run were said.
    pub async fn run_parted(&self, id: u64) -> Result<()> {
        sqlx::query("update runs set parted = ? where id = ?")
            .bind(now())
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// All attempts of a run, oldest first.
    pub async fn attempts(&self, run: u64) -> Result<Vec<Attempt>> {
        sqlx::query("select * from attempts where run = ? order by id")
            .bind(signed(run))
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(attempt)
            .collect()
    }

    /// The newest attempts of an item that were judged, in whichever run, at most so many; newest first.
    pub async fn latest_judged(&self, item: &str, most: u32) -> Result<Vec<Attempt>> {
        sqlx::query(
            "select * from attempts where item = ? and state = 'judged' order by id desc limit ?",
        )
        .bind(item)
        .bind(most)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(attempt)
        .collect()
    }

    /// The attempt of an item that an account said something of last which stands.
    pub async fn latest_said_of(
        &self,
        item: &str,
        account: &str,
        command: u64,
    ) -> Result<Option<Attempt>> {
        sqlx::query(
            "select attempts.* from attempts join words on words.attempt = attempts.id
             where item = ? and account = ? and (withdrawn is null or withdrawn_by = ?)
             order by withdrawn_by is null, words.id desc limit 1",
        )
        .bind(item)
        .bind(account)
        .bind(signed(command))
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(attempt)
        .transpose()
    }

    /// The newest judged attempts of each item in the runs between these two, at most `most` of each; newest first.
    pub async fn judged_between(&self, after: u64, before: u64, most: u32) -> Result<Vec<Attempt>> {
        sqlx::query(
            "select * from (
                 select *, row_number() over (partition by item order by id desc) as age
                 from attempts where state = 'judged' and run > ? and run < ?
             ) where age <= ? order by id desc",
        )
        .bind(signed(after))
        .bind(signed(before))
        .bind(most)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(attempt)
        .collect()
    }

    /// How long an item usually takes: the median of its last attempts that passed, in seconds.
    pub async fn usual_seconds(&self, item: &str) -> Result<Option<f64>> {
        let rows = sqlx::query(
            "select started, ended from attempts
             where item = ? and state = 'judged' and verdict = 'PASS' order by id desc limit 9",
        )
        .bind(item)
        .fetch_all(&self.pool)
        .await?;
        let mut seconds = Vec::new();
        for row in rows {
            if let Some(ended) = time_or_none(row.get("ended"))? {
                let started = time(row.get("started"))?;
                seconds.push(ended.duration_since(started).as_secs_f64());
            }
        }
        seconds.sort_by(f64::total_cmp);
        Ok(seconds.get(seconds.len() / 2).copied())
    }

    /// Gives an attempt up, without a verdict.
    pub async fn attempt_lost(&self, id: u64, why: &str) -> Result<()> {
        sqlx::query("update attempts set state = 'lost', why = ?, ended = ? where id = ?")
            .bind(why)
            .bind(now())
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Ends an attempt with the clauses that its facts led to.
    pub async fn attempt_judged(&self, id: u64, clauses: &[Clause]) -> Result<()> {
        let mut transaction = self.writer.begin().await?;
        for (ordinal, clause) in clauses.iter().enumerate() {
            sqlx::query("insert into clauses values (?, ?, ?, ?) on conflict do nothing")
                .bind(signed(id))
                .bind(signed(ordinal as u64))
                .bind(&clause.id)
                .bind(to_json(clause)?)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("update attempts set state = 'judged', verdict = ?, ended = ? where id = ?")
            .bind(worst(clauses.iter().map(|clause| clause.verdict)).word())
            .bind(now())
            .bind(signed(id))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn verdict(word: Option<String>) -> Result<Option<Verdict>> {
    word.map(|word| {
        Verdict::from_word(&word).ok_or(StoreError::Form {
            what: "a verdict",
            detail: word,
        })
    })
    .transpose()
}

fn run(row: &SqliteRow) -> Result<Run> {
    let state = match row.get::<String, _>("state").as_str() {
        "queued" => RunState::Queued,
        "running" => RunState::Running,
        "cleaning" => RunState::Cleaning,
        "finished" => RunState::Finished,
        other => {
            return Err(StoreError::Form {
                what: "a state of a run",
                detail: other.into(),
            });
        }
    };
    Ok(Run {
        id: unsigned(row.get("id")),
        command: unsigned(row.get("command")),
        account: row.get("account"),
        items: json("the items of a run", row.get("items"))?,
        options: json("the options of a run", row.get("options"))?,
        nonce: row.get("nonce"),
        state,
        cut_short: match (row.get("cancel"), row.get::<Option<String>, _>("overdue")) {
            (Some(by), _) => Some(CutShort::Cancelled { by }),
            (None, Some(_)) => Some(CutShort::Overdue),
            (None, None) => None,
        },
        verdict: verdict(row.get("verdict"))?,
        queued: time(row.get("queued"))?,
        started: time_or_none(row.get("started"))?,
        ended: time_or_none(row.get("ended"))?,
    })
}

fn attempt(row: &SqliteRow) -> Result<Attempt> {
    let state = match row.get::<String, _>("state").as_str() {
        "running" => AttemptState::Running,
        "judged" => AttemptState::Judged,
        "lost" => AttemptState::Lost,
        other => {
            return Err(StoreError::Form {
                what: "a state of an attempt",
                detail: other.into(),
            });
        }
    };
    Ok(Attempt {
        id: unsigned(row.get("id")),
        run: unsigned(row.get("run")),
        item: row.get("item"),
        ordinal: u32::try_from(row.get::<i64, _>("ordinal")).unwrap_or_default(),
        state,
        why: row.get("why"),
        verdict: verdict(row.get("verdict"))?,
        started: time(row.get("started"))?,
        ended: time_or_none(row.get("ended"))?,
        sealed: row.get::<Option<String>, _>("sealed").map(Digest::kept),
    })
}
