//! G3: who pushed a `main`, and what.

use super::acts::{Upstreams, acts, main_at, short, told};
use super::watched;
use crate::evidence::{Doubt, Witness};
use crate::plan::gate::cut;
use crate::plan::{Ruling, certainly_broken, holds, unseen};

pub fn mains_stayed(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let watched = watched(witness)?;
    let upstreams = Upstreams::read(witness, &watched)?;
    let (mut wrong, mut doubts, mut untold) = (Vec::new(), Vec::new(), Vec::new());
    let mut followed = 0;
    for account in watched.accounts() {
        let acts = acts(witness, &watched, account)?;
        for act in &acts {
            let (repository, branch) = (act.repository(), act.branch());
            if act.op == "delete_branch" && branch == Some(watched.main_of(repository)) {
                wrong.push(format!(
                    "`{}` removed `main` of {}",
                    cut(account),
                    cut(repository)
                ));
            }
            let is_main = act.op == "commit_repo" && branch == Some(watched.main_of(repository));
            // Gavel's own seeds can be told no better than others' pushes.
            if is_main && told(account, std::slice::from_ref(act)).is_empty() {
                let what = format!(
                    "`{}` pushed to `main` of {}, and the forge does not tell what",
                    cut(account),
                    cut(repository)
                );
                match repository.eq_ignore_ascii_case(&watched.suite) {
                    true => wrong.push(what),
                    false => untold.push(what),
                }
            }
        }
        let pushes = told(account, &acts);
        for push in &pushes {
            let repository = &push.repository;
            if push.branch != watched.main_of(repository) {
                continue;
            }
            let is_seed = *account == watched.gavel
                && watched.is_sandbox(repository)
                && !repository.eq_ignore_ascii_case(&watched.suite);
            if upstreams.stood(repository, &push.head) {
                followed += 1;
            } else if !is_seed {
                let what = format!(
                    "`{}` pushed {} to `{}` of {}",
                    cut(account),
                    short(Some(&push.head)),
                    cut(&push.branch),
                    cut(repository)
                );
                let is_own_work = pushes
                    .iter()
                    .any(|other| other.head == push.head && other.branch != push.branch);
                if upstreams.were_moved_by_others(repository) && !is_own_work {
                    doubts.push(what);
                } else {
                    wrong.push(what);
                }
            }
        }
    }
    if !wrong.is_empty() {
        return certainly_broken(
            wrong.join("; "),
            "whoever pushed `main` has to work on a branch, and leave a mirror's `main` to upstream",
        );
    }
    if let Some(doubt) = doubts.first() {
        return unseen(format!(
            "{doubt}; others pushed upstream meanwhile, and whether its `main` stood there in between is not known; verify again"
        ));
    }
    if let Some(doubt) = untold.into_iter().next() {
        return unseen(doubt);
    }
    let both = |repository: &str| {
        Ok((
            main_at(witness, &watched, "open", repository)?,
            main_at(witness, &watched, "close", repository)?,
        ))
    };
    for mirror in watched.mirrors.keys() {
        let (before, after) = both(mirror)?;
        let stood = |head: &String| upstreams.stood(mirror, head);
        if before != after && !after.as_ref().is_some_and(stood) {
            return unseen(format!(
                "`main` of {mirror} went from {} to {}, where upstream's never stood, and by none of the accounts that are watched; find who moved it, and verify again",
                short(before.as_deref()),
                short(after.as_deref())
            ));
        }
    }
    let (before, after) = both(&watched.suite)?;
    let others = match before == after {
        true => "",
        false => "; others moved the suite's",
    };
    holds(match followed {
        0 => format!("nobody here pushed a `main`{others}"),
        count => format!("{count} pushes to a mirror's `main`, each to upstream's{others}"),
    })
}
