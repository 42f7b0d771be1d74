-- The facts of an old run stand in its bundle alone. Where each of its chains ends tells whether that is still what was put there.

alter table attempts add column sealed text;
