-- Companies as ConnectWise has them, and how the copy of them is kept.

alter table companies
    -- what answers show of it; none where it was made by hand
    add column cw_data jsonb,
    -- when it was last changed there, by its own word
    add column cw_updated_at timestamptz,
    -- when ConnectWise was last asked with a result that is stored here
    add column cw_fetched_at timestamptz,
    -- when it was learned that it is gone there
    add column cw_deleted_at timestamptz;

-- Whether what was sent is newer than what is stored: by the word of ConnectWise, else by when it was asked.
create function is_newer(
    sent_updated timestamptz, sent_fetched timestamptz, stored_updated timestamptz, stored_fetched timestamptz
) returns boolean language sql immutable as $$
    select case
        when sent_updated <> stored_updated then sent_updated > stored_updated
        else sent_fetched >= coalesce(stored_fetched, '-infinity')
    end
$$;

-- The last run that copied the companies, in one row. A run holds an advisory lock for as long as it lives.
create table company_sync (
    only_row boolean constraint company_sync_pkey primary key default true constraint company_sync_one check (only_row),
    -- the login company whose companies these are, since the first run
    tenant text,
    mode text constraint company_sync_mode_check check (mode in ('full', 'incremental')),
    started_at timestamptz,
    finished_at timestamptz,
    read bigint not null default 0,
    written bigint not null default 0,
    marked bigint not null default 0,
    error text,
    -- when the last complete run of any mode, and of mode full, began
    complete_at timestamptz,
    full_at timestamptz
);
insert into company_sync default values;

-- The callbacks of the last days, each of which counts once.
create table connectwise_messages (
    id text constraint connectwise_messages_pkey primary key,
    received_at timestamptz not null
);
create index connectwise_messages_received_idx on connectwise_messages (received_at);
