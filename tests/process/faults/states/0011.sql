-- A key of the technician's.
insert into api_keys (id, user_id, name, hash, prefix, permissions, created_at, expires_at) values
    ('01a20253-ffff-7000-8000-000000000001', '01a20253-d28e-758b-b15f-000000000002', 'Reports',
        sha256('no key at all'), 'ttscm_abcdef', '{company.fetch.many}', '2026-01-02T03:04:05Z', '2999-01-02T03:04:05Z');
