-- Servers remember what callers hold. Whatever changes that tells all of them, in the same transaction.

create function announce_access_change() returns trigger language plpgsql as $$
begin
    perform pg_notify('ttscm_access', '');
    return null;
end
$$;

create trigger users_announce_change after update on users for each row
    when ((old.active, old.permissions, old.name) is distinct from (new.active, new.permissions, new.name))
    execute function announce_access_change();
create trigger users_announce_removal after delete on users for each row
    execute function announce_access_change();
create trigger sessions_announce_end after update on sessions for each row
    when (old.ended_at is distinct from new.ended_at)
    execute function announce_access_change();
create trigger roles_announce_change after insert or update or delete on roles for each row
    execute function announce_access_change();
create trigger user_roles_announce_change after insert or update or delete on user_roles for each row
    execute function announce_access_change();
create trigger credential_types_announce_change after insert or delete or update of permission_scope
    on credential_types for each row execute function announce_access_change();

-- The roles of an account: [[the company that it is bound to, its nodes]].
create function roles_of(account uuid) returns jsonb language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_array(r.company_id, r.permissions)), '[]')
    from user_roles ur join roles r on r.id = ur.role_id
    where ur.user_id = account
$$;

-- The scopes of credential types: [[type, scope]].
create function type_scopes() returns jsonb language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_array(id, permission_scope)), '[]') from credential_types
$$;
