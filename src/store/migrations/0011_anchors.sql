-- A word is worth what the comment is that holds it; and reports that have to say what became of words.

alter table words add column anchor text not null default 'stands'; -- stands, edited, deleted
alter table words add column changes integer not null default 0; -- of that

create table untold (
    run     integer primary key references runs (id),
    changes integer not null -- how many there were; the report has told all of them when the row goes
);
