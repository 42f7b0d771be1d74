-- How far its issue had been read when a comment was first meant, in the forge's time: it was not written before.
alter table comments add column since text;
-- The same of a backup: what was written after it may fill slots that it does not know.
alter table copies add column since text;
