//! What programs read of a comment: one line of JSON that no page shows.
//!
//! It is the second line of every verdict and report comment, `<!-- gavel-verdicts/1 {…} -->`, below the line that says which comment it
//! is. Only there: what others wrote may hold anything that looks like it. [`Block`] is its form; a version behind the slash that is not
//! known is to be refused.

use super::super::facts_page;
use crate::record::{ItemRecord, RunRecord};
use crate::store;
use crate::verdict::worst;
use serde::Serialize;

const FORMAT: &str = "gavel-verdicts/1";

/// What a verdict or report comment claims.
#[derive(Serialize)]
struct Block<'a> {
    run: u64,
    installation: &'a str,
    /// The worst of its items; in a report the run's. What is disputed is no PASS.
    verdict: &'static str,
    /// The run's evidence bundle, and the id of the key that signs it.
    bundle: String,
    key: &'a str,
    items: Vec<Item<'a>>,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    item: &'static str,
    attempt: u32,
    /// What was judged, whatever people say of it.
    verdict: &'static str,
    /// Where the chain of facts ends; all 64 digits.
    chain_head: String,
    /// Every fact of the attempt; the fact of number n is at `#fact-n`.
    page: String,
    clauses: Vec<Clause<'a>>,
    /// What people say of it.
    words: Vec<Word<'a>>,
}

#[derive(Serialize)]
struct Word<'a> {
    /// `accepted` or `disputed`.
    word: &'static str,
    account: &'a str,
    /// The comment that says it.
    comment: String,
    /// What became of that comment: `stands`, `edited` or `deleted`. An acceptance counts only where it stands.
    anchor: &'static str,
    /// The end of the chain, as an acceptance quotes it.
    #[serde(skip_serializing_if = "str::is_empty")]
    quotes: &'a str,
}

#[derive(Serialize)]
struct Clause<'a> {
    id: &'a str,
    verdict: &'static str,
    /// The numbers of the facts that it rests on.
    evidence: &'a [u32],
}

#[derive(Serialize)]
struct Finding<'a> {
    id: String,
    clause: &'a str,
}

/// The block of a report, or of the comment on these items.
pub fn block<'a>(
    record: &'a RunRecord,
    items: impl IntoIterator<Item = &'a ItemRecord>,
    key: &str,
) -> String {
    let items: Vec<&ItemRecord> = items.into_iter().collect();
    let verdict = worst(items.iter().map(|item| item.verdict()));
    let judged = items
        .iter()
        .filter_map(|item| Some((item, item.latest.as_ref()?)));
    let items: Vec<Item<'_>> = judged
        .map(|(item, judged)| Item {
            item: item.item.id,
            words: item.words.iter().map(|it| word(record, it)).collect(),
            attempt: judged.attempt.ordinal,
            verdict: judged.verdict.word(),
            chain_head: judged.head().to_string(),
            page: facts_page(record, judged),
            clauses: judged
                .clauses
                .iter()
                .map(|clause| Clause {
                    id: &clause.id,
                    verdict: clause.verdict.word(),
                    evidence: &clause.evidence,
                })
                .collect(),
        })
        .collect();
    let findings = record.findings().into_iter();
    let findings = findings.filter(|finding| {
        let item = &finding.judged.attempt.item;
        items.iter().any(|of| of.item == item)
    });
    let findings = findings.map(|finding| Finding {
        id: finding.id,
        clause: &finding.clause.id,
    });
    let block = Block {
        run: record.run.id,
        installation: &record.installation,
        verdict: verdict.word(),
        bundle: format!("{}/bundle.tar.gz", record.page()),
        key,
        findings: findings.collect(),
        items,
    };
    // Plain data: serialising it cannot fail. Nothing in it may end the HTML comment, or look like its end.
    let json = serde_json::to_string(&block).unwrap_or_default();
    let json = json.replace('<', "\\u003c").replace('>', "\\u003e");
    format!("<!-- {FORMAT} {} -->", json.replace("--", "-\\u002d"))
}

fn word<'a>(record: &RunRecord, word: &'a store::Word) -> Word<'a> {
    Word {
        word: word.kind.word(),
        account: &word.account,
        comment: word.said.page(record.forge.as_str()),
        anchor: word.anchor.word(),
        quotes: &word.head,
    }
}
