-- The audit record as a chain of sealed batches, limits on reveals, canaries, and when a value last changed.

-- The key that batches are sealed with, wrapped by the master key, and the end of the chain, so that batches
-- which are missing there are missed.
create table audit_chain (
    is_only boolean constraint audit_chain_pkey primary key default true constraint audit_chain_is_only_check check (is_only),
    wrapped_key bytea not null,
    -- the newest batch, 0 before the first, and its seal
    number bigint not null,
    seal bytea not null,
    -- the times that events of all batches have, from the first to the last
    first_at timestamptz,
    last_at timestamptz,
    -- what only the key can make of these
    mac bytea not null
);

-- Events that were committed, in batches; each seal covers the batch and the seal before it.
create table audit_batches (
    number bigint constraint audit_batches_pkey primary key,
    previous bytea not null,
    -- the times of its first and last event
    first_at timestamptz not null,
    last_at timestamptz not null,
    -- the same of the chain up to here
    chain_first_at timestamptz not null,
    chain_last_at timestamptz not null,
    event_count integer not null,
    -- SHA-256 of its digests
    content bytea not null,
    seal bytea not null,
    -- by the clock of the database
    sealed_at timestamptz not null,
    -- its events by time and id, and the SHA-256 of each one after another; none once they were dropped
    event_ids uuid[],
    digests bytea,
    dropped_at timestamptz,
    -- what only the key can make: the program itself dropped them
    drop_mark bytea
);
create index audit_batches_time_idx on audit_batches using gist (tstzrange(first_at, last_at, '[]'));
create index audit_batches_sealed_at_idx on audit_batches (sealed_at, number);
create index audit_batches_kept_idx on audit_batches (last_at) where dropped_at is null;

-- The events that are in no batch yet. A transaction that commits late brings its own along when it does,
-- so that none is passed over, whatever the order.
create table audit_unsealed (
    event_id uuid not null,
    -- when the transaction began, by the clock of the database
    inserted_at timestamptz not null default now()
);

-- Whether an event that says it is of this time claims a place among those that were sealed before the
-- transaction began which brought it.
create function audit_claims_sealed_time(at timestamptz, inserted_at timestamptz) returns boolean
language sql stable as $$
    select coalesce((
        select $1 >= b.chain_first_at and $1 < b.chain_last_at
        from audit_batches b where b.sealed_at < $2 order by b.sealed_at desc, b.number desc limit 1
    ), false)
$$;

insert into audit_unsealed (event_id, inserted_at) select id, at from audit_events;

create function audit_events_await_seal() returns trigger language plpgsql as $$
begin
    insert into audit_unsealed (event_id) values (new.id);
    return null;
end
$$;
create trigger audit_events_await_seal after insert on audit_events
    for each row execute function audit_events_await_seal();

-- As before, but for `audit_drop_batch`.
create or replace function audit_events_refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op <> 'TRUNCATE' and current_setting('ttscm.audit_drop', true) = 'on' then
        return null;
    end if;
    raise exception 'audit events are append-only';
end
$$;
create trigger audit_batches_append_only before update or delete or truncate on audit_batches
    for each statement execute function audit_events_refuse_change();

-- Drops the events of a batch and leaves its seal; how many there were. The one way to do so.
create function audit_drop_batch(batch bigint, at timestamptz, mark bytea) returns integer
language plpgsql security definer set search_path from current as $$
declare
    dropped integer;
begin
    perform set_config('ttscm.audit_drop', 'on', true);
    delete from audit_events e using (select unnest(b.event_ids) as id from audit_batches b where b.number = batch) b
    where e.id = b.id;
    get diagnostics dropped = row_count;
    update audit_batches b set event_ids = null, digests = null, dropped_at = at, drop_mark = mark
    where b.number = batch and b.dropped_at is null;
    perform set_config('ttscm.audit_drop', '', true);
    return dropped;
end
$$;
revoke execute on function audit_drop_batch from public;

-- How many values each person or key has revealed within an hour that began with the first of them.
create table reveal_budgets (
    actor_id uuid constraint reveal_budgets_pkey primary key,
    began_at timestamptz not null,
    used integer not null
);

-- A canary is there to be revealed by somebody who should not.
alter table credentials add column canary boolean not null default false;

-- The times at which this was the value, however often it is sealed anew: who revealed it then knows it. Not known
-- of values that are older than this, so that every reveal counts.
alter table secure_values add column held_at tstzmultirange not null default '{(,)}';
alter table version_values add column held_at tstzmultirange not null default '{(,)}';
alter table trashed_secure_values add column held_at tstzmultirange not null default '{(,)}';
