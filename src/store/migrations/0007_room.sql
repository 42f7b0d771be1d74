-- Whether there is room is found out by writing something and taking it away again; it stands here in between.

create table room (
    filler blob not null
);
