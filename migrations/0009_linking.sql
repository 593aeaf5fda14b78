-- A sign-in that is to link an identity to an account which is signed in already.
alter table sign_ins
    add column link_session uuid constraint sign_ins_link_session_fkey references sessions on delete cascade;
create index sign_ins_link_session_idx on sign_ins (link_session) where link_session is not null;
