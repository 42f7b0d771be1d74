//! V2, one change at a time: what is changed in the facts of a healthy lab, and the clauses that then must not pass.
//!
//! Builds 4 and 5 are of the green pull request (3), which is tested twice, build 6 is of the red one (4).

use super::facts::{Facts, check};
use crate::evidence::Question;
use serde_json::{Value, json};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// A comment that is there from one step on.
fn wrote(facts: &mut Facts, labels: &[&str], login: &str, body: &str) {
    for label in labels {
        facts.add(
            label,
            json!({ "id": 9000, "user": { "login": login }, "body": body }),
        );
    }
}

/// What the flow's account wrote is not there.
fn unwritten(facts: &mut Facts, labels: &[&str]) {
    for label in labels {
        facts.remove(label, |comment| comment["user"]["login"] == "flow");
    }
}

/// All lists of the green pull request's comments after the helper had posted.
const GREEN: &[&str] = &[
    "post.after",
    "green.end.comments",
    "renew.comments.before",
    "renew.comments.after",
    "renew.end.comments",
    "end.green.comments",
];
const RED: &[&str] = &["red.end.comments", "end.red.comments"];

fn says(facts: &mut Facts, label: &str, verdict: &str) {
    facts.printed(label, |stdout| {
        let (_, build) = stdout.split_once('\n').unwrap();
        format!("VERDICT={verdict}\n{build}")
    });
}

fn names(facts: &mut Facts, label: &str, change: impl Fn(&str) -> String) {
    facts.printed(label, |stdout| {
        let (verdict, build) = stdout.trim_end().split_once("\nBUILD=").unwrap();
        format!("{verdict}\nBUILD={}\n", change(build))
    });
}

/// The helper names the build that another run of it named.
fn answers_as(facts: &mut Facts, label: &str, other: &str, verdict: &str) {
    let stdout = facts.answer(other)["stdout"].clone();
    facts.printed(label, |_| stdout.as_str().unwrap().to_owned());
    says(facts, label, verdict);
}

/// The helper said PENDING at the end of this many milliseconds.
fn gave_up_after(facts: &mut Facts, label: &str, milliseconds: u64) {
    says(facts, label, "PENDING");
    facts.put(label, "/milliseconds", milliseconds);
}

/// The build is seen to take this many seconds.
fn takes(facts: &mut Facts, build: u64, seconds: u64) {
    facts.build(build, |build| {
        build["finished"] = (build["created"].as_u64().unwrap() + seconds).into();
    });
}

fn not_started(facts: &mut Facts, label: &str) {
    facts.set(
        label,
        json!({ "end": { "not_started": "no such file" }, "stdout": "", "stderr": "", "stdout_bytes": 0, "stderr_bytes": 0, "milliseconds": 0 }),
    );
}

/// The gate tells of the first build only.
fn untold(facts: &mut Facts, step: &str) {
    for kind in ["statuses", "comments"] {
        let before = facts.answer(&format!("green.end.{kind}")).clone();
        facts.set(&format!("{step}.{kind}"), before);
    }
}

/// Nothing was built for the helper's trigger, although it was waited for, and the scenario ends there.
fn deaf(facts: &mut Facts, builds: &str, next: &str) {
    facts.stop_at(next);
    facts.set(builds, json!([]));
    facts.in_vain(builds);
}

#[test]
fn it_posts_once() {
    check(
        "V2",
        &[
            (
                "it posts nothing, and so nothing is built",
                |facts| {
                    unwritten(facts, &["post.after"]);
                    deaf(facts, "flight.1.builds", "flight.1");
                },
                "FAIL V2.1; BLOCKED V2.2 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "it posts, and nothing is built",
                |facts| deaf(facts, "flight.1.builds", "flight.1"),
                "INCONCLUSIVE V2.1; BLOCKED V2.2 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "nothing is built yet",
                |facts| {
                    deaf(facts, "flight.1.builds", "flight.1");
                    facts.broken_off("flight.1.builds");
                },
                "INCONCLUSIVE V2.1 V2.2 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "it posts nothing, and the forge was down meanwhile",
                |facts| {
                    unwritten(facts, &["post.after"]);
                    deaf(facts, "flight.1.builds", "flight.1");
                    facts.set("calm", json!(["POST /: 502"]));
                },
                "INCONCLUSIVE V2.1; BLOCKED V2.2 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "it posts twice",
                |facts| wrote(facts, GREEN, "flow", "!testme"),
                "FAIL V2.1",
            ),
            (
                "it posts twice on the red pull request",
                |facts| wrote(facts, RED, "flow", "!testme"),
                "FAIL V2.1",
            ),
            (
                "it posts nothing when the head is to be tested again",
                |facts| {
                    let before = facts.answer("renew.comments.before").clone();
                    facts.set("renew.comments.after", before);
                    deaf(facts, "renew.builds", "renew.announced.statuses");
                },
                "FAIL V2.1; BLOCKED V2.2 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "it posts twice when the head is to be tested again",
                |facts| wrote(facts, &GREEN[3..], "flow", "!testme"),
                "FAIL V2.1",
            ),
            (
                "it posts a second time when the result is there",
                |facts| wrote(facts, &["end.red.comments"], "flow", "!testme"),
                "FAIL V2.1",
            ),
            (
                "it posts a second time in the other legal form",
                |facts| wrote(facts, GREEN, "flow", "!testme --quick"),
                "FAIL V2.1",
            ),
            (
                "it posts with words around it",
                |facts| {
                    unwritten(facts, &["post.after"]);
                    deaf(facts, "flight.1.builds", "flight.1");
                    wrote(facts, &["post.after"], "flow", "!testme custom-html-tiny");
                },
                "FAIL V2.1; BLOCKED V2.2 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "its comment is by somebody else",
                |facts| {
                    unwritten(facts, &GREEN[..1]);
                    wrote(facts, &GREEN[..1], "gavel", "!testme");
                    facts.remove("renew.comments.before", |comment| {
                        comment["user"]["login"] == "flow"
                    });
                    wrote(facts, &["renew.comments.before"], "gavel", "!testme");
                },
                "FAIL V2.1",
            ),
            (
                "the flow's account is written with a capital",
                |facts| facts.put("expectations", "/flow", "Flow"),
                "PASS",
            ),
            (
                "it also says something else",
                |facts| wrote(facts, RED, "flow", "Testing this now."),
                "PASS",
            ),
            (
                "the comments after it are not known",
                |facts| facts.unseen("post.after"),
                "INCONCLUSIVE V2.1 V2.2",
            ),
            (
                "the comments are of another pull request",
                |facts| {
                    let Question::Comments { number, .. } = &mut facts.fact("post.after").question
                    else {
                        panic!("no comments")
                    };
                    *number = 12;
                },
                "INCONCLUSIVE V2.1 V2.2",
            ),
            (
                "it cannot be started",
                |facts| not_started(facts, "post"),
                "BLOCKED V2.1 V2.5 V2.6",
            ),
            (
                "it can never be started",
                |facts| {
                    not_started(facts, "idle");
                    not_started(facts, "post");
                    deaf(facts, "flight.1.builds", "flight.1");
                },
                "BLOCKED V2.1 V2.2 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
        ],
    );
}

#[test]
fn it_only_polls() {
    check(
        "V2",
        &[
            (
                "with POST=0 it posts",
                |facts| {
                    facts.stop_at("post");
                    wrote(facts, &["idle.after"], "flow", "!testme");
                },
                "FAIL V2.2; BLOCKED V2.1 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "with POST=0 it says something",
                |facts| wrote(facts, &[&["idle.after"], GREEN].concat(), "flow", "looking"),
                "FAIL V2.2; BLOCKED V2.1 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "somebody else says something meanwhile",
                |facts| {
                    wrote(
                        facts,
                        &[&["idle.after"], GREEN].concat(),
                        "maintainer",
                        "what is this?",
                    )
                },
                "PASS",
            ),
            (
                "with POST=0 it starts a build by itself",
                |facts| {
                    let build = facts.another_build("green.build", 9);
                    facts.stop_at("post");
                    facts.add("idle.builds", build);
                },
                "FAIL V2.2; BLOCKED V2.1 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "a build starts before anything, and somebody else typed the trigger",
                |facts| {
                    let build = facts.another_build("green.build", 9);
                    facts.stop_at("post");
                    facts.add("idle.builds", build);
                    wrote(facts, &["idle.after"], "maintainer", "!testme");
                },
                "INCONCLUSIVE V2.1 V2.2 V2.3 V2.4 V2.5 V2.6 V2.7",
            ),
            (
                "somebody else's build starts meanwhile",
                |facts| {
                    let mut build = facts.another_build("green.build", 9);
                    build["params"] = json!({ "RECIPE": "other", "REF": OTHER, "PR": "3" });
                    facts.add("idle.builds", build);
                },
                "PASS",
            ),
            (
                "it posts while it waits",
                |facts| wrote(facts, &["end.green.comments"], "flow", "!testme"),
                "FAIL V2.2",
            ),
            (
                "it starts a build while it waits",
                |facts| {
                    let mut build = facts.another_build("green.build", 9);
                    build["status"] = "success".into();
                    facts.add("end.builds", build);
                },
                "FAIL V2.2",
            ),
            (
                "there is a build more, and somebody else typed the trigger",
                |facts| {
                    let build = facts.another_build("green.build", 9);
                    facts.add("end.builds", build);
                    wrote(facts, &["end.green.comments"], "maintainer", "!testme");
                },
                "INCONCLUSIVE V2.2",
            ),
            (
                "the gate tells its result by the flow's account",
                |facts| {
                    facts.share_an_account();
                    let looks = [
                        "renew.comments.before",
                        "renew.comments.after",
                        "end.green.comments",
                    ];
                    wrote(facts, &looks, "flow", "<!-- cc-ci:testme --> green");
                },
                "PASS",
            ),
            (
                "somebody who may not typed the trigger",
                |facts| wrote(facts, &["end.green.comments"], "outsider", "!testme"),
                "PASS",
            ),
            (
                "no build is on the list in the end",
                |facts| facts.set("end.builds", json!([])),
                "INCONCLUSIVE V2.2 V2.6",
            ),
            (
                "the first quiet window was too short",
                |facts| facts.set("idle.quiet", 599),
                "INCONCLUSIVE V2.2",
            ),
            (
                "the last quiet window was too short",
                |facts| facts.set("end.quiet", 599),
                "INCONCLUSIVE V2.1 V2.2",
            ),
            (
                "it cannot be started when it is to wait",
                |facts| not_started(facts, "green.told"),
                "BLOCKED V2.2 V2.3 V2.6 V2.7",
            ),
            (
                "it cannot be started when it is asked again",
                |facts| not_started(facts, "again.told"),
                "BLOCKED V2.2 V2.3 V2.6",
            ),
        ],
    );
}

#[test]
fn it_tells_green_and_red() {
    check(
        "V2",
        &[
            (
                "RED for the green one",
                |facts| says(facts, "green.told", "RED"),
                "FAIL V2.3",
            ),
            (
                "RED for the green one, and nothing is built for the red one",
                |facts| {
                    says(facts, "green.told", "RED");
                    deaf(facts, "red.builds", "red.then");
                },
                "FAIL V2.3; INCONCLUSIVE V2.1; BLOCKED V2.2 V2.4 V2.6 V2.7",
            ),
            (
                "GREEN for the red one",
                |facts| says(facts, "red.told", "GREEN"),
                "FAIL V2.4",
            ),
            (
                "RED for the green one, once the red one was built",
                |facts| says(facts, "again.told", "RED"),
                "FAIL V2.3",
            ),
            (
                "PENDING for the green one, once the red one was built",
                |facts| says(facts, "again.told", "PENDING"),
                "FAIL V2.3",
            ),
            (
                "RED, once the green one was tested again",
                |facts| says(facts, "renew.told", "RED"),
                "FAIL V2.3",
            ),
            (
                "GREEN, before the second build had ended: it is the result before",
                |facts| facts.put("renew.then", "/status", "running"),
                "FAIL V2.3",
            ),
            (
                "GREEN, before the second build had ended, and the gate had told of none",
                |facts| {
                    facts.put("renew.then", "/status", "running");
                    untold(facts, "renew.announced");
                },
                "INCONCLUSIVE V2.3 V2.6",
            ),
            (
                "RED, when the gate had told nothing of the second build in the end",
                |facts| {
                    says(facts, "again.told", "RED");
                    untold(facts, "renew.end");
                },
                "INCONCLUSIVE V2.3",
            ),
            (
                "PENDING, and the result stood there for long",
                |facts| gave_up_after(facts, "green.told", 20_000),
                "FAIL V2.3 V2.7",
            ),
            (
                "PENDING for the red one, and the result stood there for long",
                |facts| gave_up_after(facts, "red.told", 20_000),
                "FAIL V2.4 V2.7",
            ),
            (
                "PENDING, and the build took as long",
                |facts| {
                    takes(facts, 4, 20);
                    gave_up_after(facts, "green.told", 20_000);
                },
                "INCONCLUSIVE V2.3 V2.7",
            ),
            (
                "PENDING, and the build ended in time, but not the gate",
                |facts| {
                    takes(facts, 4, 19);
                    gave_up_after(facts, "green.told", 20_599);
                },
                "INCONCLUSIVE V2.3 V2.7",
            ),
            (
                "PENDING, and build and gate were just in time",
                |facts| {
                    takes(facts, 4, 19);
                    gave_up_after(facts, "green.told", 20_600);
                },
                "FAIL V2.3 V2.7",
            ),
            (
                "PENDING, and the build had not ended then",
                |facts| {
                    facts.put("green.then", "/status", "running");
                    gave_up_after(facts, "green.told", 20_000);
                },
                "INCONCLUSIVE V2.3 V2.7",
            ),
            (
                "GREEN, and a build that somebody else asked for had not ended then",
                |facts| {
                    facts.put("green.then", "/status", "running");
                    wrote(facts, &GREEN[1..], "maintainer", "!testme");
                },
                "INCONCLUSIVE V2.3",
            ),
            (
                "RED for the green one, and somebody else asked for a build",
                |facts| {
                    says(facts, "green.told", "RED");
                    wrote(facts, &GREEN[1..], "maintainer", "!testme");
                },
                "INCONCLUSIVE V2.3",
            ),
            (
                "the red one's build was killed",
                |facts| facts.put("red.build", "/status", "killed"),
                "INCONCLUSIVE V2.4",
            ),
            (
                "GREEN, and the build had not ended then",
                |facts| facts.put("green.then", "/status", "running"),
                "FAIL V2.3",
            ),
            (
                "RED, and the build had not ended then",
                |facts| facts.put("red.then", "/status", "running"),
                "FAIL V2.4",
            ),
            (
                "it is not known how the build stood then",
                |facts| facts.unseen("red.then"),
                "INCONCLUSIVE V2.4",
            ),
            (
                "how another build stood then",
                |facts| facts.put("red.then", "/params/REF", OTHER),
                "INCONCLUSIVE V2.4",
            ),
            (
                "the known-green head ends red, and it says so",
                |facts| {
                    facts.build(4, |build| {
                        if build["status"] == "success" {
                            build["status"] = "failure".into();
                        }
                    });
                    facts.end_status(4, |status| status["status"] = "failure".into());
                    says(facts, "green.told", "RED");
                    says(facts, "again.told", "RED");
                },
                "INCONCLUSIVE V2.3",
            ),
            (
                "the known-red head ends green",
                |facts| facts.build(6, |build| build["status"] = "success".into()),
                "INCONCLUSIVE V2.4",
            ),
            (
                "the verdict is no word that it knows",
                |facts| says(facts, "green.told", "green"),
                "FAIL V2.3 V2.7",
            ),
            (
                "two verdicts that differ",
                |facts| facts.printed("green.told", |stdout| format!("VERDICT=PENDING\n{stdout}")),
                "FAIL V2.3 V2.7",
            ),
            (
                "two verdicts that differ, the right one last and first",
                |facts| {
                    facts.printed("green.told", |stdout| {
                        format!("VERDICT=GREEN\nVERDICT=RED\n{stdout}")
                    });
                },
                "FAIL V2.3 V2.7",
            ),
            (
                "the same verdict twice",
                |facts| facts.printed("green.told", |stdout| format!("VERDICT=GREEN\n{stdout}")),
                "PASS",
            ),
            (
                "the verdict stands inside of a line",
                |facts| {
                    facts.printed("green.told", |stdout| {
                        stdout.replace("VERDICT", "the VERDICT")
                    });
                },
                "FAIL V2.3 V2.7",
            ),
            (
                "the verdict is told on stderr only",
                |facts| {
                    let stdout = facts.answer("red.told")["stdout"].clone();
                    facts.put("red.told", "/stderr", stdout);
                    facts.printed("red.told", |_| String::new());
                },
                "FAIL V2.4 V2.6 V2.7",
            ),
            (
                "it prints nothing",
                |facts| facts.printed("green.told", |_| String::new()),
                "FAIL V2.3 V2.6 V2.7",
            ),
            (
                "it says GREEN and never ends",
                |facts| facts.put("green.told", "/end", "timed_out"),
                "FAIL V2.3 V2.6 V2.7",
            ),
            (
                "it says RED and is ended by a signal",
                |facts| facts.put("red.told", "/end", json!({ "signalled": 11 })),
                "FAIL V2.4 V2.6 V2.7",
            ),
            (
                "it says GREEN in the beginning of 100 MB",
                |facts| {
                    facts.put("green.told", "/stdout_bytes", 100_000_000);
                    facts.answer("green.told")["stdout_cut"] = true.into();
                },
                "FAIL V2.3 V2.6 V2.7",
            ),
            (
                "it says GREEN and exits with 1",
                |facts| facts.put("green.told", "/end", json!({ "exited": 1 })),
                "PASS",
            ),
            (
                "it cannot be started on the red pull request",
                |facts| not_started(facts, "red.told"),
                "BLOCKED V2.1 V2.4 V2.6 V2.7",
            ),
            (
                "nothing is built for the red one",
                |facts| deaf(facts, "red.builds", "red.then"),
                "INCONCLUSIVE V2.1; BLOCKED V2.2 V2.3 V2.4 V2.6 V2.7",
            ),
        ],
    );
}

#[test]
fn it_says_pending_as_long_as_it_is() {
    check(
        "V2",
        &[
            (
                "GREEN before there is anything",
                |facts| says(facts, "idle", "GREEN"),
                "FAIL V2.5",
            ),
            (
                "RED before there is anything",
                |facts| says(facts, "idle", "RED"),
                "FAIL V2.5",
            ),
            (
                "nothing at all before there is anything",
                |facts| facts.printed("idle", |_| String::new()),
                "FAIL V2.5 V2.6",
            ),
            (
                "it hangs before there is anything",
                |facts| facts.put("idle", "/end", "timed_out"),
                "FAIL V2.5 V2.6",
            ),
            (
                "GREEN while the build runs",
                |facts| says(facts, "flight.1", "GREEN"),
                "FAIL V2.5",
            ),
            (
                "RED while the build runs",
                |facts| says(facts, "flight.1", "RED"),
                "FAIL V2.5",
            ),
            (
                "GREEN as soon as it has posted",
                |facts| says(facts, "post", "GREEN"),
                "FAIL V2.5",
            ),
            (
                "it hangs when it has posted",
                |facts| facts.put("post", "/end", "timed_out"),
                "FAIL V2.5 V2.6",
            ),
            (
                "GREEN for the result before, as soon as it has asked for a new one",
                |facts| answers_as(facts, "renew", "green.told", "GREEN"),
                "FAIL V2.5",
            ),
            (
                "GREEN for the new build, as soon as it has asked for it: it may have been quick",
                |facts| answers_as(facts, "renew", "renew.told", "GREEN"),
                "PASS",
            ),
            (
                "it was not asked while the build ran",
                |facts| facts.drop("flight.1"),
                "INCONCLUSIVE V2.2 V2.5 V2.6",
            ),
            (
                "it is not known whether the build ran",
                |facts| facts.unseen("flight.1.build"),
                "INCONCLUSIVE V2.5 V2.6",
            ),
            (
                "another build ran",
                |facts| facts.put("flight.1.build", "/params/REF", OTHER),
                "INCONCLUSIVE V2.5 V2.6",
            ),
            (
                "the build had ended when it had answered, and there was no second try",
                |facts| facts.put("flight.1.build", "/status", "success"),
                "INCONCLUSIVE V2.5 V2.6",
            ),
            (
                "the first build was too fast, the second was not",
                |facts| {
                    again(facts, 2, "running");
                    says(facts, "flight.1", "GREEN");
                },
                "PASS",
            ),
            (
                "the first build was too fast, and GREEN while the second ran",
                |facts| {
                    again(facts, 2, "running");
                    says(facts, "flight.2", "GREEN");
                },
                "FAIL V2.5",
            ),
            (
                "all builds were too fast",
                |facts| {
                    again(facts, 2, "success");
                    again(facts, 3, "success");
                },
                "INCONCLUSIVE V2.5",
            ),
        ],
    );
}

/// The tries before this one came too late.
fn again(facts: &mut Facts, attempt: u32, status: &str) {
    facts.put(
        &format!("flight.{}.build", attempt - 1),
        "/status",
        "success",
    );
    for step in ["", ".build"] {
        let mut fact = facts.fact(&format!("flight.1{step}")).clone();
        fact.label = format!("flight.{attempt}{step}");
        facts.0.push(fact);
    }
    facts.put(&format!("flight.{attempt}.build"), "/status", status);
}

#[test]
fn it_names_the_build() {
    check(
        "V2",
        &[
            (
                "a build with a longer number",
                |facts| names(facts, "green.told", |page| format!("{page}2")),
                "FAIL V2.6",
            ),
            (
                "a build with a shorter address",
                |facts| {
                    names(facts, "green.told", |page| {
                        page[..page.len() - 1].to_owned()
                    });
                },
                "FAIL V2.6",
            ),
            (
                "a slash at its end",
                |facts| names(facts, "green.told", |page| format!("{page}/")),
                "PASS",
            ),
            (
                "a page on another host",
                |facts| {
                    names(facts, "green.told", |page| {
                        page.replace("127.0.0.1", "127.0.0.2")
                    });
                },
                "FAIL V2.6",
            ),
            (
                "the other pull request's build",
                |facts| names(facts, "again.told", |page| page.replace("/5", "/6")),
                "FAIL V2.6",
            ),
            (
                "the build before, once the head was tested again",
                |facts| names(facts, "renew.told", |page| page.replace("/5", "/4")),
                "FAIL V2.6",
            ),
            (
                "the build before, while the head is tested again",
                |facts| answers_as(facts, "renew", "green.told", "PENDING"),
                "PASS",
            ),
            (
                "the other pull request's build, while its own one runs",
                |facts| names(facts, "flight.1", |page| page.replace("/4", "/6")),
                "FAIL V2.6",
            ),
            (
                "a build of another pull request, when it has posted",
                |facts| {
                    facts.printed("post", |_| {
                        "VERDICT=PENDING\nBUILD=http://drone.example/o/r/3\n".into()
                    });
                },
                "FAIL V2.6",
            ),
            (
                "a build before there is one",
                |facts| {
                    names(facts, "idle", |_| "http://drone.example/o/r/3".into());
                },
                "FAIL V2.6",
            ),
            (
                "a build on Drone's list, of another commit",
                |facts| {
                    facts.remove("end.builds", |build| build["number"] == 4);
                    let mut own = facts.another_build("green.build", 8);
                    facts.add("end.builds", own.clone());
                    own["number"] = 4.into();
                    own["params"]["REF"] = OTHER.into();
                    facts.add("end.builds", own);
                },
                "FAIL V2.2 V2.6",
            ),
            (
                "unknown while the build runs",
                |facts| names(facts, "flight.1", |_| "?".into()),
                "PASS",
            ),
            (
                "unknown at the end",
                |facts| names(facts, "green.told", |_| "?".into()),
                "FAIL V2.6",
            ),
            (
                "unknown at the end, of the red one",
                |facts| names(facts, "red.told", |_| "?".into()),
                "FAIL V2.6",
            ),
            (
                "empty",
                |facts| names(facts, "green.told", |_| String::new()),
                "FAIL V2.6",
            ),
            (
                "two that differ",
                |facts| {
                    facts.printed("green.told", |stdout| format!("BUILD=?\n{stdout}"));
                },
                "FAIL V2.6",
            ),
            (
                "the builds are not known",
                |facts| facts.unseen("end.builds"),
                "INCONCLUSIVE V2.2 V2.6",
            ),
        ],
    );
}

#[test]
fn it_reads_where_the_gate_writes() {
    check(
        "V2",
        &[
            (
                "the gate tells it in a comment only, and the helper says PENDING",
                |facts| {
                    facts.set("green.end.statuses", json!([]));
                    gave_up_after(facts, "green.told", 20_000);
                },
                "FAIL V2.3 V2.7",
            ),
            (
                "the gate tells it in a status only, and the helper says PENDING",
                |facts| {
                    facts.set("red.end.comments", Value::Null);
                    gave_up_after(facts, "red.told", 20_000);
                },
                "FAIL V2.4 V2.7",
            ),
            (
                "the gate tells it in a comment only, and the helper reads it",
                |facts| {
                    facts.set("green.end.statuses", json!([]));
                    facts.set("red.end.statuses", json!([]));
                },
                "PASS",
            ),
            (
                "the gate tells nothing",
                |facts| {
                    facts.in_vain("green.end.statuses");
                    facts.set("green.end.statuses", json!([]));
                    facts.set("green.end.comments", json!([]));
                },
                "INCONCLUSIVE V2.7",
            ),
            (
                "the gate tells nothing, and the helper says PENDING",
                |facts| {
                    facts.in_vain("green.end.statuses");
                    facts.set("green.end.statuses", json!([]));
                    facts.set("green.end.comments", json!([]));
                    gave_up_after(facts, "green.told", 20_000);
                },
                "FAIL V2.3; INCONCLUSIVE V2.7",
            ),
            (
                "what the gate tells is not known",
                |facts| facts.unseen("red.end.statuses"),
                "INCONCLUSIVE V2.7",
            ),
            (
                "the statuses are of another commit",
                |facts| {
                    let Question::Statuses { commit, .. } =
                        &mut facts.fact("red.end.statuses").question
                    else {
                        panic!("no statuses")
                    };
                    *commit = OTHER.into();
                },
                "INCONCLUSIVE V2.7",
            ),
        ],
    );
}
