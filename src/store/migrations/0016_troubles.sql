-- When and how forge and Drone did not answer while an attempt was under way, as a JSON list: a restart forgets none of it.
create table troubles (
    attempt integer primary key references attempts (id),
    told    text not null
);
