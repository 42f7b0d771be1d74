-- Two items may meet the same recipe, and then make things of the same name one after the other: a name is taken once for each attempt,
-- so that the first of them stays on record.

create table resources_of_attempts (
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
    moved_to   text,             -- and the one that the attempt moved it to, once it is known
    gone       text,             -- when it was closed, deleted or put back
    ended      text,             -- how it ended, in a word
    unique (run, attempt, kind, repository, name)
);

insert into resources_of_attempts
    (id, run, attempt, kind, repository, name, number, purpose, intended, was, moved_to, gone, ended)
    select id, run, attempt, kind, repository, name, number, purpose, intended, was, moved_to, gone, ended from resources;

drop table resources;

alter table resources_of_attempts rename to resources;
