-- Data keys that change while everything goes on.

alter table data_keys
    -- how many values it may have sealed: counted in blocks before they are used, so never too few
    add column seals bigint not null default 0,
    -- when everything began to be sealed anew with it, and when that was done; none where it was made because
    -- the one before it had sealed enough
    add column rotation_began_at timestamptz,
    add column rotation_ended_at timestamptz;

update data_keys set seals =
    (select count(*) from secure_values) + (select count(credentials) from integrations);

create function announce_key() returns trigger language plpgsql as $$
begin
    perform pg_notify('ttscm_keys', '');
    return null;
end
$$;

create trigger data_keys_announce after insert on data_keys for each statement execute function announce_key();

-- The id of the data key that sealed bytes name; none where they are too short to name one.
create function sealed_key(sealed bytea) returns integer language sql immutable as $$
    select case when length(sealed) >= 5 then
        (get_byte(sealed, 1) << 24) | (get_byte(sealed, 2) << 16) | (get_byte(sealed, 3) << 8) | get_byte(sealed, 4)
    end
$$;

-- Keeps data keys from being retired until the transaction ends, and refuses those that have been: a server
-- may still seal with the key before, and what it stores must open later.
create function hold_data_keys(used integer[]) returns void language plpgsql as $$
begin
    perform from data_keys where id = any (used) for key share;
    if exists (
        select from unnest(used) key
        where key between 1 and (select max(id) from data_keys)
            and not exists (select from data_keys where id = key)
    ) then
        raise exception 'sealed with a data key that has been retired' using errcode = 'serialization_failure';
    end if;
end
$$;

-- Has a column of sealed bytes hold the keys of what is written to it. Each such column needs it.
create function guard_sealed(of_table text, of_column text) returns void language plpgsql as $outer$
declare
    name text := of_table || '_' || of_column || '_holds_keys';
begin
    execute format(
        $text$
            create function %1$I() returns trigger language plpgsql as $inner$
            begin
                perform hold_data_keys((select array_agg(distinct sealed_key(%2$I)) from written));
                return null;
            end
            $inner$
        $text$, name, of_column
    );
    execute format(
        'create trigger %1$I after insert on %2$I referencing new table as written
             for each statement execute function %3$I()', name || '_of_new', of_table, name
    );
    execute format(
        'create trigger %1$I after update on %2$I referencing new table as written
             for each statement execute function %3$I()', name || '_of_changed', of_table, name
    );
end
$outer$;

do $$
begin
    perform guard_sealed('secure_values', 'sealed');
    perform guard_sealed('sign_ins', 'upstream');
    perform guard_sealed('sign_ins', 'identity');
    perform guard_sealed('integrations', 'credentials');
end
$$;
