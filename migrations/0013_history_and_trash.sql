-- What credentials were before each change, and what was deleted and can still be restored.

-- A credential as it was before a change, and who changed it when. Kept while the credential is in the
-- trash too; the trigger below removes it for good with the credential.
create table credential_versions (
    id uuid constraint credential_versions_pkey primary key default new_id(),
    credential_id uuid not null,
    number integer not null,
    at timestamptz not null,
    by_id uuid,
    by_name text not null,
    -- the fields whose values the change touched
    changed text[] not null,
    name_changed boolean not null,
    notes_changed boolean not null,
    name text not null,
    notes text,
    plain_values jsonb not null,
    constraint credential_versions_number_key unique (credential_id, number)
);

-- The values of secure fields that a version had, sealed as they were.
create table version_values (
    version_id uuid not null
        constraint version_values_version_id_fkey references credential_versions on delete cascade,
    field_id text not null,
    sealed bytea not null,
    constraint version_values_pkey primary key (version_id, field_id)
);

-- What was deleted as one thing: an entry. While a type is here, nobody else gets its scope.
create table trash (
    id uuid constraint trash_pkey primary key,
    kind text not null constraint trash_kind_check check (kind in ('credential', 'credential_type', 'company')),
    target_id uuid not null constraint trash_target_id_key unique,
    name text not null,
    -- the company that it is of, or is
    company_id uuid,
    permission_scope text constraint trash_permission_scope_key unique,
    deleted_at timestamptz not null,
    deleted_by_id uuid,
    deleted_by_name text not null,
    -- when it is removed for good
    purge_at timestamptz not null
);
create index trash_order_idx on trash (deleted_at, id);
create index trash_purge_at_idx on trash (purge_at);

-- The credentials of an entry: whole rows, of whatever columns, to be put back as they were.
create table trashed_credentials (
    id uuid constraint trashed_credentials_pkey primary key,
    trash_id uuid not null constraint trashed_credentials_trash_id_fkey references trash on delete cascade,
    type_id uuid not null,
    company_id uuid not null,
    content jsonb not null
);
create index trashed_credentials_trash_id_idx on trashed_credentials (trash_id);
create index trashed_credentials_type_id_idx on trashed_credentials (type_id);
create index trashed_credentials_company_id_idx on trashed_credentials (company_id);

-- Their values of secure fields, sealed as they were.
create table trashed_secure_values (
    credential_id uuid not null constraint trashed_secure_values_credential_id_fkey
        references trashed_credentials on delete cascade,
    field_id text not null,
    sealed bytea not null,
    constraint trashed_secure_values_pkey primary key (credential_id, field_id)
);

-- The other rows of an entry.
create table trashed_rows (
    id bigint generated always as identity constraint trashed_rows_pkey primary key,
    trash_id uuid not null constraint trashed_rows_trash_id_fkey references trash on delete cascade,
    -- the table that it is from
    origin text not null constraint trashed_rows_origin_check check (origin in
        ('credential_types', 'companies', 'roles', 'user_roles', 'company_members', 'permissions')),
    content jsonb not null
);
create index trashed_rows_trash_id_idx on trashed_rows (trash_id);
create index trashed_rows_user_id_idx on trashed_rows ((content ->> 'user_id')) where origin = 'user_roles';

do $$
begin
    perform guard_sealed('version_values', 'sealed');
    perform guard_sealed('trashed_secure_values', 'sealed');
end
$$;

-- The versions of a credential go for good with it, and stay where it only moves into the trash or back.
create function forget_versions() returns trigger language plpgsql as $$
begin
    delete from credential_versions v using gone
    where v.credential_id = gone.id
        and not exists (select from credentials c where c.id = gone.id)
        and not exists (select from trashed_credentials t where t.id = gone.id);
    return null;
end
$$;

create trigger credentials_forget_versions after delete on credentials referencing old table as gone
    for each statement execute function forget_versions();
create trigger trashed_credentials_forget_versions after delete on trashed_credentials referencing old table as gone
    for each statement execute function forget_versions();

-- As before, but a node or wildcard stays where a type in the trash is meant by it.
create or replace function is_of_gone_scope(node text, scope text) returns boolean language sql stable as $$
    select (starts_with($1, $2 || '.') or ($1 like '%.*' and starts_with($2 || '.', rtrim($1, '*'))))
        and not exists (
            select from (
                select permission_scope from credential_types
                union all
                select permission_scope from trash where permission_scope is not null
            ) t
            where ($1 like '%.*' and starts_with(t.permission_scope || '.', rtrim($1, '*')))
                or (starts_with(t.permission_scope, $2 || '.') and starts_with($1, t.permission_scope || '.'))
        )
        and not exists (
            select from permissions p
            where p.node = $1 or ($1 like '%.*' and starts_with(p.node, rtrim($1, '*')))
        )
$$;

-- Who looks after a company looks after what is deleted of its credentials too.
create or replace function insert_company_admin_role(company uuid, made_at timestamptz) returns void language sql as $$
    insert into roles (id, title, moniker, description, permissions, company_id, builtin, created_at, updated_at)
    values (
        new_id(), 'Company Administrator', 'company_admin_' || replace(company::text, '-', ''),
        'Looks after this company, its credentials, its roles and who has them',
        '{company.fetch,company.fetch.*,company.update,credential.*,credential_type.fetch,credential_type.fetch.*,role.*,user.read.other,user.list.other,user.write.other,user.roles.other,trash.*}',
        company, true, made_at, made_at
    )
$$;
update roles set permissions = permissions || '{trash.*}'::text[] where builtin and company_id is not null;
