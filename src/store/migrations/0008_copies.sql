-- A backup says in itself that it is one, so that a Gavel that is started on it knows that more happened after it than it has on record.

create table copies (
    made     text not null,
    taken_up text          -- when a Gavel went on from it
);
