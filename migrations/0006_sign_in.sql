-- Who a person is elsewhere. Keyed by the provider's own names, never by e-mail address.
create table identities (
    id uuid constraint identities_pkey primary key,
    user_id uuid not null constraint identities_user_id_fkey references users on delete cascade,
    provider text not null,
    issuer text not null,
    -- the Microsoft tenant; empty where the provider has no tenants
    tenant text not null,
    subject text not null,
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    constraint identities_subject_key unique (issuer, tenant, subject)
);
create index identities_user_id_idx on identities (user_id);

-- Sign-ins with a provider that are under way. Rows are kept for a while after their end.
create table sign_ins (
    id uuid constraint sign_ins_pkey primary key,
    -- SHA-256 of the key that the client and the provider's answer name it by
    key_hash bytea not null constraint sign_ins_key_hash_key unique,
    provider text not null,
    -- waiting: for the browser; arrived: asking the provider; confirming: for the right number;
    -- approved: for whoever takes the tokens; handed_over, denied, failed: ended
    state text not null constraint sign_ins_state_check
        check (state in ('waiting', 'arrived', 'confirming', 'approved', 'handed_over', 'denied', 'failed')),
    -- why it was denied or failed
    message text,
    -- what the provider's answer must fit, sealed
    upstream bytea not null,
    -- SHA-256 of the cookie of the browser that began it
    browser_hash bytea not null,
    -- what binds the tokens to the client (RFC 7636, S256)
    code_challenge text,
    -- the number that the client shows, and those that the browser offers
    match_code text not null,
    offered text[] not null,
    -- SHA-256 of the token of the confirmation's form
    form_hash bytea,
    -- who the provider says it is, sealed, until the confirmation
    identity bytea,
    -- whose account it is, once it is approved
    user_id uuid constraint sign_ins_user_id_fkey references users on delete cascade,
    -- the client that began it
    address text,
    network text not null,
    user_agent text,
    way text not null,
    -- the socket that waits for it
    socket uuid,
    socket_address text,
    socket_seen_at timestamptz,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    approved_at timestamptz
);
create index sign_ins_network_idx on sign_ins (network, expires_at);
create index sign_ins_expires_at_idx on sign_ins (expires_at);
create index sign_ins_socket_idx on sign_ins (socket) where socket is not null;
create index sign_ins_user_id_idx on sign_ins (user_id);

-- How many sign-ins that a network has begun have not reached their time yet: those under way, or all.
create function sign_ins_of(of_network text, under_way boolean, at timestamptz) returns bigint
    language sql stable
    return (
        select count(*) from sign_ins
        where network = of_network and expires_at > at
            and (not under_way or state in ('waiting', 'arrived', 'confirming'))
    );
