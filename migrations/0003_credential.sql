-- Credential types define fields; credentials hold their values.

create table credential_types (
    id uuid constraint credential_types_pkey primary key,
    name text not null,
    -- in lower case; the type's permission nodes begin with it
    permission_scope text not null constraint credential_types_permission_scope_key unique,
    icon text,
    -- [{id, name, required, secure, valueType}], in the order of the answer
    fields jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index credential_types_name_key on credential_types (lower(name));

create table credentials (
    id uuid constraint credentials_pkey primary key,
    name text not null,
    notes text,
    type_id uuid not null constraint credentials_type_id_fkey references credential_types on delete cascade,
    company_id uuid not null constraint credentials_company_id_fkey references companies,
    -- the values of fields that are not secure: {field id: value}
    plain_values jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index credentials_company_order_idx on credentials (company_id, lower(name), id);
create index credentials_type_order_idx on credentials (type_id, lower(name), id);

-- The vault's data keys, each wrapped by the master key of the configuration.
create table data_keys (
    id integer constraint data_keys_pkey primary key,
    wrapped bytea not null,
    created_at timestamptz not null
);

-- The values of secure fields, sealed.
create table secure_values (
    credential_id uuid not null constraint secure_values_credential_id_fkey references credentials on delete cascade,
    field_id text not null,
    sealed bytea not null,
    constraint secure_values_pkey primary key (credential_id, field_id)
);

-- Whether a caller's reach covers a thing of this company and type. Simple enough to be inlined.
create function reaches(everywhere boolean, companies uuid[], types uuid[], pairs text[], company uuid, type uuid)
returns boolean language sql immutable as $$
    select everywhere or company = any (companies) or type = any (types)
        or company::text || type::text = any (pairs)
$$;

-- Whether a granted node belongs to a scope that no type has any more: one of its own nodes, or a
-- wildcard above it. Not where a type that is left has nodes there: scopes may lie below one another.
create function is_of_gone_scope(node text, scope text) returns boolean language sql stable as $$
    select (starts_with(node, scope || '.') or (node like '%.*' and starts_with(scope || '.', rtrim(node, '*'))))
        and not exists (
            select from credential_types t
            where (node like '%.*' and starts_with(t.permission_scope || '.', rtrim(node, '*')))
                or (starts_with(t.permission_scope, scope || '.') and starts_with(node, t.permission_scope || '.'))
        )
$$;
