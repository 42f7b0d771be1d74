-- Each time somebody had Gavel pause, and when it went on.

create table pauses (
    id      integer primary key,
    command integer not null unique references commands (id),
    ended   text,
    resumed integer references commands (id) -- the command that ended it
);
