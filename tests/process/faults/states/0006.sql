-- A person who is known elsewhere, too.
insert into identities (id, user_id, provider, issuer, tenant, subject, created_at, last_used_at) values
    ('01a20253-bbbb-7000-8000-000000000001', '01a20253-d28e-758b-b15f-000000000002', 'github',
        'https://github.com', '', '583231', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
