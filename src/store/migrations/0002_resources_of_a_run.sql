-- The flow names what it makes by the version it upgrades to, so that two runs make things of the same name: a name is taken once for
-- each run. And branches that were there before are moved by seeds, and put back.

create table resources_of_runs (
    id         integer primary key,
    run        integer not null references runs (id),
    attempt    integer not null references attempts (id),
    kind       text    not null, -- branch, pull, moved
    repository text    not null collate nocase,
    name       text    not null, -- the branch; of a pull request, its head branch
    number     integer,          -- of a pull request, once it is known
    purpose    text    not null,
    intended   text    not null,
    was        text,             -- of a branch that was moved: the commit that it is put back to
    moved_to   text,             -- and the one that the run moved it to, once it is known
    gone       text,             -- when it was closed, deleted or put back
    ended      text,             -- how it ended, in a word
    unique (run, kind, repository, name)
);

insert into resources_of_runs (id, run, attempt, kind, repository, name, number, purpose, intended, gone, ended)
    select id, run, attempt, kind, repository, name, number, purpose, intended, gone, ended from resources;

drop table resources;

alter table resources_of_runs rename to resources;
