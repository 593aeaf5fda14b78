-- Companies that came from ConnectWise, one of which is gone there.
insert into companies (id, name, cw_company_id, cw_identifier, created_at, updated_at, cw_data, cw_updated_at,
    cw_fetched_at, cw_deleted_at) values
    ('01a20253-cccc-7000-8000-000000000001', 'Globex', 250, 'Globex', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z',
        '{}', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', null),
    ('01a20253-cccc-7000-8000-000000000002', 'Initech', 251, 'Initech', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z',
        '{}', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', '2026-01-03T03:04:05Z');
