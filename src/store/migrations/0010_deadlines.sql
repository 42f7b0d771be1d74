-- When a run was ended because its deadline was over.

alter table runs add column overdue text;
