-- The clients of the managed service provider.

-- substring and typo-tolerant search
create extension if not exists pg_trgm;

create table companies (
    id uuid constraint companies_pkey primary key,
    name text not null,
    -- none where the company was made by hand
    cw_company_id bigint constraint companies_cw_company_id_key unique,
    cw_identifier text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index companies_order_idx on companies (lower(name), id);
create index companies_name_search_idx on companies using gin (name gin_trgm_ops);
create index companies_identifier_search_idx on companies using gin (cw_identifier gin_trgm_ops);

-- A role bound to a company grants its nodes inside that company only.
alter table roles
    add column company_id uuid constraint roles_company_id_fkey references companies on delete cascade;
create index roles_company_id_idx on roles (company_id);
