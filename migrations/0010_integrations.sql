-- The products that a provider works with besides, and how they are doing.

create table integrations (
    id uuid constraint integrations_pkey primary key,
    name text not null,
    description text not null,
    kind text not null,
    base_url text not null,
    auth_type text not null,
    -- what the product is shown, sealed; none where nothing was given
    credentials bytea,
    -- [{name, path, method}], in the order of the answer
    endpoints jsonb not null,
    active boolean not null,
    created_by uuid constraint integrations_created_by_fkey references users on delete set null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- counts the changes of what a check is about: what it finds is of one of these states
    revision bigint not null default 0,
    -- the last finding; none before the first check of this state
    verdict text,
    message text,
    checked_at timestamptz,
    -- how many checks have failed one after another
    failures integer not null default 0,
    -- when it is checked by itself; none where that could do harm
    next_check_at timestamptz
);
create index integrations_order_idx on integrations (lower(name), id);
create index integrations_created_by_idx on integrations (created_by);
create index integrations_next_check_at_idx on integrations (next_check_at) where active;

-- Who looks after an integration besides its creator.
create table integration_managers (
    integration_id uuid not null
        constraint integration_managers_integration_id_fkey references integrations on delete cascade,
    user_id uuid not null constraint integration_managers_user_id_fkey references users on delete cascade,
    -- the place in the list
    place integer not null,
    constraint integration_managers_pkey primary key (integration_id, user_id)
);
create index integration_managers_user_id_idx on integration_managers (user_id);

-- The last checks of each integration.
create table integration_checks (
    id uuid constraint integration_checks_pkey primary key,
    integration_id uuid not null
        constraint integration_checks_integration_id_fkey references integrations on delete cascade,
    at timestamptz not null,
    verdict text not null,
    message text not null,
    duration_ms bigint not null
);
create index integration_checks_order_idx on integration_checks (integration_id, at, id);

-- Lists them and makes new ones; what somebody made or manages is theirs to look after anyway.
update roles set permissions = '{integration.fetch.many,integration.create,user.read,user.write}'
    where moniker = 'integrator' and builtin;
