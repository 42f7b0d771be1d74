-- The command that took a word back: dealt with once more, it takes back no other.

alter table words add column withdrawn_by integer references commands (id);
