-- Whether a command counts among those that its account gave: what it did not type uses up nothing of what it may.
alter table commands add column given integer not null default 1;
