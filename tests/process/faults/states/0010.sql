-- An integration that nothing was given for yet.
insert into integrations (id, name, description, kind, base_url, auth_type, endpoints, active, created_by,
    created_at, updated_at) values
    ('01a20253-eeee-7000-8000-000000000001', 'Tickets', '', 'jira', 'https://acme.atlassian.net', 'token', '[]', false,
        '01a20253-d28e-758b-b15f-3e0c16af933a', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
