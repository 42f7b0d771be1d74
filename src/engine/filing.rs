//! Findings become issues: one for each clause, as long as that is open. What later runs come to is said there.

use super::Engine;
use super::marker::marker;
use crate::config::Repository;
use crate::gitea::{Earlier, Outcome};
use crate::record::{self, RunRecord};
use crate::render;
use crate::render::comment::{FiledIssue, Filing};
use crate::store::Filed;
use crate::verdict::Verdict;
use futures_util::FutureExt;

/// Files findings of the latest report; all of them where none is named. `None` where nothing says in which repository.
pub async fn file(engine: &Engine, named: &[String]) -> anyhow::Result<Option<Vec<Filing>>> {
    let Some(findings) = &engine.config.findings else {
        return Ok(None);
    };
    let mut filings = Vec::new();
    let latest = record::latest_finished(&engine.store, &engine.config).await?;
    for name in named {
        let known = latest.iter().flat_map(RunRecord::findings);
        if !known.into_iter().any(|finding| finding.id == *name) {
            filings.push(Filing {
                finding: name.clone(),
                issue: Err("the latest report has no such finding".into()),
            });
        }
    }
    let Some(record) = &latest else {
        return Ok(Some(filings));
    };
    for finding in record.findings() {
        if named.is_empty() || named.contains(&finding.id) {
            let issue = one(engine, &findings.repository, record, &finding).await;
            filings.push(Filing {
                finding: finding.id.clone(),
                issue: issue.map_err(|error| format!("{error:#}")),
            });
        }
    }
    Ok(Some(filings))
}

/// The open issue of a finding.
async fn one(
    engine: &Engine,
    repository: &Repository,
    record: &RunRecord,
    finding: &record::Finding<'_>,
) -> anyhow::Result<FiledIssue> {
    let clause = &finding.clause.id;
    if let Some(filed) = open(engine, clause).await? {
        say(engine, record, &filed).await?;
        let page = page(engine, &filed);
        return Ok(FiledIssue {
            page,
            is_new: false,
        });
    }
    let run = record.run.id;
    // On record before it exists: an answer that is lost does not make a second one.
    let was_meant = engine
        .store
        .file(clause, &repository.to_string(), run)
        .await?;
    let earlier = match was_meant {
        true => Earlier::Sent,
        false => Earlier::Made,
    };
    let marker = marker(
        &engine.store.installation().await?,
        &format!("finding-{clause}"),
    );
    let forge = &engine.world.forge;
    // By Gavel alone: the marker can be read in every comment, and the flow would like to word its own findings.
    let gavel = &engine.config.forge.account;
    let find = || {
        async {
            let mut known = forge.open_issues(repository).await?.value.into_iter();
            let ours =
                known.find(|issue| gavel.is(&issue.user.login) && issue.body.starts_with(&marker));
            Ok(ours.map(|issue| (issue, false)))
        }
        .boxed()
    };
    let title = render::comment::filed_title(finding);
    let body = format!("{marker}\n{}", render::comment::filed(record, finding));
    let make = || {
        async {
            let issue = forge.create_issue(repository, &title, &body).await?;
            Ok((issue, true))
        }
        .boxed()
    };
    let (issue, is_new) = match forge.exactly_once(earlier, find, make).await {
        Ok(there) => there,
        Err(error) => {
            if matches!(error.outcome(), Outcome::NotDone) {
                engine.store.forget_filed(clause).await?;
            }
            return Err(error.into());
        }
    };
    engine.store.filed_as(clause, issue.number).await?;
    Ok(FiledIssue {
        page: issue.html_url,
        is_new,
    })
}

/// The issue of a clause, where it is on file and still open.
async fn open(engine: &Engine, clause: &str) -> anyhow::Result<Option<Filed>> {
    let mut filed = engine.store.filed().await?;
    filed.retain(|filed| filed.clause == clause);
    let Some((filed, number)) = filed
        .pop()
        .and_then(|filed| Some((filed.clone(), filed.issue?)))
    else {
        return Ok(None);
    };
    let seen = engine
        .world
        .forge
        .issue(&filed.repository.parse()?, number)
        .await;
    match seen {
        Ok(issue) if issue.value.is_open() => Ok(Some(filed)),
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => {
            engine.store.forget_filed(clause).await?;
            Ok(None)
        }
    }
}

fn page(engine: &Engine, filed: &Filed) -> String {
    let forge = engine.config.forge.url.as_str().trim_end_matches('/');
    format!(
        "{forge}/{}/issues/{}",
        filed.repository,
        filed.issue.unwrap_or_default()
    )
}

/// Says in every open issue what a run that has ended came to. Said again, it changes nothing.
pub async fn follow(engine: &Engine, record: &RunRecord) -> anyhow::Result<()> {
    for filed in engine.store.filed().await? {
        if filed.run < record.run.id
            && let Err(error) = follow_one(engine, record, &filed).await
        {
            tracing::warn!(
                run = record.run.id,
                clause = %filed.clause,
                error = format!("{error:#}"),
                "what the run came to could not be said in the issue of a finding"
            );
        }
    }
    Ok(())
}

async fn follow_one(engine: &Engine, record: &RunRecord, filed: &Filed) -> anyhow::Result<()> {
    match open(engine, &filed.clause).await? {
        Some(_) => say(engine, record, filed).await,
        None => Ok(()),
    }
}

/// What a run came to, in the issue of a clause; nothing where it came to neither PASS nor FAIL, or first found it.
async fn say(engine: &Engine, record: &RunRecord, filed: &Filed) -> anyhow::Result<()> {
    let Some((judged, clause)) = record.clause(&filed.clause) else {
        return Ok(());
    };
    let told = matches!(clause.verdict, Verdict::Pass | Verdict::Fail);
    if let Some(issue) = filed.issue.filter(|_| told && filed.run != record.run.id) {
        let slot = format!("finding-{}-run-{}", filed.clause, record.run.id);
        let text = render::comment::filed_again(record, judged, clause);
        engine
            .reporter
            .say(&slot, &filed.repository, issue, &text)
            .await?;
    }
    Ok(())
}
