//! A program that the configuration names, and what it is run with.

use super::{
    reader::{Place, Section},
    sections::Around,
    values,
};
use crate::secret::Secret;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// One command of the flow or of the box, as it is run: nothing else is inherited but PATH, HOME and LANG.
#[derive(Debug, Clone)]
pub struct Command {
    /// Absolute, or a bare name, which is looked up in PATH.
    pub program: PathBuf,
    /// Those that come before what Gavel adds.
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, Secret>,
    /// After this it is killed with its whole process group.
    pub time_limit: Duration,
}

/// Variables that several commands share. What a command says itself wins.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    pub environment: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, Secret>,
}

impl Command {
    /// The program and its arguments, with more behind them, as a person would type them.
    pub fn line(&self, more: &[String]) -> Vec<String> {
        let program = self.program.display().to_string();
        [vec![program], self.arguments.clone(), more.to_vec()].concat()
    }
}

/// The words of a command: a program and its first arguments.
pub fn words(place: &Place, around: &Around) -> Option<(PathBuf, Vec<String>)> {
    let mut words = place
        .filled_list(|place| place.text().map(str::to_owned))?
        .into_iter();
    let program = words.next()?;
    let program = if program.contains('/') {
        around.folder.join(program)
    } else {
        PathBuf::from(program)
    };
    Some((program, words.collect()))
}

/// `command`, `environment` and `secrets` of a section; those of `shared` come along. `reserved` are variables that Gavel sets itself.
pub fn read(
    section: &Section,
    example: &'static str,
    time_limit: Option<Duration>,
    shared: &Shared,
    reserved: &[&str],
    around: &Around,
) -> Option<Command> {
    let words = section.need("command", example, |place| words(place, around));
    let own = variables(section, reserved, around);
    let ((program, arguments), own) = (words?, own?);
    let of_others =
        |name: &&String| !own.environment.contains_key(*name) && !own.secrets.contains_key(*name);
    let mut environment = shared.environment.clone();
    environment.retain(|name, _| of_others(&name));
    let mut secrets = shared.secrets.clone();
    secrets.retain(|name, _| of_others(&name));
    environment.extend(own.environment);
    secrets.extend(own.secrets);
    Some(Command {
        program,
        arguments,
        environment,
        secrets,
        time_limit: time_limit?,
    })
}

/// `environment` and `secrets` of a section; both may be left out.
pub fn variables(section: &Section, reserved: &[&str], around: &Around) -> Option<Shared> {
    let environment = section.may(
        "environment",
        "{ FORGE_URL = \"https://git.example.org\" }",
        |place| {
            place.entries(|name, place| {
                variable(name, place, reserved).and_then(|()| place.text().map(str::to_owned))
            })
        },
    );
    let secrets = section.may(
        "secrets",
        "{ FORGE_TOKEN = \"/etc/gavel/flow.token\" }",
        |place| {
            place.entries(|name, place| {
                variable(name, place, reserved).and_then(|()| around.secret(place))
            })
        },
    );
    let environment: BTreeMap<_, _> = environment?.unwrap_or_default().into_iter().collect();
    let secrets: BTreeMap<_, _> = secrets?.unwrap_or_default().into_iter().collect();
    if let Some(twice) = environment.keys().find(|name| secrets.contains_key(*name)) {
        section.refuse(
            "environment",
            format!("`{twice}` stands in `secrets`, too"),
            "Keep it in one of the two",
        );
    }
    Some(Shared {
        environment,
        secrets,
    })
}

fn variable(name: &str, place: &Place, reserved: &[&str]) -> Option<()> {
    if !values::is_variable(name) {
        return place.refuse(
            format!("{name:?} is not the name of an environment variable"),
            "Use letters, digits and `_`",
        );
    }
    if reserved.contains(&name) {
        return place.refuse(
            "Gavel sets this variable itself, for each call",
            "Remove it",
        );
    }
    Some(())
}
