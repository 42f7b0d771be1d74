-- When the last words about a run that is over were said. Of all runs so far they were, but for the newest that ended.

alter table runs add column parted text;
update runs set parted = ended
    where state = 'finished' and id < (select max(id) from runs where state = 'finished');

-- The command that cancelled it: dealt with once more, it ends no other run.

alter table runs add column cancelled_by integer references commands (id);
