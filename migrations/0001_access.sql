-- People, what they may do, and how they are signed in.

create table users (
    id uuid constraint users_pkey primary key,
    -- login and e-mail are kept in lower case
    login text not null constraint users_login_key unique,
    email text constraint users_email_key unique,
    name text not null,
    image text,
    password_hash text,
    active boolean not null default true,
    -- permission nodes granted to the person directly
    permissions text[] not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table roles (
    id uuid constraint roles_pkey primary key,
    title text not null,
    moniker text not null constraint roles_moniker_key unique,
    permissions text[] not null default '{}',
    -- made by the program: never deleted
    builtin boolean not null default false,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table user_roles (
    user_id uuid not null constraint user_roles_user_id_fkey references users on delete cascade,
    role_id uuid not null constraint user_roles_role_id_fkey references roles on delete cascade,
    constraint user_roles_pkey primary key (user_id, role_id)
);
create index user_roles_role_id_idx on user_roles (role_id);

insert into roles (id, title, moniker, permissions, builtin, created_at, updated_at) values
    ('00000000-0000-7000-8000-000000000001', 'Administrator', 'admin', '{*}', true, now(), now()),
    ('00000000-0000-7000-8000-000000000002', 'User', 'user', '{user.read,user.write}', true, now(), now());

-- One sign-in on one client. Its refresh tokens are one family.
create table sessions (
    id uuid constraint sessions_pkey primary key,
    user_id uuid not null constraint sessions_user_id_fkey references users on delete cascade,
    address text not null,
    user_agent text,
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    -- however often it is refreshed
    expires_at timestamptz not null,
    ended_at timestamptz
);
create index sessions_user_id_idx on sessions (user_id);
create index sessions_expires_at_idx on sessions (expires_at);

-- Refresh tokens by SHA-256 of the token; the token itself is never stored.
create table refresh_tokens (
    hash bytea constraint refresh_tokens_pkey primary key,
    session_id uuid not null constraint refresh_tokens_session_id_fkey references sessions on delete cascade,
    -- the spent token that this one was given for; none for the first of a session
    predecessor bytea,
    expires_at timestamptz not null,
    spent_at timestamptz
);
create index refresh_tokens_session_id_idx on refresh_tokens (session_id);
create index refresh_tokens_predecessor_idx on refresh_tokens (predecessor);

-- The latest failed password attempts, by SHA-256 of what they were aimed at or came from.
create table failed_attempts (
    subject bytea constraint failed_attempts_pkey primary key,
    at timestamptz[] not null,
    latest timestamptz not null
);
create index failed_attempts_latest_idx on failed_attempts (latest);
