//! How much of what is there, for those who run Gavel.

use super::{Result, Store, time_or_none, unsigned};
use jiff::Timestamp;
use sqlx::Row;

/// One look at the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commands that are stored and not dealt with.
    pub commands_waiting: u64,
    /// Runs that wait for their turn.
    pub runs_queued: u64,
    /// The run that is under way.
    pub run: Option<u64>,
    pub run_started: Option<Timestamp>,
    /// The newest step of the run that is under way, in whichever attempt.
    pub step_begun: Option<Timestamp>,
    /// What runs that are over made and have not closed, but what somebody asked to keep.
    pub resources_open: u64,
    /// Comments that stand in the store, and not yet on the forge.
    pub comments_unwritten: u64,
    /// When a comment was last written in the repository that was asked for.
    pub last_written: Option<Timestamp>,
}

impl Store {
    /// How it is now; `repository` is the one whose comments are looked at.
    pub async fn counts(&self, repository: &str) -> Result<Counts> {
        let row = sqlx::query(
            "with active as (select id, started from runs where state in ('running', 'cleaning') order by id limit 1)
             select
                 (select count(*) from commands where handled is null) as commands_waiting,
                 (select count(*) from runs where state = 'queued') as runs_queued,
                 (select id from active) as run,
                 (select started from active) as run_started,
                 (select max(begun) from steps join attempts on attempts.id = steps.attempt
                     where attempts.run = (select id from active)) as step_begun,
                 (select count(*) from resources join runs on runs.id = resources.run
                     where resources.ended is null and runs.state = 'finished'
                     and json_extract(runs.options, '$.keep') is not 1) as resources_open,
                 (select count(*) from comments where written is null) as comments_unwritten,
                 (select max(written) from comments where repository = ?) as last_written",
        )
        .bind(repository)
        .fetch_one(&self.pool)
        .await?;
        Ok(Counts {
            commands_waiting: unsigned(row.get("commands_waiting")),
            runs_queued: unsigned(row.get("runs_queued")),
            run: row.get::<Option<i64>, _>("run").map(unsigned),
            run_started: time_or_none(row.get("run_started"))?,
            step_begun: time_or_none(row.get("step_begun"))?,
            resources_open: unsigned(row.get("resources_open")),
            comments_unwritten: unsigned(row.get("comments_unwritten")),
            last_written: time_or_none(row.get("last_written"))?,
        })
    }
}
