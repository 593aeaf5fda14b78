-- Who did what, when and from where; never a secret. Rows outlive what they speak of, so nothing is referenced.

create table audit_events (
    id uuid constraint audit_events_pkey primary key,
    at timestamptz not null,
    action text not null,
    outcome text not null constraint audit_events_outcome_check check (outcome in ('success', 'denied', 'failure')),
    actor_kind text not null,
    actor_id uuid,
    actor_name text not null,
    target_kind text not null,
    target_id uuid,
    target_name text,
    company_id uuid,
    field_id text,
    address text,
    request_id uuid
);
create index audit_events_order_idx on audit_events (at, id);
create index audit_events_actor_idx on audit_events (actor_id, at, id);
create index audit_events_target_idx on audit_events (target_id, at, id);
create index audit_events_company_idx on audit_events (company_id, at, id);

create function audit_events_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'audit events are append-only';
end
$$;

create trigger audit_events_append_only before update or delete or truncate on audit_events
    for each statement execute function audit_events_refuse_change();
