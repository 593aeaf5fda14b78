-- A member, and a permission that an administrator made.
insert into company_members (user_id, company_id) values
    ('01a20253-d28e-758b-b15f-000000000002', '01a20253-e0f4-7103-9477-1c44845a216f');
insert into permissions (id, name, description, node, created_at, updated_at) values
    ('01a20253-dddd-7000-8000-000000000001', 'Read reports', '', 'reports.read',
        '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
