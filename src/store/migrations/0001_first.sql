-- Times are RFC 3339 in UTC, JSON is text. Forges compare the names of repositories and accounts without regard to case.

-- Every command that was typed, once by where it stands. A row is there before its delivery is acknowledged.
create table commands (
    id          integer primary key,
    repository  text    not null collate nocase,
    issue       integer not null,
    comment     integer not null,
    position    integer not null, -- the how-manieth command of its comment, from 0
    account     text    not null,
    line        text    not null,
    received    text    not null,
    handled     text,             -- when the inbox was done with it
    unique (repository, comment, position)
);
create index commands_waiting on commands (id) where handled is null;

-- Comments that were read, with commands or without: what stands in one later, somebody else may have written.
create table heard (
    repository text    not null collate nocase,
    comment    integer not null,
    primary key (repository, comment)
) without rowid;

-- How far the catch-up read of an issue has come: comments up to this id are known.
create table cursors (
    repository text    not null collate nocase,
    issue      integer not null,
    comment    integer not null,
    updated    text    not null,
    primary key (repository, issue)
);

-- Accounts that were told, once, that they may not command.
create table turned_away (
    account text primary key collate nocase,
    at      text not null
);

create table runs (
    id      integer primary key,
    command integer unique references commands (id),
    account text    not null, -- who asked for it
    items   text    not null, -- JSON list of item ids, prerequisites included
    options text    not null, -- JSON
    nonce   text    not null, -- part of every name that the run gives to something
    state   text    not null, -- queued, running, cleaning, finished
    cancel  text,             -- who cancelled it
    verdict text,
    queued  text    not null,
    started text,
    ended   text
);

-- One row: which installation wrote the comments whose slots are below.
create table installation (
    id text not null
);
insert into installation values (lower(hex(randomblob(6))));

create table attempts (
    id      integer primary key,
    run     integer not null references runs (id),
    item    text    not null,
    ordinal integer not null, -- 1, 2 … of its item in its run
    state   text    not null, -- running, judged, lost
    why     text,             -- why it was lost
    verdict text,
    started text    not null,
    ended   text,
    unique (run, item, ordinal)
);

-- The journal: a step that was begun and has no fact of its label was interrupted.
create table steps (
    attempt integer not null references attempts (id),
    label   text    not null,
    begun   text    not null,
    primary key (attempt, label)
) without rowid;

create table facts (
    attempt integer not null references attempts (id),
    number  integer not null,
    label   text    not null,
    fact    text    not null, -- JSON
    primary key (attempt, number),
    unique (attempt, label)
);

create table clauses (
    attempt  integer not null references attempts (id),
    ordinal  integer not null,
    id       text    not null,
    clause   text    not null, -- JSON
    primary key (attempt, id)
);

-- What verification made in the world; a row is there before the thing is.
create table resources (
    id         integer primary key,
    run        integer not null references runs (id),
    attempt    integer not null references attempts (id),
    kind       text    not null, -- branch, pull
    repository text    not null collate nocase,
    name       text    not null, -- the branch; of a pull request, its head branch
    number     integer,          -- of a pull request, once it is known
    purpose    text    not null,
    intended   text    not null,
    gone       text,             -- when it was closed or deleted
    ended      text,             -- how it ended, in a word
    unique (kind, repository, name)
);

-- One row for each comment that Gavel keeps: the slot is its name, the digest is of what it last wrote there.
create table comments (
    slot       text primary key,
    repository text    not null collate nocase,
    issue      integer not null,
    comment    integer,
    url        text,
    body       text    not null,
    digest     text    not null,
    written    text
);
