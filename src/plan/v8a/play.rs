//! What V8a does: launches, starts again, waits, wedges, replaces and stops, and looks in between.

use super::{Agent, WITH_TESTS, last_built, listed, same, set};
use crate::config::{Launcher, Orchestrator};
use crate::evidence::Question;
use crate::flow::Ran;
use crate::host::cron::Schedule;
use crate::host::processes::Process;
use crate::host::tmux::{Screen, Session};
use crate::plan::bench::{Bench, Enough, Stop};
use crate::plan::expect::Launching;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

pub struct Play<'a> {
    pub bench: &'a Bench,
    pub launcher: &'a Launcher,
    /// The variable that restricts a run to certain recipes.
    pub scope: &'a str,
    pub launching: &'a Launching,
    pub recipe: &'a str,
    /// How long a real run may take, in milliseconds.
    pub limit: u64,
}

impl Play<'_> {
    /// Where one step fails, the next goes on from what it needs: each clause is judged by itself.
    pub async fn all(&self, asker: &Orchestrator) -> Result<(), Stop> {
        let bench = self.bench;
        bench.doing("launching a dry run").await;
        self.launch("dry", "start", "--dry-run --with-tests")
            .await?;
        self.sessions("dry.after").await?;
        self.look("dry.agent").await?;
        self.to_its_end("dry", &self.launching.candidate, bench.expect.build)
            .await?;

        bench.doing("launching a real run").await;
        let finished = self.known("dry.end").await?;
        let live = self
            .replace("live", "start", WITH_TESTS, finished.as_ref())
            .await?;
        let busy = self.at_work("live.busy").await?;
        self.launch("again", "start", WITH_TESTS).await?;
        let again = self.look("again.agent").await?;
        self.ask_for_orchestrator(asker, again.or(busy)).await?;
        self.look("again.later").await?;
        bench.doing("waiting for the end of the real run").await;
        self.to_its_end("live.said", &self.launching.summary, self.limit)
            .await?;
        self.at_rest("live.end", bench.expect.reaction).await?;
        self.stays().await?;
        self.gone("live.gone", finished.as_ref(), live.as_ref())
            .await?;
        self.stop("idle").await?;

        bench.doing("launching it as cron does").await;
        self.cron().await?;
        self.look("cron.agent").await?;
        self.to_its_end("cron", &self.launching.candidate, bench.expect.build)
            .await?;

        bench.doing("wedging a run").await;
        self.launch("third", "fresh", "").await?;
        self.at_work("third.busy").await?;
        bench.wedge("wedged", &self.launching.session).await?;
        let wedged = self.known("wedged").await?;
        let rescue = self.replace("rescue", "start", "", wedged.as_ref()).await?;
        let rescued = self.at_work("rescue.busy").await?;
        self.launch("fresh", "fresh", "").await?;
        let fresh = self.look("fresh.agent").await?;
        self.at_work("fresh.busy").await?;
        // Only now: what was not ended would be waited for while the next runs come to their ends.
        self.gone("rescue.gone", wedged.as_ref(), rescue.as_ref())
            .await?;
        self.gone("fresh.gone", rescued.as_ref(), fresh.as_ref())
            .await
    }

    async fn launch(&self, label: &str, verb: &str, arguments: &str) -> Result<(), Stop> {
        let told = [
            (self.scope, self.recipe.to_owned()),
            (self.launcher.arguments.as_str(), arguments.to_owned()),
        ];
        let command = &self.launcher.command;
        let verb = [verb.to_owned()];
        let call = self.bench.flow(label, command, &verb, &told).boxed();
        self.on_record(label, verb[0] == "stop", call).await
    }

    async fn on_record(
        &self,
        label: &str,
        stops: bool,
        call: BoxFuture<'_, Result<Ran, Stop>>,
    ) -> Result<(), Stop> {
        let (name, limit) = (&self.launching.session, self.launcher.command.time_limit);
        let launch = self.bench.launch(label, name, limit, stops, call);
        launch.boxed().await.map(drop)
    }

    /// Launches where a session should be replaced; where it is not, makes way for what follows by force. Answers what was there after
    /// the first call.
    async fn replace(
        &self,
        label: &str,
        verb: &str,
        arguments: &str,
        before: Option<&Agent>,
    ) -> Result<Option<Agent>, Stop> {
        self.launch(label, verb, arguments).await?;
        let after = self.look(&format!("{label}.agent")).await?;
        if after.is_none() || same(before, after.as_ref()) {
            self.launch(&format!("{label}.anew"), "fresh", arguments)
                .await?;
        }
        Ok(after)
    }

    /// Until nothing of a session that was replaced runs any more. Where it was not, there is nothing to wait for.
    async fn gone(
        &self,
        label: &str,
        before: Option<&Agent>,
        after: Option<&Agent>,
    ) -> Result<(), Stop> {
        let patience = if same(before, after) {
            0
        } else {
            self.bench.expect.reaction
        };
        self.gone_within(label, before, patience).await
    }

    /// The same for so many milliseconds.
    async fn gone_within(
        &self,
        label: &str,
        before: Option<&Agent>,
        patience: u64,
    ) -> Result<(), Stop> {
        let processes = before.map(Agent::identities).unwrap_or_default();
        let question = Question::Running { processes };
        self.bench
            .watch(label, question, patience, Vec::<Value>::is_empty)
            .await
            .map(drop)
    }

    /// Nothing in the environment but what cron sets (its SHELL left out, since none is asked), and what keeps the run small and within the
    /// sandbox.
    async fn cron(&self) -> Result<(), Stop> {
        let Ok(schedule) = Schedule::parse(&self.launching.schedule) else {
            return Ok(());
        };
        let home = std::env::var("HOME").unwrap_or_else(|_| "/".into());
        let told = [
            ("HOME", home),
            ("LOGNAME", "gavel".into()),
            ("PATH", "/usr/bin:/bin".into()),
            (self.scope, self.recipe.to_owned()),
            (self.launcher.arguments.as_str(), "--dry-run".into()),
        ];
        let limit = self.launcher.command.time_limit;
        let call = self.bench.bare("cron", &schedule.command, &told, limit);
        let call = call.boxed();
        self.on_record("cron", false, call).await
    }

    async fn look(&self, label: &str) -> Result<Option<Agent>, Stop> {
        self.bench.see(label, self.agent()).await
    }

    async fn known(&self, label: &str) -> Result<Option<Agent>, Stop> {
        self.bench.recalled(label).await
    }

    async fn sessions(&self, label: &str) -> Result<(), Stop> {
        self.bench
            .see::<Value>(label, Question::Sessions)
            .await
            .map(drop)
    }

    async fn screen(&self, label: &str) -> Result<(), Stop> {
        let session = self.launching.session.clone();
        self.bench
            .see::<Value>(label, Question::Screen { session })
            .await
            .map(drop)
    }

    fn agent(&self) -> Question {
        Question::Agent {
            session: self.launching.session.clone(),
        }
    }

    /// Until it is idle, and stays so: one that has only just been launched has no work yet.
    async fn at_rest(&self, label: &str, patience: u64) -> Result<(), Stop> {
        let enough = |[seen]: [&Value; 1]| rests(seen);
        self.bench
            .watch_all([(label, self.agent())], patience, enough)
            .await
    }

    /// Until it is at work: what is there at two looks in a row is no helper of its own start.
    async fn at_work(&self, label: &str) -> Result<Option<Agent>, Stop> {
        let last: Mutex<Vec<(i32, u64)>> = Mutex::default();
        let enough = |seen: &Option<Agent>| {
            let Some(agent) = seen else { return true };
            let work = agent.work().into_iter().map(Process::identity).collect();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let before = std::mem::replace(&mut *last, work);
            last.iter().any(|identity| before.contains(identity))
        };
        let reaction = self.bench.expect.reaction;
        self.bench
            .watch(label, self.agent(), reaction, enough)
            .await
    }

    /// Until it has said what a run says in the end, and rests: one that has only just been launched says nothing yet. Who has said so and
    /// still works is not waited for as long as a real run may take.
    async fn to_its_end(&self, label: &str, said: &str, patience: u64) -> Result<(), Stop> {
        let session = self.launching.session.clone();
        let (end, screen) = (format!("{label}.end"), format!("{label}.screen"));
        let looks = [
            (end.as_str(), self.agent()),
            (screen.as_str(), Question::Screen { session }),
        ];
        let is_real = said == self.launching.summary;
        let said = regex::Regex::new(said).ok();
        let enough = |[agent, screen]: [&Value; 2]| {
            let screen = Option::<Screen>::deserialize(screen).ok().flatten();
            let mut lines = screen.iter().flat_map(|screen| screen.whole.lines());
            let is_said = said
                .as_ref()
                .is_some_and(|said| lines.any(|line| said.is_match(line.trim_end())));
            match rests(agent) {
                _ if is_said && is_real => Enough::Yes,
                Enough::IfItStays if !is_said && !is_real => Enough::No,
                rests => rests,
            }
        };
        self.bench.watch_all(looks, patience, enough).await
    }

    /// What it shows when it has ended, whether that stays so, and what it really did.
    async fn stays(&self) -> Result<(), Stop> {
        let bench = self.bench;
        self.screen("live.screen").await?;
        bench.quiet("live.quiet").await?;
        self.screen("live.still.screen").await?;
        self.look("live.still").await?;
        let before = format!("{}.before.builds", set(self.recipe));
        let after: u64 = bench.recalled(&before).await?;
        let builds = bench.see("live.builds", Question::Builds { after }).await?;
        // At once: what runs later is about the same pull request, and has it built again.
        let Some(last) = last_built(builds, self.recipe, after) else {
            return Ok(());
        };
        let build = last.number;
        bench
            .note("live.results", Question::Results { build })
            .await
    }

    async fn ask_for_orchestrator(
        &self,
        asker: &Orchestrator,
        agent: Option<Agent>,
    ) -> Result<(), Stop> {
        let processes = agent.map(|agent| agent.processes).unwrap_or_default();
        let ours: Vec<String> = processes.iter().map(listed).collect();
        let sample = vec![format!("1 {}", self.launching.orchestrator)];
        for (label, list) in [
            ("orchestrator.none", ours.clone()),
            ("orchestrator.alone", sample.clone()),
            ("orchestrator.after", [&ours[..], &sample].concat()),
            ("orchestrator.before", [&sample[..], &ours].concat()),
        ] {
            self.bench
                .orchestrator(label, &asker.command, &asker.processes, &list)
                .await?;
        }
        Ok(())
    }

    /// Stops it by the launcher, and waits until nothing of it is there any more.
    pub async fn stop(&self, name: &str) -> Result<(), Stop> {
        let (before, others) = (format!("{name}.before"), format!("{name}.others"));
        let last = self.look(&before).await?;
        self.sessions(&others).await?;
        self.launch(&format!("{name}.stop"), "stop", "").await?;
        // It has been ended once the call is back; work that comes to its own end much later was not.
        self.gone_within(
            &format!("{name}.gone"),
            last.as_ref(),
            self.bench.expect.quiet,
        )
        .await?;
        let is_over = |sessions: &Vec<Session>| {
            let is_it = |session: &Session| {
                let last = last.as_ref().map(|last| &last.session.id);
                session.name == self.launching.session || Some(&session.id) == last
            };
            !sessions.iter().any(is_it)
        };
        let reaction = self.bench.expect.reaction;
        self.bench
            .watch(
                &format!("{name}.after"),
                Question::Sessions,
                reaction,
                is_over,
            )
            .await
            .map(drop)
    }
}

/// Whether a look at the session shows it at rest; one that is not there does not come back.
fn rests(seen: &Value) -> Enough {
    match Option::<Agent>::deserialize(seen) {
        Ok(Some(agent)) if agent.is_idle() => Enough::IfItStays,
        Ok(Some(_)) => Enough::No,
        _ => Enough::Yes,
    }
}
