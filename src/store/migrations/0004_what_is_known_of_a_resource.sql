-- A session is found again by its creation and its processes, a deploy by what stood before: neither name is the run's alone.

alter table resources add column known text; -- JSON
