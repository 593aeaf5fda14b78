-- What was done.
insert into audit_events (id, at, action, outcome, actor_kind, actor_id, actor_name, target_kind, target_id,
    target_name, company_id, field_id, address, request_id) values
    ('01a20253-d292-71a8-bcc6-d5041bd9d8f1', '2026-01-02T03:04:05Z', 'user.create', 'success', 'system', null,
        'ttscm', 'user', '01a20253-d28e-758b-b15f-3e0c16af933a', 'Administrator', null, null, null, null),
    ('01a20253-e320-71be-b569-86d92b95167a', '2026-01-02T03:04:06Z', 'credential.create', 'success', 'user',
        '01a20253-d28e-758b-b15f-3e0c16af933a', 'Administrator', 'credential',
        '01a20253-e31d-7126-9e13-a041d2237143', 'Production', '01a20253-e0f4-7103-9477-1c44845a216f', null,
        '192.0.2.1', '01a20253-e310-74d8-83f7-43673e4b354e'),
    ('01a20253-e321-7000-8000-000000000001', '2026-01-02T03:04:07Z', 'credential.reveal', 'success', 'user',
        '01a20253-d28e-758b-b15f-000000000002', 'Tina Technician', 'credential',
        '01a20253-e31d-7126-9e13-a041d2237143', 'Production', '01a20253-e0f4-7103-9477-1c44845a216f', 'key',
        '192.0.2.1', '01a20253-e310-74d8-83f7-43673e4b354f');
