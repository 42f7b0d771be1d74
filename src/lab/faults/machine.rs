//! The defects of the agent that runs weekly: its launcher, what it runs in, how it is called, and what asks for the orchestrator.

use super::{Fault, fault};

const fn launcher(name: &'static str, fails: &'static [&'static str], says: &'static str) -> Fault {
    fault("launcher", name, fails, says)
}

const fn agent(name: &'static str, fails: &'static [&'static str], says: &'static str) -> Fault {
    fault("upgrader-agent", name, fails, says)
}

const fn orchestrator(name: &'static str, says: &'static str) -> Fault {
    fault("orchestrator_alive", name, &["V8a.8"], says)
}

const fn schedule(name: &'static str, says: &'static str) -> Fault {
    fault("schedule", name, &["V8a.9"], says)
}

const fn text(name: &'static str, says: &'static str) -> Fault {
    fault("skill's text", name, &["V8a.11"], says)
}

pub const FAULTS: &[Fault] = &[
    // What is launched.
    Fault {
        inconclusive: &["V9.5"],
        ..launcher(
            "launcher-matches-prefix",
            &["V8a.1"],
            "names the session to tmux as it is, which matches one whose name only begins so",
        )
    }
    .subtle(),
    launcher(
        "agent-without-remote-name",
        &["V8a.1"],
        "switches remote control on and gives it no name",
    ),
    launcher(
        "agent-under-old-name",
        &["V8a.1", "V8a.8"],
        "gives the agent the name that it had before it was renamed",
    )
    .subtle(),
    Fault {
        inconclusive: &["V8a.3", "V8a.5", "V8a.6", "V8a.7", "V8a.9"],
        ..launcher(
            "launcher-runs-nothing",
            &["V8a.1", "V8a.2"],
            "starts the session, and nothing in it",
        )
    },
    // How a run ends.
    // Where nothing is done, `--with-tests` shows in nothing.
    Fault {
        inconclusive: &["V8a.7"],
        ..agent(
            "agent-dry-runs-only",
            &["V8a.2"],
            "makes a dry run of every run, and asks whether it may go on",
        )
    },
    Fault {
        inconclusive: &["V8a.7"],
        ..agent(
            "agent-makes-its-summary-up",
            &["V8a.2"],
            "writes a summary as it should be, and does nothing",
        )
    }
    .subtle(),
    Fault {
        blocked: &["V8a.4"],
        inconclusive: &["V8a.7", "V8a.9"],
        ..agent(
            "agent-exits-at-end",
            &["V8a.2"],
            "ends when its work has, and its session with it",
        )
    },
    Fault {
        inconclusive: &["V8a.7", "V8a.9"],
        ..agent(
            "agent-clears-screen",
            &["V8a.2"],
            "clears the screen once its work has ended",
        )
    },
    Fault {
        inconclusive: &["V8a.4"],
        ..agent(
            "agent-stays-busy",
            &["V8a.2"],
            "leaves something running when its work has ended",
        )
    },
    agent(
        "agent-keeps-talking",
        &["V8a.2"],
        "goes on writing to the screen when its work has ended",
    )
    .subtle(),
    agent(
        "agent-starts-again",
        &["V8a.2"],
        "looks for more to do, again and again, when a real run has ended",
    )
    .subtle(),
    // Whom `start` leaves alone, and whom it replaces.
    launcher(
        "launcher-replaces-busy",
        &["V8a.3"],
        "replaces a run that is at work",
    ),
    Fault {
        inconclusive: &["V8a.7"],
        ..launcher(
            "launcher-disturbs-busy",
            &["V8a.2", "V8a.3"],
            "presses Ctrl-C in a run that is at work, to see whether it answers",
        )
    },
    launcher(
        "launcher-leaves-finished",
        &["V8a.4"],
        "takes a session that is there for a run, whatever it does",
    ),
    launcher(
        "launcher-respawns-in-place",
        &["V8a.4"],
        "presses Enter in a finished session, for it to begin again",
    ),
    launcher(
        "launcher-moves-finished-aside",
        &["V8a.4", "V9.4", "V9.5"],
        "gives a finished session another name, and starts a new one beside it",
    )
    .subtle(),
    launcher(
        "launcher-takes-wedged-for-busy",
        &["V8a.5"],
        "counts the processes of a run, and does not ask whether they are stopped",
    ),
    launcher(
        "launcher-continues-wedged",
        &["V8a.5"],
        "lets a run that was stopped go on",
    ),
    launcher(
        "fresh-spares-busy",
        &["V8a.6"],
        "leaves a run at work alone when it is told `fresh`",
    ),
    // What is passed on.
    launcher(
        "launcher-drops-arguments",
        &["V8a.7"],
        "passes nothing of UPGRADER_ARGS on",
    ),
    launcher(
        "launcher-splits-no-words",
        &["V8a.7"],
        "passes UPGRADER_ARGS on as one word, which is right as long as it is one",
    )
    .subtle(),
    launcher(
        "launcher-passes-with-tests",
        &["V8a.7"],
        "passes `--with-tests` on where it is told to",
    ),
    launcher(
        "launcher-adds-with-tests",
        &["V8a.7"],
        "adds `--with-tests` to every real run",
    ),
    // Who is alive.
    orchestrator(
        "orchestrator-deceived",
        "takes the agent's session for the orchestrator's",
    ),
    orchestrator(
        "orchestrator-looks-at-one",
        "stops looking at the first that is none",
    )
    .subtle(),
    orchestrator(
        "orchestrator-never-alive",
        "skips every name of cc-ci, the orchestrator's own included",
    ),
    // How it is called.
    schedule(
        "schedule-on-sunday",
        "calls on Sundays, since somebody counted the days from one",
    )
    .subtle(),
    schedule(
        "schedule-in-local-time",
        "calls at 03:00 UTC as it is on the clock of who wrote it",
    )
    .subtle(),
    schedule(
        "schedule-starts-afresh",
        "calls the launcher's `fresh`, which replaces a run at work",
    )
    .subtle(),
    schedule(
        "schedule-calls-it-inline",
        "calls `/upgrade-all` and not its launcher",
    ),
    fault(
        "machine",
        "machine-in-local-time",
        &["V8a.9"],
        "goes by a clock that is not UTC's, and so does its cron",
    )
    .subtle(),
    launcher(
        "launcher-needs-login-environment",
        &["V8a.9"],
        "expects in its environment what only a login sets",
    )
    .subtle(),
    // How it is stopped.
    launcher(
        "stop-leaves-agent",
        &["V8a.10", "V9.4", "V9.5"],
        "gives the session another name, in case somebody wants to read it",
    ),
    launcher(
        "stop-leaves-work",
        &["V8a.10", "V9.4"],
        "ends the session, and not the work in it, which does not hear that it is gone",
    )
    .subtle(),
    launcher(
        "stop-works-once",
        &["V8a.10", "V9.4"],
        "remembers that it has stopped the session, and forgets that another one was launched since",
    )
    .subtle(),
    Fault {
        inconclusive: &["V9.5"],
        ..launcher(
            "stop-kills-all-sessions",
            &["V8a.10"],
            "ends the whole tmux server",
        )
    },
    // What is written about it.
    text(
        "skill-text-names-another-day",
        "says that cron calls it on Sundays",
    )
    .subtle(),
    text(
        "skill-text-names-another-hour",
        "gives another hour in the line for the crontab",
    )
    .subtle(),
    text(
        "skill-text-calls-it-inline",
        "says that cron calls `/upgrade-all`, and the launcher somebody by hand",
    ),
    // What is left behind.
    Fault {
        shows_in: &["V1"],
        ..fault(
            "bridge",
            "bridge-reopens-pulls",
            &["V9.1", "V9.2"],
            "makes the branch of a closed pull request anew and opens it again, so that its result stays in sight",
        )
    },
    Fault {
        shows_in: &["V1"],
        ..fault(
            "bridge",
            "bridge-keeps-heads",
            &["V9.2"],
            "makes a branch that was deleted anew, so that what was tested stays in reach",
        )
    }
    .subtle(),
    Fault {
        shows_in: &["V1"],
        ..fault(
            "harness",
            "harness-leaves-the-last",
            &["V9.3"],
            "leaves what it tested deployed until it tests again",
        )
    }
    .subtle(),
    Fault {
        shows_in: &["V1"],
        ..fault(
            "harness",
            "harness-leaves-volumes",
            &["V9.5"],
            "tears deploys down and leaves their volumes",
        )
    }
    .subtle(),
    Fault {
        shows_in: &["V3"],
        ..fault(
            "recipe-upgrade",
            "skill-leaves-its-clone",
            &["V9.5"],
            "leaves its clone when it is done",
        )
    },
    Fault {
        shows_in: &["V6"],
        ..fault(
            "verify-pr",
            "verify-pr-leaves-its-clone",
            &["V9.5"],
            "leaves its clone when it is done",
        )
    },
    Fault {
        shows_in: &["V8a"],
        ..launcher(
            "launcher-installs-itself",
            &["V9.5"],
            "puts itself into the crontab, which is done once everything is verified",
        )
    }
    .subtle(),
];
