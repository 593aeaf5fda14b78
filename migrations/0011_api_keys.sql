-- Keys that services call with in the place of the people who made them.
create table api_keys (
    id uuid constraint api_keys_pkey primary key,
    user_id uuid not null constraint api_keys_user_id_fkey references users on delete cascade,
    name text not null,
    -- SHA-256 of the key; the key itself is never stored
    hash bytea not null constraint api_keys_hash_key unique,
    -- how it begins, for people to tell their keys apart
    prefix text not null,
    permissions text[] not null,
    -- where it works; wherever its maker holds its nodes where null
    company_ids uuid[] constraint api_keys_company_ids_check check (cardinality(company_ids) > 0),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    last_used_at timestamptz,
    last_used_address text,
    revoked_at timestamptz
);
create index api_keys_user_id_idx on api_keys (user_id);

-- What keys hold is remembered like what people hold; that one was used changes nothing of it.
create trigger api_keys_announce_change after update on api_keys for each row
    when ((old.name, old.permissions, old.company_ids, old.expires_at, old.revoked_at)
        is distinct from (new.name, new.permissions, new.company_ids, new.expires_at, new.revoked_at))
    execute function announce_access_change();
create trigger api_keys_announce_removal after delete on api_keys for each row
    execute function announce_access_change();
