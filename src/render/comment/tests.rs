//! Every comment as it is posted, read as a maintainer would; and with the worst texts that others can put into it.

use super::*;
use crate::command;
use crate::config::Tracking;
use crate::evidence::{Answer, Question, Sighting};
use crate::plan::{self, guardrails};
use crate::record::Earlier;
use crate::store::{Attempt, CutShort, Pause, Resource, ResourceKind, Run, RunOptions};
use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const HOSTILE: &str = "a|b @everyone <img src=x onerror=alert(1)> [click](http://evil) \u{202e}txt.exe\n# big `co|de` **bold** `open";

fn commands(text: &str) -> Vec<command::Found> {
    let names = command::Names {
        items: &plan::ids(),
        beside: &[guardrails::ITEM.id],
    };
    command::parse(text, names)
}

fn at(second: i64) -> Timestamp {
    // A Friday, in range.
    Timestamp::from_second(1_780_000_000 + second).unwrap()
}

fn facts() -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut saw = |label: &str, question: Question, answer: Answer| {
        let sighting = Sighting {
            label: label.into(),
            question,
            asked: "GET https://git.example.org/api/v1/somewhere?page=1".into(),
            at: at(facts.len() as i64),
            watch: None,
            answer,
        };
        facts.push(Fact::chain(sighting, facts.last()));
    };
    let repository = || "recipes/tiny".to_owned();
    let seen = |value: Value| Answer::Seen(value);
    saw(
        "version.forge",
        Question::ForgeVersion,
        seen(json!({ "version": "1.25.4" })),
    );
    saw(
        "green",
        Question::OpenPull {
            repository: repository(),
            from: "known-green".into(),
            branch: "gavel/run1".into(),
            base: "main".into(),
        },
        seen(json!({ "number": 7, "head": { "sha": "c0ffee" } })),
    );
    saw(
        "first.posted",
        Question::Post {
            repository: repository(),
            number: 7,
            account: "gavel".into(),
            body: "!testme".into(),
        },
        seen(json!({ "id": 3 })),
    );
    saw(
        "first.builds",
        Question::Builds { after: 0 },
        seen(json!([])),
    );
    saw(
        "first.build",
        Question::Build { number: 12 },
        seen(json!({})),
    );
    saw(
        "first.statuses",
        Question::Statuses {
            repository: repository(),
            commit: "c0ffee".into(),
        },
        seen(json!([])),
    );
    saw(
        "first.comments",
        Question::Comments {
            repository: repository(),
            number: 7,
        },
        Answer::Unseen("connection refused".into()),
    );
    saw(
        "post",
        Question::Run {
            command: vec!["helper".into()],
            environment: vec![("POST".into(), "1".into())],
        },
        seen(json!({})),
    );
    facts
}

fn clause(id: &str, verdict: Verdict, seen: &str, evidence: &[u32]) -> Clause {
    let mend = match verdict {
        Verdict::Fail => "Look at the bridge",
        _ => "",
    };
    Clause {
        id: id.into(),
        verdict,
        seen: seen.into(),
        mend: mend.into(),
        evidence: evidence.to_vec(),
    }
}

fn attempt(item: &str, ordinal: u32, state: AttemptState) -> Attempt {
    Attempt {
        id: 1,
        run: 1,
        item: item.into(),
        ordinal,
        state,
        why: None,
        verdict: None,
        started: at(0),
        ended: (state != AttemptState::Running).then(|| at(75)),
        sealed: None,
    }
}

fn waiting(id: &str) -> ItemRecord {
    ItemRecord {
        item: plan::item(id).unwrap(),
        attempts: Vec::new(),
        latest: None,
        verdict_comment: None,
        words: Vec::new(),
    }
}

fn judged(id: &str, clauses: Vec<Clause>, facts: Vec<Fact>) -> ItemRecord {
    let attempt = attempt(id, 1, AttemptState::Judged);
    ItemRecord {
        attempts: vec![attempt.clone()],
        latest: Some(Judged {
            attempt,
            verdict: crate::verdict::worst(clauses.iter().map(|clause| clause.verdict)),
            clauses,
            facts,
        }),
        verdict_comment: Some(format!("https://git.example.org/c/{id}")),
        words: Vec::new(),
        ..waiting(id)
    }
}

fn passed() -> ItemRecord {
    let clauses = vec![
        clause(
            "V1.1",
            Verdict::Pass,
            "build 12 for pull request 7 at `c0ffee`; nothing else",
            &[2, 3, 4, 5, 6],
        ),
        clause("V1.2", Verdict::Pass, "4 stages", &[5]),
    ];
    judged("V1", clauses, facts())
}

fn failed() -> ItemRecord {
    let clauses = vec![
        clause("V1.1", Verdict::Pass, "build 12", &[5]),
        clause("V1.3", Verdict::Fail, HOSTILE, &[5, 6, 7]),
        clause("V1.4", Verdict::Inconclusive, "the forge was down", &[]),
    ];
    judged("V1", clauses, facts())
}

fn blocked() -> ItemRecord {
    let item = plan::item("V2").unwrap();
    let clauses = plan::not_attempted(item, "not attempted: V1 is FAIL");
    judged("V2", clauses, Vec::new())
}

fn record(state: RunState, items: Vec<ItemRecord>) -> RunRecord {
    RunRecord {
        run: Run {
            id: 1,
            command: 1,
            account: "maintainer".into(),
            items: items.iter().map(|item| item.item.id.into()).collect(),
            options: RunOptions::default(),
            nonce: "abcd".into(),
            state,
            cut_short: None,
            verdict: None,
            queued: at(0),
            started: Some(at(0)),
            ended: Some(at(90)),
        },
        items,
        guardrails: None,
        resources: Vec::new(),
        tracking_issue: "https://git.example.org/m/v/issues/1".into(),
        public_url: "https://gavel.example.org".parse().unwrap(),
        installation: "0a1b2c".into(),
        forge: "https://git.example.org".parse().unwrap(),
        earlier: Vec::new(),
        notes: Vec::new(),
        asked_in: Some("https://git.example.org/c/0".into()),
        progress_comment: None,
        report_comment: None,
    }
}

fn tracking() -> Tracking {
    Tracking {
        repository: "maintainers/verification".parse().unwrap(),
        issue: 1,
    }
}

fn verdict_on(item: ItemRecord) -> String {
    let record = record(RunState::Running, vec![item]);
    verdict(&record, &record.items[0])
}

#[test]
fn progress_tells_what_is_done_and_what_waits() {
    let mut running = waiting("V1");
    running.attempts = vec![
        attempt("V1", 1, AttemptState::Lost),
        attempt("V1", 2, AttemptState::Running),
    ];
    let record = record(RunState::Running, vec![running, waiting("V2")]);
    let trouble = ["git.example.org does not answer: <timeout>".to_owned()];
    assert_snapshot!(progress(&record, Some("build 12 | is running"), &trouble), @"
    ### ⏳ Run 1 is running

    | | Item | Now |
    |:-:|---|---|
    | ⏳ | **V1** `!testme` on a recipe pull request is the real gate | build 12 &#124; is running (second attempt: the first was interrupted) |
    |  | **V2** `testme-on-pr.sh` reads the verdict correctly | waiting |

    > ⚠️ Waiting: git.example.org does not answer: &lt;timeout>


    <sub>Asked for by `maintainer` at 20:26 UTC · [everything that was seen](https://gavel.example.org/runs/1) · `/cancel` ends it</sub>
    ");
}

#[test]
fn progress_ends_with_the_verdicts() {
    let mut record = record(RunState::Finished, vec![failed(), blocked()]);
    record.report_comment = Some("https://git.example.org/c/report".into());
    assert_snapshot!(progress(&record, None, &[]), @"
    ### ❌ Run 1: FAIL

    | | Item | Verdict |
    |:-:|---|---|
    | ❌ | **V1** `!testme` on a recipe pull request is the real gate | [**FAIL**](https://git.example.org/c/V1) in 1 min 15 s |
    | ⛔ | **V2** `testme-on-pr.sh` reads the verdict correctly | [**BLOCKED**](https://git.example.org/c/V2) |

    [The report](https://git.example.org/c/report) · 1 min 30 s

    <sub>Asked for by `maintainer` at 20:26 UTC · [everything that was seen](https://gavel.example.org/runs/1)</sub>
    ");
}

#[test]
fn progress_shows_a_guardrail_by_which_a_run_failed() {
    let mut record = record(RunState::Finished, vec![passed()]);
    let clauses = vec![clause("G1", Verdict::Fail, "one was merged", &[])];
    let attempt = attempt("G", 1, AttemptState::Judged);
    record.guardrails = Some(ItemRecord {
        item: &plan::guardrails::ITEM,
        attempts: vec![attempt.clone()],
        latest: Some(Judged {
            attempt,
            verdict: Verdict::Fail,
            clauses,
            facts: Vec::new(),
        }),
        verdict_comment: None,
        words: Vec::new(),
    });
    let text = progress(&record, None, &[]);
    let row = "| ❌ | Guardrails, held over the whole run | [**FAIL**](https://gavel.example.org/runs/1/G/1) |";
    assert!(text.contains(row), "{text}");
}

#[test]
fn progress_tells_who_cancelled() {
    let mut record = record(RunState::Finished, vec![passed(), waiting("V2")]);
    record.run.cut_short = Some(CutShort::Cancelled {
        by: "some|body".into(),
    });
    assert_snapshot!(progress(&record, None, &[]), @r"
    ### 🚫 Run 1 was cancelled by `some\|body`

    | | Item | Verdict |
    |:-:|---|---|
    | ✅ | **V1** `!testme` on a recipe pull request is the real gate | [**PASS**](https://git.example.org/c/V1) in 1 min 15 s |
    | 🚫 | **V2** `testme-on-pr.sh` reads the verdict correctly | not verified |


    <sub>Asked for by `maintainer` at 20:26 UTC · [everything that was seen](https://gavel.example.org/runs/1)</sub>
    ");
    record.run.state = RunState::Cleaning;
    let first = progress(&record, Some("closing what was opened"), &[]);
    assert_snapshot!(first.lines().next().unwrap_or(""), @r#"### ⏳ Run 1 is being cancelled, as `some\|body` asked"#);
}

#[test]
fn a_pass_has_its_evidence_beside_it() {
    assert_snapshot!(verdict_on(passed()), @r"
    ### ✅ V1 PASS · `!testme` on a recipe pull request is the real gate

    All 2 clauses hold.

    | | Clause | What was seen |
    |:-:|---|---|
    | ✅ | **V1.1** A `!testme` by a collaborator starts exactly one build, for that pull request and that head | build 12 for pull request 7 at `c0ffee`<br>nothing else<br><sub>[!testme by gavel on \#‍7](https://gavel.example.org/runs/1/V1/1#fact-3) · [all builds](https://gavel.example.org/runs/1/V1/1#fact-4) · [build 12](https://gavel.example.org/runs/1/V1/1#fact-5) · [statuses of \#‍7](https://gavel.example.org/runs/1/V1/1#fact-6) · [all 5](https://gavel.example.org/runs/1/V1/1#V1.1)</sub> |
    | ✅ | **V1.2** That build runs the suite: every stage, at least one test, to its end | 4 stages<br><sub>[build 12](https://gavel.example.org/runs/1/V1/1#fact-5)</sub> |

    <sub>Run 1, attempt 1 · 1 min 15 s · [all 8 facts](https://gavel.example.org/runs/1/V1/1), sealed by `9f4b5c4443f5f18e74c38e90b02c06efb48aabf483f0731c1a374274b98423d1`</sub>
    ");
}

#[test]
fn a_fail_begins_with_what_was_found_and_nothing_in_it_is_markdown() {
    assert_snapshot!(verdict_on(failed()), @r"
    ### ❌ V1 FAIL · `!testme` on a recipe pull request is the real gate

    Of 3 clauses: 1 failed (V1.3), 1 inconclusive (V1.4), 1 passed.

    #### F1 · V1.3 does not hold
    - **Expected:** The result is put back on the pull request, as it was and leading to the build.
    - **Seen:** a&#124;b @‍everyone &lt;img src=x onerror=alert(1)> \[click\](http://evil) &#92;u{202e}txt.exe \# big `co\|de` \*\*bold\*\* `open`
    - **Evidence:** [build 12](https://gavel.example.org/runs/1/V1/1#fact-5) · [statuses of \#‍7](https://gavel.example.org/runs/1/V1/1#fact-6) · [comments of \#‍7](https://gavel.example.org/runs/1/V1/1#fact-7)
    - **Where a fix would go:** Look at the bridge
    - **See it again:** `/verify V1`. What it rests on, asked by hand, as it is now:

      ```sh
      curl -fsS 'https://git.example.org/api/v1/somewhere?page=1'
      ```

    | | Clause | What was seen |
    |:-:|---|---|
    | ✅ | **V1.1** A `!testme` by a collaborator starts exactly one build, for that pull request and that head | build 12<br><sub>[build 12](https://gavel.example.org/runs/1/V1/1#fact-5)</sub> |
    | ❌ | **V1.3** The result is put back on the pull request, as it was and leading to the build | see F1 |
    | ❓ | **V1.4** A `!testme` by an outsider starts nothing and changes no status | the forge was down |

    <sub>Run 1, attempt 1 · 1 min 15 s · [all 8 facts](https://gavel.example.org/runs/1/V1/1), sealed by `9f4b5c4443f5f18e74c38e90b02c06efb48aabf483f0731c1a374274b98423d1`</sub>
    ");
}

#[test]
fn what_was_not_attempted_is_one_sentence() {
    assert_snapshot!(verdict_on(blocked()), @"
    ### ⛔ V2 BLOCKED · `testme-on-pr.sh` reads the verdict correctly

    Not attempted: V1 is FAIL. None of its 7 clauses was tried.

    <sub>Run 1, attempt 1</sub>
    ");
}

#[test]
fn one_blocked_clause_among_others_keeps_its_row() {
    let clauses = vec![
        clause("V1.1", Verdict::Pass, "build 12", &[5]),
        clause("V1.2", Verdict::Blocked, "no build", &[]),
    ];
    let text = verdict_on(judged("V1", clauses, facts()));
    assert!(text.contains("Of 2 clauses: 1 not attempted (V1.2), 1 passed."));
    assert!(text.contains("| ⛔ | **V1.2** "), "{text}");
}

#[test]
fn the_report_has_findings_first_and_all_the_rest_folded() {
    let mut record = record(RunState::Finished, vec![failed(), blocked()]);
    let resource = |kind, number, name: &str, ended: Option<&str>| Resource {
        id: 1,
        run: 1,
        attempt: 1,
        kind,
        repository: "recipes/tiny".into(),
        name: name.into(),
        number,
        purpose: "V1, known green".into(),
        was: None,
        moved_to: None,
        intended: jiff::Timestamp::UNIX_EPOCH,
        known: None,
        ended: ended.map(Into::into),
    };
    record.resources = vec![
        resource(ResourceKind::Branch, None, "gavel/run1", Some("deleted")),
        resource(ResourceKind::Pull, Some(7), "gavel/run1", None),
        resource(ResourceKind::Branch, None, "gavel/no", Some("never made")),
    ];
    assert_snapshot!(report(&record), @r#"
    ## REVIEW-5 · ❌ FAIL

    Run 1, asked for by [`maintainer`](https://git.example.org/c/0) · 2026-05-28 20:26 UTC · 1 min 30 s

    | | Item | Verdict | Time | Adversary |
    |:-:|---|---|---|---|
    | ❌ | **V1** `!testme` on a recipe pull request is the real gate | [FAIL](https://git.example.org/c/V1) | 1 min 15 s | silent |
    | ⛔ | **V2** `testme-on-pr.sh` reads the verdict correctly | [BLOCKED](https://git.example.org/c/V2) |  | silent |

    ### Findings

    #### F1 · V1.3 does not hold
    - **Expected:** The result is put back on the pull request, as it was and leading to the build.
    - **Seen:** a&#124;b @‍everyone &lt;img src=x onerror=alert(1)> \[click\](http://evil) &#92;u{202e}txt.exe \# big `co\|de` \*\*bold\*\* `open`
    - **Evidence:** [build 12](https://gavel.example.org/runs/1/V1/1#fact-5) · [statuses of \#‍7](https://gavel.example.org/runs/1/V1/1#fact-6) · [comments of \#‍7](https://gavel.example.org/runs/1/V1/1#fact-7)
    - **Where a fix would go:** Look at the bridge
    - **See it again:** `/verify V1`. What it rests on, asked by hand, as it is now:

      ```sh
      curl -fsS 'https://git.example.org/api/v1/somewhere?page=1'
      ```

    ### Could not be told

    - **V1.4** the forge was down

    <details><summary>❌ V1: every clause, with its evidence</summary>

    **V1** `!testme` on a recipe pull request is the real gate

    | | Clause | What was seen |
    |:-:|---|---|
    | ✅ | **V1.1** A `!testme` by a collaborator starts exactly one build, for that pull request and that head | build 12<br><sub>[build 12](https://gavel.example.org/runs/1/V1/1#fact-5)</sub> |
    | ❌ | **V1.3** The result is put back on the pull request, as it was and leading to the build | see F1 |
    | ❓ | **V1.4** A `!testme` by an outsider starts nothing and changes no status | the forge was down |

    <sub>[all 8 facts](https://gavel.example.org/runs/1/V1/1), sealed by `9f4b5c4443f5f18e74c38e90b02c06efb48aabf483f0731c1a374274b98423d1`</sub>

    </details>

    ⛔ **V2** · not attempted: V1 is FAIL.

    <details><summary>What was verified</summary>

    | Part | Version |
    |---|---|
    | forge | [1.25.4](https://gavel.example.org/runs/1/V1/1#fact-1) |
    | gavel | 0.1.0 |

    <sub>Of files it is the beginning of a digest: the SHA-256 of their own ones, as the JSON that the link leads to has them, without white space.</sub>

    </details>

    <details><summary>What was opened, and how it ended</summary>

    - branch `gavel/run1` of recipes/tiny (V1, known green): deleted
    - pull request [recipes/tiny#7](https://git.example.org/recipes/tiny/pulls/7) (V1, known green): **still there**

    </details>

    <details><summary>How to check all of this cold</summary>

    1. Every link leads to a fact: what was asked, of whom, when, and what came back, with the line that asks it again. What was true only then says so, and so does what acts.
    2. [evidence.json](https://gavel.example.org/runs/1/evidence.json) has all of them. The digest of a fact is the SHA-256 of its JSON without `digest`, in the order in which it stands; `previous` is the digest of the fact before. This goes through every attempt, and ends with what seals it, which stands beside each item above:

       ```sh
       curl -fsS https://gavel.example.org/runs/1/evidence.json | python3 -c '
       import hashlib, json, sys
       sha256 = lambda text: hashlib.sha256(text.encode()).hexdigest()
       for attempt in json.load(sys.stdin)["attempts"]:
           last = sha256("")
           for fact in attempt["facts"]:
               digest = fact.pop("digest")
               text = json.dumps(fact, separators=(",", ":"), ensure_ascii=False)
               if fact["previous"] != last or sha256(text) != digest:
                   sys.exit(attempt["item"] + ": fact " + str(fact["number"]) + " is not what it was")
               last = digest
           print(attempt["item"], attempt["attempt"], attempt["verdict"], last)
       '
       ```
    3. Which facts led to which verdict stands with every clause, and why in `src/plan/`, item by item: the same facts give the same clauses, without a look at the world. A Gavel that you built yourself judges them again, and tells whether the signature is of the key that you were given when the installation was new, `signing.pub`:

       ```sh
       curl -fsSO https://gavel.example.org/runs/1/bundle.tar.gz
       gavel audit bundle.tar.gz --key signing.pub \
         --head V1=9f4b5c4443f5f18e74c38e90b02c06efb48aabf483f0731c1a374274b98423d1
       ```

    Private repositories want a token beside the `curl` lines: `-H "Authorization: token $TOKEN"` for the forge, `-H "Authorization: Bearer $TOKEN"` for Drone. What is asked of the machine was asked there, with the commands and the environment of `[host]` in `gavel.toml`.

    </details>
    "#);
}

#[test]
fn a_long_report_is_split_where_it_may_be() {
    let record = record(RunState::Finished, vec![failed(), blocked()]);
    let whole = report(&record);
    assert_eq!(
        report_parts(&record, whole.len()),
        std::slice::from_ref(&whole)
    );
    let parts = report_parts(&record, 2900);
    assert!(parts.len() > 1, "{}", parts.len());
    assert!(parts.iter().all(|part| part.len() <= 2900));
    assert_eq!(parts.join("\n\n"), whole);
    let opened = parts.iter().map(|part| part.matches("<details>").count());
    let closed = parts.iter().map(|part| part.matches("</details>").count());
    assert!(opened.eq(closed), "{parts:#?}");
    // What is longer than a comment by itself can still be read somewhere.
    for part in report_parts(&record, 300) {
        assert!(part.len() <= 300, "{part}");
    }
    assert!(report_parts(&record, 300)[0].contains("/runs/1/REVIEW-5.md"));
}

#[test]
fn the_parts_of_a_report_lead_to_each_other() {
    assert_snapshot!(report_continues(&[Some("https://f/2".into()), None]), @"*Continues in [part 2](https://f/2), part 3.*");
    assert_snapshot!(report_continued(Some("https://f/1"), 2, 3), @"*REVIEW-5, part 2 of 3; it begins in [part 1](https://f/1).*");
}

#[test]
fn a_report_without_findings_says_so() {
    let mut record = record(RunState::Finished, vec![passed()]);
    record.run.cut_short = Some(CutShort::Cancelled {
        by: "maintainer".into(),
    });
    let text = report(&record);
    assert!(text.contains("\nNo findings.\n"), "{text}");
    assert!(text.contains("**Cancelled by `maintainer`**"), "{text}");
    assert!(!text.contains("Could not be told"), "{text}");
    assert_eq!(report_again(Some(&record)), text);
}

#[test]
fn status_names_runs_and_what_is_judged() {
    let mut running = record(RunState::Running, vec![passed(), waiting("V2")]);
    running.progress_comment = Some("https://git.example.org/c/1".into());
    assert_snapshot!(status(&[running, record(RunState::Queued, vec![waiting("V1")])], 980, None), @"
    - [Run 1](https://git.example.org/c/1) is running, asked for by `maintainer`: V1 ✅, V2
    - Run 1 is queued, asked for by `maintainer`: V1
    - 980 more wait in line
    ");
    assert_snapshot!(status(&[], 0, None), @"Nothing is running. `/verify all` starts a run, `/help` tells what else there is.");
}

#[test]
fn a_pause_says_who_and_since_when_and_what_waits() {
    let pause = Pause {
        account: "maint`ainer".into(),
        since: at(0),
    };
    let run = |state| record(state, Vec::new()).run;
    let told = [
        paused(&pause, &[]),
        paused(&pause, &[run(RunState::Queued)]),
        paused(&pause, &[run(RunState::Cleaning), run(RunState::Queued)]),
        waits(7, &pause),
        status(&[], 0, Some(&pause)),
        resumed(Some(&pause), &[]),
        resumed(Some(&pause), &[run(RunState::Queued)]),
        resumed(Some(&pause), &[run(RunState::Running)]),
        resumed(None, &[run(RunState::Running)]),
    ];
    for text in &told {
        assert_eq!(commands(text), [], "{text}");
    }
    assert_snapshot!(told.join("\n"), @"
    ⏸️ Paused by `maint'ainer` since 2026-05-28 20:26 UTC: no run starts until `/resume`. Commands are taken meanwhile, and runs wait in line.
    ⏸️ Paused by `maint'ainer` since 2026-05-28 20:26 UTC: no run starts until `/resume`. Commands are taken meanwhile, and runs wait in line.
    ⏸️ Paused by `maint'ainer` since 2026-05-28 20:26 UTC: no run starts until `/resume`. Commands are taken meanwhile, and runs wait in line. Run 1 goes on to its end.
    Run 7 is queued, and does not start: I am paused by `maint'ainer` since 2026-05-28 20:26 UTC. `/resume` goes on.
    ⏸️ Paused by `maint'ainer` since 2026-05-28 20:26 UTC: no run starts until `/resume`.

    Nothing is running. `/verify all` starts a run, `/help` tells what else there is.
    ▶️ Going on; I was paused by `maint'ainer` since 2026-05-28 20:26 UTC. Nothing waits.
    ▶️ Going on; I was paused by `maint'ainer` since 2026-05-28 20:26 UTC. Run 1 is next.
    ▶️ Going on; I was paused by `maint'ainer` since 2026-05-28 20:26 UTC. Run 1 is under way.
    I am not paused.
    ");
}

#[test]
fn cancelling_says_what_becomes_of_it() {
    let run = record(RunState::Cleaning, Vec::new()).run;
    assert_snapshot!(cancelled(Some(1), std::slice::from_ref(&run)), @"Run 1 is being cancelled. What it opened is closed; nothing is judged any more.");
    assert_snapshot!(cancelled(None, &[run]), @"Run 1 is ending already.");
    assert_snapshot!(cancelled(None, &[]), @"Nothing is running that could be cancelled.");
}

#[test]
fn help_lists_commands_and_items() {
    assert_snapshot!(help(plan::ITEMS), @"
    | Command | What it does |
    |---|---|
    | `/verify V1`, `/verify V1-V9`, `/verify all` | verifies these items and what they need; `keep` leaves what was opened, `force` goes on after a failed prerequisite, `dry-run` only tells what would be done |
    | `/status` | tells what is running |
    | `/cancel` | ends the run and closes what it opened |
    | `/pause`, `/resume` | lets no run start until then; what is asked for meanwhile waits in line, what is running goes on to its end |
    | `/report` | posts the latest report again |
    | `/cleanup` | closes what earlier runs left, also what they were asked to keep |
    | `/accept V4 DIGEST`, `/dispute V4 why`, `/withdraw V4` | for adversaries: says of the latest attempt that you checked it, quoting the digest that seals it, or that you do not believe it; takes that back |
    | `/file F2`, `/file all` | opens issues for findings of the latest report |
    | `/decision text`, `/idea text` | records it, for reports and bundles |
    | `/help` | this |

    | Item | What is verified |
    |---|---|
    | V1 | `!testme` on a recipe pull request is the real gate |
    | V2 | `testme-on-pr.sh` reads the verdict correctly |
    | V3 | `/recipe-upgrade` is green end to end |
    | V4 | A regression gets three runs |
    | V5 | A stale test is told of, and not edited |
    | V6 | `--with-tests` updates a stale test by pull request |
    | V7 | The mirror is reconciled |
    | V8 | `/upgrade-all` in default mode |
    | V8a | The `cc-ci-upgrader` agent |
    | V9 | Cleanup |

    <sub>A command stands at the start of a line. An edited comment is not executed: write a new one.</sub>
    ");
}

#[test]
fn a_dry_run_says_what_would_be_done_to_what_and_for_how_long() {
    let planned = |seconds: [Option<f64>; 2]| -> Vec<Planned> {
        let items = plan::ITEMS.iter().zip(seconds);
        items
            .map(|(item, seconds)| Planned { item, seconds })
            .collect()
    };
    let sandbox = ["recipes/tiny".to_owned(), "recipes/cc-ci".to_owned()];
    assert_snapshot!(dry_run(&planned([Some(75.0), None]), &sandbox), @"
    This would be verified, in this order. Nothing was started.

    | Item | What it does | Time |
    |---|---|---|
    | **V1** `!testme` on a recipe pull request is the real gate | Opens a known-green and a known-red pull request in the mirror, types every good and bad trigger there, also in the outsider's name, and waits for the builds | about 1 min 15 s |
    | **V2** `testme-on-pr.sh` reads the verdict correctly | Opens a known-green and a known-red pull request in the mirror, runs the helper on them with `POST=0` and `POST=1`, and waits for the builds | not timed yet |

    What has been run here before takes about 1 min 15 s. It would touch `recipes/tiny`, `recipes/cc-ci`, close what it opens, and merge nothing.
    ");
    let all = dry_run(&planned([Some(75.0), Some(5.0)]), &sandbox);
    assert!(all.contains("In all about 1 min 20 s."), "{all}");
    let none = dry_run(&planned([None, None]), &sandbox);
    assert!(none.contains("not known"), "{none}");
}

#[test]
fn nothing_to_report_is_said() {
    assert_snapshot!(report_again(None), @"There is no report yet: no run has ended. `/verify all` starts one.");
}

#[test]
fn what_follows_a_verification_is_said() {
    let record = record(RunState::Finished, vec![passed()]);
    let done = [
        "this issue is labelled `verified`".to_owned(),
        "`cron` failed: @everyone".to_owned(),
    ];
    assert_snapshot!(verified(&record, &done), @"
    🎉 **Verified.** In run 1 everything passed, against one set of versions.

    - this issue is labelled `verified`
    - `cron` failed: @‍everyone
    ");
}

#[test]
fn what_was_found_before_is_not_forgotten() {
    let mut record = record(RunState::Finished, vec![passed()]);
    let past = |item: &str, run, verdict| Earlier {
        item: plan::item(item).unwrap(),
        run,
        verdict,
        comment: Some(format!("https://git.example.org/c/{run}")),
        is_disputed: false,
        outdated: Vec::new(),
    };
    assert_eq!(history::history(&record), "");
    record.earlier = vec![
        Earlier {
            outdated: vec!["bridge".into(), "harness".into()],
            ..past("V3", 4, Verdict::Pass)
        },
        past("V1", 3, Verdict::Fail),
        Earlier {
            is_disputed: true,
            ..past("V1", 2, Verdict::Pass)
        },
        past("V2", 1, Verdict::Pass),
    ];
    assert_snapshot!(history::history(&record), @"
    ### Before this run

    - **V1**: ❌ [FAIL](https://git.example.org/c/3) in run 3; ✅ [PASS](https://git.example.org/c/2) in run 2, ✋ disputed. **A FAIL became PASS**
    - **V2**, not judged here: ✅ [PASS](https://git.example.org/c/1) in run 1
    - **V3**, not judged here: ✅ [PASS](https://git.example.org/c/4) in run 4, outdated: other versions of bridge, harness
    ");
}

#[test]
fn a_label_that_goes_is_said_with_its_reason() {
    let failed = record(RunState::Finished, vec![failed()]);
    assert_snapshot!(unlabelled(&failed, "verified"), @"🏷️ The label `verified` is off this issue: run 1 found what does not hold.");
    let disputed = record(RunState::Finished, vec![passed()]);
    assert_snapshot!(unlabelled(&disputed, "verified"), @"🏷️ The label `verified` is off this issue: run 1 is disputed, so that it verifies nothing while that stands.");
}

#[test]
fn strangers_are_told_once_and_politely() {
    assert_snapshot!(turned_away("out`sider", &tracking()), @"Sorry, `out'sider`: only those whom this installation names, or who can write to maintainers/verification, may give me commands. Nothing was started. I will not answer further commands of yours here.");
}

#[test]
fn who_gives_too_many_commands_is_told_when_to_go_on() {
    let (within, wait) = (Duration::from_secs(600), Duration::from_secs(200));
    assert_snapshot!(too_many("main`tainer", 60, within, wait), @"`main'tainer`, these are too many: 60 commands of one account are dealt with in 10 min 0 s. This one and those that follow are not. I hear you again in 3 min 20 s; type then what is still wanted.");
}

#[test]
fn a_complaint_quotes_the_line_and_runs_nothing_in_it() {
    let line = "/verfy @everyone <b>`x`|";
    let found = commands(line).remove(0);
    let text = complaint(line, &found.what.unwrap_err());
    assert_snapshot!(text, @r"
    `/verfy` is not a command. Did you mean `/verify`?

    <sub>You wrote `/verfy @everyone <b>'x'\|`.</sub>
    ");
    assert!(commands(&text).is_empty());
}

#[test]
fn elsewhere_leads_to_the_tracking_issue() {
    let forge = "https://git.example.org/".parse().unwrap();
    assert_snapshot!(elsewhere(&tracking(), &forge), @"That belongs on the [tracking issue](https://git.example.org/maintainers/verification/issues/1). Here I answer `/status` and `/help`.");
}

#[test]
fn a_pull_request_says_what_it_is_for_and_when_it_is_done() {
    let public = "https://gavel.example.org".parse().unwrap();
    assert_snapshot!(pull_opened("V1, known green", 1, &public), @"🔬 This pull request belongs to [verification run 1](https://gavel.example.org/runs/1): V1, known green. It is closed when that is done. Please do not merge it.");
    assert_snapshot!(pull_closed(1, &public), @"Done: [verification run 1](https://gavel.example.org/runs/1) no longer needs this pull request. Closed, not merged; its branch is deleted.");
}

/// What Gavel writes must never be taken for a command, by itself or by a sibling.
#[test]
fn no_comment_holds_a_command() {
    let record = record(RunState::Finished, vec![failed(), blocked()]);
    for text in [
        progress(&record, None, &[]),
        report(&record),
        verdict(&record, &record.items[0]),
        help(plan::ITEMS),
        status(&[], 0, None),
        report_again(None),
    ] {
        assert_eq!(commands(&text), [], "{text}");
    }
}
