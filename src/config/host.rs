//! `[host]`: what runs on the box, and how it is asked; `[registry]`: where images come from; `[verified]`: what follows when all is well.

use super::{
    command::{self, Command, Shared},
    reader::Section,
    sections::Around,
    values,
};
use std::{path::PathBuf, time::Duration};
use url::Url;

/// A question about the box is answered at once, or something is wrong with it.
const LIMIT: Duration = Duration::from_secs(30);

/// The box on which the flow runs.
#[derive(Debug, Clone)]
pub struct Host {
    /// `tmux`, with what comes before its own command.
    pub tmux: Command,
    /// `docker`, with what comes before its own command.
    pub docker: Command,
    /// What prints the crontab.
    pub crontab: Command,
    /// Working clones of the loops, which nobody here may touch.
    pub clones: Vec<PathBuf>,
    /// Folders whose entries belong to the flow.
    pub scratch: Vec<PathBuf>,
    stacks: String,
}

/// A registry that speaks the distribution API of OCI, for image names without a host.
#[derive(Debug, Clone)]
pub struct Registry {
    pub url: Url,
}

/// What is done when everything has passed against one set of versions, and never otherwise.
#[derive(Debug, Clone)]
pub struct Verified {
    /// A label of the tracking issue.
    pub label: Option<String>,
    pub command: Option<Command>,
}

impl Host {
    /// How the names of a recipe's deploys begin.
    pub fn stacks(&self, recipe: &str) -> String {
        self.stacks.replace("{recipe}", recipe)
    }
}

pub fn read(section: Section, around: &Around) -> Option<Host> {
    let environment = command::variables(&section, &[], around);
    let tool = |key, example: &'static str, default: &[&str]| {
        let words = section.may(key, example, |place| command::words(place, around));
        let (program, arguments) = words?.unwrap_or_else(|| {
            let mut words = default.iter().map(ToString::to_string);
            (words.next().unwrap_or_default().into(), words.collect())
        });
        let Shared {
            environment,
            secrets,
        } = environment.clone()?;
        Some(Command {
            program,
            arguments,
            environment,
            secrets,
            time_limit: LIMIT,
        })
    };
    let tmux = tool("tmux", "[\"tmux\"]", &["tmux"]);
    let docker = tool("docker", "[\"docker\"]", &["docker"]);
    let crontab = tool("crontab", "[\"crontab\", \"-l\"]", &["crontab", "-l"]);
    let folders = |key, example| {
        let folders = section.may(key, example, |place| place.list(|place| around.path(place)));
        folders.map(Option::unwrap_or_default)
    };
    let clones = folders("clones", "[\"/srv/cc-ci/loops/builder\"]");
    let scratch = folders("scratch", "[\"/srv/cc-ci/work\"]");
    let stacks = section.may("stacks", "\"ci-{recipe}-\"", |place| {
        let text = values::line(place)?;
        if text.contains("{recipe}") {
            return Some(text);
        }
        place.wrong("`{recipe}` is missing in it, which stands for the recipe")
    });
    Some(Host {
        tmux: tmux?,
        docker: docker?,
        crontab: crontab?,
        clones: clones?,
        scratch: scratch?,
        stacks: stacks?.unwrap_or_else(|| "ci-{recipe}-".into()),
    })
}

pub fn registry(section: Section) -> Option<Registry> {
    let url = section.need("url", "\"https://registry.example.org\"", values::base);
    Some(Registry { url: url? })
}

pub fn verified(section: Section, around: &Around) -> Option<Verified> {
    let label = section.may("label", "\"verified\"", values::line);
    let time_limit = section.may("time_limit", "\"10m\"", values::duration);
    let shared = command::variables(&section, &[], around);
    let words = section.may("command", "[\"/srv/cc-ci/bin/on-verified\"]", |place| {
        command::words(place, around)
    });
    let (shared, time_limit) = (shared?, time_limit?.unwrap_or(Duration::from_secs(600)));
    let command = words?.map(|(program, arguments)| Command {
        program,
        arguments,
        environment: shared.environment,
        secrets: shared.secrets,
        time_limit,
    });
    Some(Verified {
        label: label?,
        command,
    })
}
