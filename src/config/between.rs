//! What must hold between the sections of `gavel.toml`: what is right by itself, and wrong taken together.

use super::{Config, reader::Reader};

pub fn check(reader: &Reader, config: &Config) {
    let gavel = &config.forge.account;
    let outsider = &config.gate.outsider.account;
    let flow = &config.flow.account;
    let bridge = &config.gate.account;
    if config.patience.reaction <= config.gate.interval {
        reader.refuse(
            "patience.reaction",
            "a bridge that polls every `gate.interval` reacts later than this: healthy, it would count as dead",
            "Make it several times as long as `gate.interval`",
        );
    }
    if bridge == gavel {
        reader.refuse(
            "gate.account",
            "this is Gavel's own account",
            "Give the bridge an account of its own",
        );
    }
    if flow == gavel {
        reader.refuse(
            "flow.account",
            "this is Gavel's own account: the accused would write in the judge's name",
            "Give the flow an account of its own",
        );
    }
    if [gavel, flow, bridge].contains(&outsider) {
        reader.refuse(
            "gate.outsider.account",
            format!("{outsider} has access, so it is no outsider"),
            "Use an account that has access to nothing",
        );
    }
    let commanders = &config.commanders;
    for (key, accounts) in [
        ("commanders.accounts", &commanders.accounts),
        ("commanders.adversaries", &commanders.adversaries),
    ] {
        let mut wrong = accounts
            .iter()
            .filter(|account| [gavel, flow, outsider].contains(account));
        if let Some(account) = wrong.next() {
            reader.refuse(
                key,
                format!("{account} may not command: Gavel answers neither itself nor the flow nor the outsider"),
                "Remove it",
            );
        }
    }
    let drone = &config.drone.repository;
    if config.gate.organisation.is(drone.owner())
        && let Some((key, recipe)) = config
            .sandbox
            .recipes()
            .into_iter()
            .find(|(_, recipe)| recipe.as_str().eq_ignore_ascii_case(drone.name()))
    {
        reader.refuse(
            &format!("sandbox.{key}.recipe"),
            format!("`{recipe}` is the repository in which builds run, and no recipe"),
            "Name a throwaway recipe",
        );
    }
}
