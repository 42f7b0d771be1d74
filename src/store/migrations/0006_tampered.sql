-- Comments of Gavel's that did not stand as it wrote them: what each was and what was found, as SHA-256 of the text.
create table tampered (
    id      integer primary key,
    slot    text    not null references comments (slot),
    comment integer not null,
    was     text    not null,
    found   text,             -- none where it was deleted
    at      text    not null
);
create index comments_by_id on comments (comment);
