//! The sandbox recipes, one for each scenario: what their repositories and the registry hold, so that an upgrade of each comes out as
//! its scenario needs it; and one recipe beside them.

use super::registry::{Behaviour, Image, Images};
use super::seed::Commit;

/// One recipe.
pub struct Recipe {
    pub name: &'static str,
    /// Of the registry; `TAG` is in use.
    image: &'static str,
    tag: &'static str,
    /// The recipe's own version, the first half of its label.
    version: &'static str,
    says: &'static str,
    /// Every tag that the registry lists for the image, with what that image needs.
    tags: &'static [(&'static str, Behaviour)],
    /// The tests of its functional stage, beside those that every recipe has.
    functional: &'static [&'static str],
}

/// What starts anywhere.
const PLAIN: Behaviour = Behaviour::PLAIN;

/// Needs a variable that its predecessors did not need.
const ROOTED: Behaviour = Behaviour {
    needs: Some(("SERVER_ROOT", "/public")),
    ..PLAIN
};

const DOOMED: Behaviour = Behaviour {
    never_starts: Some(
        "this release was built without its main program, and cannot start anywhere",
    ),
    ..PLAIN
};

const fn talkative(server: &'static str) -> Behaviour {
    Behaviour {
        server: Some(server),
        ..PLAIN
    }
}

/// All of the sandbox but the gate's own. Among the tags are some that are no newer version of the same shape, and would start all the same:
/// whoever picks one of them is not told so by a red build.
const RECIPES: &[Recipe] = &[
    Recipe {
        name: "sandbox-upgrade",
        image: "lab/plain",
        tag: "1.4.0",
        version: "1.0.2",
        says: "Its next version needs nothing new.",
        tags: &[
            ("1.3.0", PLAIN),
            ("1.4.0", PLAIN),
            ("1.9.0", PLAIN),
            ("1.10.0", PLAIN),
            ("1.10.0-alpine", PLAIN),
            ("1.11.0-rc1", PLAIN),
            ("1.10", PLAIN),
            ("2", PLAIN),
            ("latest", PLAIN),
        ],
        functional: &["greets", "stays-up"],
    },
    Recipe {
        name: "sandbox-repairable",
        image: "lab/rooted",
        tag: "1.9.0",
        version: "2.3.1",
        says: "Its next version needs to be told what to serve.",
        tags: &[
            ("1.8.0", PLAIN),
            ("1.9.0", PLAIN),
            ("2.0.0", ROOTED),
            ("2.0.0-alpine", ROOTED),
            ("2", ROOTED),
            ("latest", ROOTED),
        ],
        functional: &["greets", "stays-up"],
    },
    Recipe {
        name: "sandbox-persistent",
        image: "lab/doomed",
        tag: "3.1.0",
        version: "0.4.0",
        says: "Its next version never starts.",
        tags: &[
            ("3.0.0", PLAIN),
            ("3.1.0", PLAIN),
            ("3.2.0", DOOMED),
            ("3.2", DOOMED),
            ("latest", DOOMED),
        ],
        functional: &["greets", "stays-up"],
    },
    Recipe {
        name: STALE,
        image: "lab/talkative",
        tag: "1.4.0",
        version: "1.2.0",
        says: "One of its tests expects the version that it has today.",
        tags: &[
            ("1.4.0", talkative("talkative/1.4.0")),
            ("2.0.0", talkative("talkative/2.0.0")),
            ("2.0.0-rc2", talkative("talkative/2.0.0-rc2")),
            ("2", talkative("talkative/2.0.0")),
            ("latest", talkative("talkative/2.0.0")),
        ],
        // What greets is checked by the same test: one without teeth must not be covered up for by another.
        functional: &["stays-up", "tells-its-version"],
    },
    Recipe {
        name: "sandbox-reconcile",
        image: "lab/plain2",
        tag: "1.0.0",
        version: "1.0.0",
        says: "Its mirror is brought out of step with upstream.",
        tags: &[
            ("1.0.0", PLAIN),
            ("1.1.0", PLAIN),
            ("1.2.0", PLAIN),
            ("1.2", PLAIN),
            ("1.3.0-rc1", PLAIN),
            ("latest", PLAIN),
        ],
        functional: &["greets", "stays-up"],
    },
    Recipe {
        name: "sandbox-current",
        image: "lab/current",
        tag: "5.0.0",
        version: "3.0.0",
        says: "It has no newer version.",
        tags: &[
            ("4.9.0", PLAIN),
            ("5.0.0", PLAIN),
            ("5.0.0-alpine", PLAIN),
            ("5.1.0-rc1", PLAIN),
            ("6", PLAIN),
            ("latest", PLAIN),
        ],
        functional: &["greets", "stays-up"],
    },
];

/// Somebody else's, outside the sandbox. There is nothing to upgrade.
pub const OUTSIDE: Recipe = Recipe {
    name: "landing-page",
    image: "lab/landing",
    tag: "1.1.0",
    version: "0.2.0",
    says: "Others work on it.",
    tags: &[("1.0.0", PLAIN), ("1.1.0", PLAIN), ("latest", PLAIN)],
    functional: &["greets", "stays-up"],
};

/// All that are made the same way: the sandbox but the gate's own, and the one outside.
pub fn all() -> impl Iterator<Item = &'static Recipe> {
    RECIPES.iter().chain(std::iter::once(&OUTSIDE))
}

/// The recipe with a test that goes stale.
const STALE: &str = "sandbox-stale";
/// The branch of its mirror that is broken in what that test checks beside the version, and new in the version.
pub const BROKEN: &str = "broken";

/// The tests that every recipe has, as stage and name.
const TESTS: &[(&str, &str, &str)] = &[
    (
        "install",
        "answers",
        include_str!("files/cc-ci/tests/custom-html-tiny/install/answers.sh"),
    ),
    (
        "upgrade",
        "serves-the-new-version",
        include_str!("files/cc-ci/tests/custom-html-tiny/upgrade/serves-the-new-version.sh"),
    ),
    (
        "backup",
        "restores-what-was-lost",
        include_str!("files/cc-ci/tests/custom-html-tiny/backup/restores-what-was-lost.sh"),
    ),
];

impl Recipe {
    /// `main`, and on the mirror of one of them a broken branch.
    pub fn commits(&self) -> Vec<Commit> {
        let fill = |text: &str| {
            text.replace("{recipe}", self.name)
                .replace("{says}", self.says)
                .replace("{image}", self.image)
                .replace("{tag}", self.tag)
                .replace("{version}", self.version)
        };
        let compose = fill(include_str!("../../templates/sandbox/compose.yml"));
        let page = fill(include_str!("../../templates/sandbox/html/index.html"));
        let mut commits = vec![Commit {
            branch: "main",
            parent: None,
            message: format!("chore: publish {}+{} release", self.version, self.tag),
            files: vec![
                (
                    "README.md".to_owned(),
                    fill(include_str!("../../templates/sandbox/README.md")),
                ),
                ("compose.yml".to_owned(), compose.clone()),
                ("html/index.html".to_owned(), page.clone()),
            ],
        }];
        if self.name == STALE {
            let compose = compose
                .replace("lab/talkative:1.4.0", "lab/talkative:2.0.0")
                .replace("=1.2.0+1.4.0", "=1.3.0+2.0.0");
            commits.push(Commit {
                branch: BROKEN,
                parent: Some("main"),
                message: "Upgrade, with a placeholder for the page".to_owned(),
                files: vec![
                    ("compose.yml".to_owned(), compose),
                    (
                        "html/index.html".to_owned(),
                        page.replace("<h1>It works</h1>", "<h1>Under construction</h1>"),
                    ),
                ],
            });
        }
        commits
    }

    /// Its tests, as files of cc-ci.
    pub fn tests(&self) -> Vec<(String, String)> {
        let path = |stage, name| format!("tests/{}/{stage}/{name}.sh", self.name);
        let functional = self.functional.iter().map(|name| {
            let text = match *name {
                "greets" => include_str!("files/cc-ci/tests/custom-html-tiny/functional/greets.sh"),
                "stays-up" => {
                    include_str!("files/cc-ci/tests/custom-html-tiny/functional/stays-up.sh")
                }
                _ => include_str!("files/sandbox/tells-its-version.sh"),
            };
            (path("functional", name), text.to_owned())
        });
        TESTS
            .iter()
            .map(|(stage, name, text)| (path(stage, name), (*text).to_owned()))
            .chain(functional)
            .collect()
    }
}

/// What the registry holds: the images of all recipes, the gate's own included.
pub fn images() -> Images {
    let tags = [
        "2.36.0",
        "2.36.1",
        "2.37.0",
        "2.38.0",
        "2.38",
        "2",
        "2.38.0-alpine",
        "latest",
    ];
    let gate = tags.map(|tag| {
        (
            tag.to_owned(),
            Image::new("joseluisq/static-web-server", tag, PLAIN),
        )
    });
    let mut images = Images::from([("joseluisq/static-web-server".to_owned(), gate.into())]);
    for recipe in all() {
        let tags = recipe
            .tags
            .iter()
            .map(|(tag, behaviour)| ((*tag).to_owned(), Image::new(recipe.image, tag, *behaviour)));
        images.insert(recipe.image.to_owned(), tags.collect());
    }
    images
}
