-- Companies as organizations with members and administrators, permissions that administrators make, and
-- what accounts with a password have besides.

alter table users
    -- both, or neither where only the display name is known
    add column first_name text,
    add column last_name text,
    add column email_verified boolean not null default false,
    add column last_login timestamptz,
    -- how the person first signed in
    add column auth_provider text not null default 'local';

alter table roles add column description text not null default '';

alter table companies
    add column description text not null default '',
    add column domain text,
    add column active boolean not null default true;

-- Who belongs to which company. By itself this grants nothing.
create table company_members (
    user_id uuid not null constraint company_members_user_id_fkey references users on delete cascade,
    company_id uuid not null constraint company_members_company_id_fkey references companies on delete cascade,
    constraint company_members_pkey primary key (user_id, company_id)
);
create index company_members_company_id_idx on company_members (company_id);

-- Nodes that administrators make, besides those that the program and credential types bring.
create table permissions (
    id uuid constraint permissions_pkey primary key,
    name text not null,
    description text not null,
    node text not null constraint permissions_node_key unique,
    -- it may be granted in roles of this company only; anywhere where none
    company_id uuid constraint permissions_company_id_fkey references companies on delete cascade,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index permissions_company_id_idx on permissions (company_id);

update roles set description = 'May do everything' where moniker = 'admin' and builtin;
update roles set description = 'Looks after their own account' where moniker = 'user' and builtin;
insert into roles (id, title, moniker, description, permissions, builtin, created_at, updated_at) values
    ('00000000-0000-7000-8000-000000000003', 'Integrator', 'integrator', 'Looks after integrations',
        '{integration.*,user.read,user.write}', true, now(), now());

-- A version 7 UUID: the random bits of a version 4 one behind the time in milliseconds.
create function new_id() returns uuid language sql volatile as $$
    select encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6
    ), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Each company has a role of its own for its administrators, wherever the company comes from.
create function insert_company_admin_role(company uuid, made_at timestamptz) returns void language sql as $$
    insert into roles (id, title, moniker, description, permissions, company_id, builtin, created_at, updated_at)
    values (
        new_id(), 'Company Administrator', 'company_admin_' || replace(company::text, '-', ''),
        'Looks after this company, its credentials, its roles and who has them',
        '{company.fetch,company.fetch.*,company.update,credential.*,credential_type.fetch,credential_type.fetch.*,role.*,user.read.other,user.list.other,user.write.other,user.roles.other}',
        company, true, made_at, made_at
    )
$$;

create function make_company_admin_roles() returns trigger language plpgsql as $$
begin
    perform insert_company_admin_role(id, created_at) from made;
    return null;
end
$$;

create trigger companies_make_admin_roles after insert on companies referencing new table as made
    for each statement execute function make_company_admin_roles();

do $$ begin perform insert_company_admin_role(id, created_at) from companies; end $$;

-- As before, but a node or wildcard stays where a permission that an administrator made is meant by it.
create or replace function is_of_gone_scope(node text, scope text) returns boolean language sql stable as $$
    select (starts_with($1, $2 || '.') or ($1 like '%.*' and starts_with($2 || '.', rtrim($1, '*'))))
        and not exists (
            select from credential_types t
            where ($1 like '%.*' and starts_with(t.permission_scope || '.', rtrim($1, '*')))
                or (starts_with(t.permission_scope, $2 || '.') and starts_with($1, t.permission_scope || '.'))
        )
        and not exists (
            select from permissions p
            where p.node = $1 or ($1 like '%.*' and starts_with(p.node, rtrim($1, '*')))
        )
$$;
