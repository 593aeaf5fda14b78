-- People with a password ("an administrator's password"), a role of their own making, a session.
insert into users (id, login, email, name, password_hash, permissions, created_at, updated_at) values
    ('01a20253-d28e-758b-b15f-3e0c16af933a', 'admin@example.com', 'admin@example.com', 'Administrator',
        '$argon2id$v=19$m=19456,t=2,p=1$8yGW+uTEAaCi40TKz2rk7Q$qfLVqDP7WpWlcIVHjrdAOLJa28DU+/SdkazmAD2b0pI',
        '{}', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'),
    ('01a20253-d28e-758b-b15f-000000000002', 'tina', 'tina@example.com', 'Tina Technician',
        '$argon2id$v=19$m=19456,t=2,p=1$8yGW+uTEAaCi40TKz2rk7Q$qfLVqDP7WpWlcIVHjrdAOLJa28DU+/SdkazmAD2b0pI',
        '{user.read.other}', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'),
    ('01a20253-d28e-758b-b15f-000000000003', 'gone', null, 'Somebody Gone',
        '$argon2id$v=19$m=19456,t=2,p=1$8yGW+uTEAaCi40TKz2rk7Q$qfLVqDP7WpWlcIVHjrdAOLJa28DU+/SdkazmAD2b0pI',
        '{}', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
update users set active = false where login = 'gone';
insert into roles (id, title, moniker, permissions, created_at, updated_at) values
    ('01a20253-aaaa-7000-8000-000000000001', 'Technician', 'technician',
        '{company.*,credential.*,credential_type.fetch,credential_type.fetch.many}',
        '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
insert into user_roles (user_id, role_id) values
    ('01a20253-d28e-758b-b15f-3e0c16af933a', '00000000-0000-7000-8000-000000000001'),
    ('01a20253-d28e-758b-b15f-000000000002', '00000000-0000-7000-8000-000000000002'),
    ('01a20253-d28e-758b-b15f-000000000002', '01a20253-aaaa-7000-8000-000000000001');
insert into sessions (id, user_id, address, user_agent, created_at, last_used_at, expires_at) values
    ('01a20253-e0b6-76f9-aee4-d1eff78630ab', '01a20253-d28e-758b-b15f-000000000002', '192.0.2.1', 'Desk/1.0',
        '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', '2999-01-02T03:04:05Z');
insert into refresh_tokens (hash, session_id, expires_at) values
    (sha256('a refresh token of before'), '01a20253-e0b6-76f9-aee4-d1eff78630ab', '2999-01-02T03:04:05Z');
