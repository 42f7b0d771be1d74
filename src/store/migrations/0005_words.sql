-- What people say of what was judged. The comment that holds a word is the anchor: its command says where it stands.

create table words (
    id        integer primary key,
    command   integer not null unique references commands (id),
    attempt   integer not null references attempts (id),
    kind      text    not null, -- accepted, disputed
    account   text    not null collate nocase,
    head      text    not null, -- the end of the chain, as it was quoted; empty where none was
    reason    text    not null,
    withdrawn text              -- when it was taken back, or the same account said something else
);
create index words_of_attempts on words (attempt);

create table notes (
    id      integer primary key,
    command integer not null unique references commands (id),
    kind    text    not null, -- decision, idea
    text    text    not null
);

-- Findings that were filed: one issue for each clause, as long as that is open.
create table filed (
    clause     text    primary key,
    repository text    not null collate nocase,
    issue      integer,         -- none between the intent and the forge's answer
    run        integer not null -- in which it was found first
);
