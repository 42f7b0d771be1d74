//! Each change that somebody can make to the world, and the one line in which it is told.

use super::world::*;
use crate::evidence::Question;
use serde_json::{Value, json};

type Change = fn(&mut World);

#[test]
fn each_change_is_told_once_and_nothing_else() {
    let changes: [(&str, Change, &[&str]); 50] = [
        (
            "a new status",
            |world| {
                let more = status(9, "failure", "maintainer", 70);
                world
                    .answer(&statuses_of())
                    .as_array_mut()
                    .unwrap()
                    .push(more);
            },
            &[
                "status 9 of recipes/tiny at aaaaaaaaaaaa: cc-ci/testme says failure by maintainer, over success by bridge (V1.21)",
            ],
        ),
        (
            "the gate's own status of the run's last moments",
            |world| {
                let more = status(9, "success", "bridge", 59);
                world
                    .answer(&statuses_of())
                    .as_array_mut()
                    .unwrap()
                    .push(more);
            },
            &[],
        ),
        (
            "somebody's status of the run's last moments",
            |world| {
                let more = status(9, "success", "maintainer", 30);
                world
                    .answer(&statuses_of())
                    .as_array_mut()
                    .unwrap()
                    .push(more);
            },
            &[
                "status 9 of recipes/tiny at aaaaaaaaaaaa: cc-ci/testme says success by maintainer, over success by bridge (V1.21)",
            ],
        ),
        (
            "a status in the gate's name that its build does not bear out",
            |world| {
                let more = status(9, "failure", "bridge", 30);
                world
                    .answer(&statuses_of())
                    .as_array_mut()
                    .unwrap()
                    .push(more);
            },
            &[
                "status 9 of recipes/tiny at aaaaaaaaaaaa: cc-ci/testme says failure by bridge, over success by bridge (V1.21)",
            ],
        ),
        (
            "a comment edited",
            |world| {
                let edited = &mut world.answer(&talk_of())[1];
                edited["body"] = "build 2 failed".into();
                edited["updated_at"] = at(70).to_string().into();
            },
            &[
                "comment 10 of recipes/tiny#1: text: \"build 2 passed\" → \"build 2 failed\" (V1.9, V1.24)",
            ],
        ),
        (
            "a comment edited while the run went on, and of no build that did",
            |world| {
                let edited = &mut world.answer(&talk_of())[1];
                edited["body"] = "build 2 failed".into();
                edited["updated_at"] = at(55).to_string().into();
            },
            &[
                "comment 10 of recipes/tiny#1: text: \"build 2 passed\" → \"build 2 failed\" (V1.9, V1.24)",
            ],
        ),
        (
            "a comment that was another at the last look already, by its own time",
            |world| {
                let edited = &mut world.answer(&talk_of())[1];
                edited["body"] = "build 2 failed".into();
            },
            &[
                "comment 10 of recipes/tiny#1: text: \"build 2 passed\" → \"build 2 failed\" (V1.9, V1.24)",
            ],
        ),
        (
            "a comment deleted, and the act with it",
            |world| {
                world.answer(&talk_of()).as_array_mut().unwrap().remove(1);
                world
                    .answer(&Question::Activity {
                        account: "bridge".into(),
                        after: 5,
                    })
                    .as_array_mut()
                    .unwrap()
                    .remove(0);
            },
            &[
                "comment 10 of recipes/tiny#1: it is gone; with it act 7 of bridge (V1.9, V1.24, G.51)",
            ],
        ),
        (
            "a push taken out of the history",
            |world| {
                world.answer(&talk_of()).as_array_mut().unwrap().remove(2);
            },
            &["event 11 of recipes/tiny#1: it is gone (V1.24)"],
        ),
        (
            "a branch moved, and the file on it",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "9"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    ("builder/notes", "2"),
                ]);
            },
            &[
                "branch main of recipes/tiny: commit: bbbbbbbbbbbb → 999999999999, which does not stand on it (G.1, G.2, G.54)",
            ],
        ),
        (
            "a branch moved forward, and what pull requests change of it",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "9"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    ("builder/notes", "2"),
                ]);
                *world.answer(&files_of()) = json!([]);
                world.standing.push(("9", "b"));
            },
            &[
                "moved on: branch main of recipes/tiny: commit: bbbbbbbbbbbb → 999999999999, forward; with it files of pull request recipes/tiny#1",
            ],
        ),
        (
            "a branch moved, and what pull requests change of it",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "9"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    ("builder/notes", "2"),
                ]);
                *world.answer(&files_of()) = json!([]);
            },
            &[
                "branch main of recipes/tiny: commit: bbbbbbbbbbbb → 999999999999, which does not stand on it; with it files of pull request recipes/tiny#1 (V1.25, G.1, G.2, G.54)",
            ],
        ),
        (
            "a branch deleted",
            |world| {
                *world.answer(&branches_of()) =
                    branches(&[("main", "b"), ("somebodys", "d"), ("builder/notes", "2")]);
            },
            &["branch known-green of recipes/tiny: it is gone (G.2, G.54)"],
        ),
        (
            "a deleted branch back",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "a"),
                    ("builder/notes", "2"),
                ]);
            },
            &[
                "branch gavel/run1 of recipes/tiny: it was gone, and stands there again, at aaaaaaaaaaaa (G.54)",
            ],
        ),
        (
            "a deleted branch back elsewhere, with its closed pull request's head",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "8"),
                    ("builder/notes", "2"),
                ]);
                let one = &mut world.answer(&pulls_of())[0];
                (one["head"]["ref"], one["head"]["sha"]) = (RUN.into(), commit("8").into());
            },
            &[
                "branch gavel/run1 of recipes/tiny: it was gone, and stands there again, at 888888888888; with it pull request recipes/tiny#1 (V1.6, G.53, G.54)",
            ],
        ),
        (
            "a pull request reopened, for which its branch must be back",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "a"),
                    ("builder/notes", "2"),
                ]);
                let one = &mut world.answer(&pulls_of())[0];
                (one["head"]["ref"], one["state"], one["closed_at"]) =
                    (RUN.into(), "open".into(), Value::Null);
            },
            &[
                "pull request recipes/tiny#1: state: \"closed\" → \"open\"; with it branch gavel/run1 of recipes/tiny (G.53, G.54)",
            ],
        ),
        (
            "a pull request merged",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "7"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    ("builder/notes", "2"),
                ]);
                let one = &mut world.answer(&pulls_of())[0];
                (one["merged"], one["merged_by"], one["merge_commit_sha"]) = (
                    true.into(),
                    json!({ "login": "maintainer" }),
                    commit("7").into(),
                );
            },
            &[
                "pull request recipes/tiny#1: IT WAS MERGED, by maintainer; with it branch main of recipes/tiny (V1.6, G.1, G.2, G.53, G.54)",
            ],
        ),
        (
            "a title changed",
            |world| {
                let one = &mut world.answer(&pulls_of())[0];
                (one["title"], one["updated_at"]) = ("Known red".into(), at(70).to_string().into());
            },
            &["pull request recipes/tiny#1: title: \"Known green\" → \"Known red\" (V1.6, G.53)"],
        ),
        (
            "a head moved, with branch and files",
            |world| {
                let one = &mut world.answer(&pulls_of())[0];
                (one["head"]["ref"], one["head"]["sha"], one["state"]) =
                    (RUN.into(), commit("8").into(), "open".into());
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "8"),
                    ("builder/notes", "2"),
                ]);
                *world.answer(&files_of()) =
                    json!([{ "filename": "other.yml", "status": "added" }]);
            },
            &[
                "pull request recipes/tiny#1: head: aaaaaaaaaaaa → 888888888888, which does not stand on it; state: \"closed\" → \"open\"; with it 2 other things (V1.6, V1.25, G.53, G.54)",
            ],
        ),
        (
            "others go on with their own pull request",
            |world| {
                let two = &mut world.answer(&pulls_of())[1];
                two["head"]["sha"] = commit("6").into();
                world.standing.push(("6", "d"));
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "6"),
                    ("builder/notes", "2"),
                ]);
            },
            &[
                "moved on: pull request recipes/tiny#2: head: dddddddddddd → 666666666666, forward; with it branch somebodys of recipes/tiny",
            ],
        ),
        (
            "others put another history in its place",
            |world| {
                let two = &mut world.answer(&pulls_of())[1];
                two["head"]["sha"] = commit("6").into();
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "6"),
                    ("builder/notes", "2"),
                ]);
            },
            &[
                "pull request recipes/tiny#2: head: dddddddddddd → 666666666666, which does not stand on it; with it branch somebodys of recipes/tiny (G.2, G.3, G.53, G.54)",
            ],
        ),
        (
            "others' is merged and its branch deleted, which moves main",
            |world| {
                world.standing.push(("7", "b"));
                *world.answer(&branches_of()) =
                    branches(&[("main", "7"), ("known-green", "c"), ("builder/notes", "2")]);
                let two = &mut world.answer(&pulls_of())[1];
                (two["merged"], two["merged_at"], two["state"]) =
                    (true.into(), at(90_000).to_string().into(), "closed".into());
                (two["head"]["ref"], two["merged_by"]) =
                    ("refs/pull/2/head".into(), json!({ "login": "somebody" }));
            },
            &[
                "moved on: pull request recipes/tiny#2: IT WAS MERGED, by somebody; with it 2 other things",
            ],
        ),
        (
            "others' is merged, and main put elsewhere",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "7"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    ("builder/notes", "2"),
                ]);
                let two = &mut world.answer(&pulls_of())[1];
                (two["merged"], two["merged_at"], two["state"]) =
                    (true.into(), at(90_000).to_string().into(), "closed".into());
            },
            &[
                "branch main of recipes/tiny: commit: bbbbbbbbbbbb → 777777777777, which does not stand on it (G.1, G.2, G.54)",
                "moved on: pull request recipes/tiny#2: IT WAS MERGED, by somebody",
            ],
        ),
        (
            "others' branch is gone, and its pull request still open",
            |world| {
                *world.answer(&branches_of()) =
                    branches(&[("main", "b"), ("known-green", "c"), ("builder/notes", "2")]);
            },
            &["branch somebodys of recipes/tiny: it is gone (G.2, G.54)"],
        ),
        (
            "the run's branch is moved forward",
            |world| {
                world.standing.push(("8", "a"));
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "8"),
                    ("builder/notes", "2"),
                ]);
                let one = &mut world.answer(&pulls_of())[0];
                (one["head"]["ref"], one["head"]["sha"], one["state"]) =
                    (RUN.into(), commit("8").into(), "open".into());
            },
            &[
                "pull request recipes/tiny#1: head: aaaaaaaaaaaa → 888888888888, forward; state: \"closed\" → \"open\"; with it branch gavel/run1 of recipes/tiny (V1.6, G.53, G.54)",
            ],
        ),
        (
            "others close one that they pushed to all the while",
            |world| world.answer(&pulls_of())[2]["state"] = "closed".into(),
            &["moved on: pull request recipes/tiny#3: state: \"open\" → \"closed\""],
        ),
        (
            "others go on with a branch that they pushed to all the while",
            |world| {
                world.answer(&branches_of())[2]["commit"]["id"] = commit("3").into();
                world.standing.push(("3", "2"));
            },
            &[
                "moved on: branch builder/notes of recipes/tiny: commit: 222222222222 → 333333333333, forward",
            ],
        ),
        (
            "others force a branch that they pushed to all the while",
            |world| world.answer(&branches_of())[2]["commit"]["id"] = commit("3").into(),
            &[
                "moved on: branch builder/notes of recipes/tiny: commit: 222222222222 → 333333333333, which does not stand on it",
            ],
        ),
        (
            "others delete a branch that they pushed to all the while",
            |world| {
                world
                    .answer(&branches_of())
                    .as_array_mut()
                    .unwrap()
                    .remove(2);
            },
            &["moved on: branch builder/notes of recipes/tiny: it is gone"],
        ),
        (
            "others force the head of a pull request that they pushed to all the while",
            |world| world.answer(&pulls_of())[2]["head"]["sha"] = commit("5").into(),
            &[
                "moved on: pull request recipes/tiny#3: head: 444444444444 → 555555555555, which does not stand on it",
            ],
        ),
        (
            "others merge it",
            |world| {
                let three = &mut world.answer(&pulls_of())[2];
                (three["merged"], three["merged_at"]) = (true.into(), at(61).to_string().into());
            },
            &["moved on: pull request recipes/tiny#3: IT WAS MERGED, by somebody"],
        ),
        (
            "somebody merges it while the run goes on",
            |world| {
                let three = &mut world.answer(&pulls_of())[2];
                (three["merged"], three["merged_at"]) = (true.into(), at(58).to_string().into());
            },
            &["pull request recipes/tiny#3: IT WAS MERGED, by somebody (G.3, G.53)"],
        ),
        (
            "the forge drops what no branch holds any more",
            |world| world.forget(|question| *question == statuses_of()),
            &[],
        ),
        (
            "a build deleted, and its log",
            |world| {
                world.forget(|question| {
                    matches!(
                        question,
                        Question::Build { number: 2 } | Question::BuildLog { .. }
                    )
                });
            },
            &["build 2: it is gone; with it log of build 2 (V1.8, V1.20, V1.23)"],
        ),
        (
            "a build that says something else",
            |world| {
                world.answer(&Question::Build { number: 2 })["status"] = "failure".into();
            },
            &["build 2: status: \"success\" → \"failure\" (V1.20)"],
        ),
        (
            "a build that had ended goes on",
            |world| {
                let two = world.answer(&Question::Build { number: 2 });
                (two["status"], two["finished"]) = ("running".into(), 0.into());
            },
            &["build 2: status: \"success\" → it has not ended (V1.20)"],
        ),
        (
            "a build that had ended waits",
            |world| {
                let two = world.answer(&Question::Build { number: 2 });
                (two["status"], two["started"], two["finished"]) =
                    ("pending".into(), 0.into(), 0.into());
            },
            &["build 2: status: \"success\" → it has not ended (V1.20)"],
        ),
        (
            "a build of another branch, by another account, at another time",
            |world| {
                let two = world.answer(&Question::Build { number: 2 });
                (two["ref"], two["sender"], two["started"]) =
                    ("refs/heads/other".into(), "somebody".into(), 4.into());
            },
            &[
                "build 2: ref: \"refs/heads/main\" → \"refs/heads/other\"; sender: \"bridge\" → \"somebody\"; started: 8 → 4 (V1.8, V1.20)",
            ],
        ),
        (
            "a build without its steps",
            |world| {
                let two = world.answer(&Question::Build { number: 2 });
                two.as_object_mut().unwrap().remove("stages");
            },
            &["build 2: stages: [] → nothing (V1.20)"],
        ),
        (
            "a comment deleted that stands on record as an act alone",
            |world| {
                world
                    .answer(&Question::Activity {
                        account: "bridge".into(),
                        after: 5,
                    })
                    .as_array_mut()
                    .unwrap()
                    .remove(2);
            },
            &["comment 77 of recipes/tiny#4, among the acts of bridge: it is gone (G.51)"],
        ),
        (
            "a log removed",
            |world| {
                *world.answer(&Question::BuildLog { number: 2 }) =
                    json!({ "text": "", "missing": ["1/1"], "cut": false });
            },
            &["log of build 2: missing: [] → [\"1/1\"] (V1.23)"],
        ),
        (
            "results changed",
            |world| {
                world.answer(&Question::Results { build: 2 })["stages"][0]["status"] =
                    "failed".into();
            },
            &[
                "https://ci.example.org/results/2/results.json: content.stages.0.status: \"passed\" → \"failed\" (V1.22)",
            ],
        ),
        (
            "results gone",
            |world| {
                world.forget(|question| matches!(question, Question::Results { .. }));
            },
            &["https://ci.example.org/results/2/results.json: it is gone (V1.22)"],
        ),
        (
            "tags removed, and one added",
            |world| {
                world.answer(&Question::Tags {
                    image: "lab/plain".into(),
                })["tags"] = json!(["1.1", "2.0"]);
            },
            &["tags of lab/plain: gone: 1.0 (V1.28)"],
        ),
        (
            "a collaborator removed",
            |world| {
                *world.answer(&Question::Collaborator {
                    repository: repository(),
                    account: "gavel".into(),
                }) = false.into();
            },
            &["collaborator gavel of recipes/tiny: is one: true → false (V1.5)"],
        ),
        (
            "a commit's file gone",
            |world| {
                let file = Question::File {
                    repository: repository(),
                    path: "compose.yml".into(),
                    at: commit("a"),
                };
                *world.answer(&file) = Value::Null;
            },
            &[],
        ),
        (
            "a commit of main gone",
            |world| {
                *world.answer(&Question::Tree {
                    repository: repository(),
                    commit: commit("b"),
                }) = Value::Null;
            },
            &["files of recipes/tiny at bbbbbbbbbbbb: it is gone (G.52)"],
        ),
        (
            "a version changed",
            |world| {
                world.answer(&Question::ForgeVersion)["version"] = "1.26.0".into();
            },
            &["moved on: the forge: version: \"1.25.4\" → \"1.26.0\""],
        ),
        (
            "a repository renamed",
            |world| {
                for pull in world.answer(&pulls_of()).as_array_mut().unwrap() {
                    pull["base"]["repo"]["full_name"] = "recipes/small".into();
                }
            },
            &[
                "repository recipes/tiny: name: \"recipes/tiny\" → \"recipes/small\" (V1.6, G.3, G.53)",
            ],
        ),
        (
            "a repository deleted, with all that was in it",
            |world| {
                world.forget(|question| is_in(question, R));
                *world.answer(&Question::Activity {
                    account: "bridge".into(),
                    after: 5,
                }) = json!([
                    { "id": 9, "op_type": "commit_repo", "content": "{}", "ref_name": "refs/heads/x", "repo": { "full_name": "recipes/other" } },
                ]);
            },
            &[
                "repository recipes/tiny: the forge knows no such repository any more, or does not show it to this account; with it 20 other things (V1.5, V1.6, V1.7, V1.9, V1.21, V1.24, V1.25, V1.26, G.1, G.2, G.3, G.51, G.52, G.53, G.54)",
            ],
        ),
    ];
    let evidence = evidence();
    let mut wrong = Vec::new();
    for (what, change, expected) in changes {
        let mut world = World::after_the_run();
        change(&mut world);
        let told = world.told(&evidence);
        if told != expected {
            wrong.push(format!("{what}: {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
