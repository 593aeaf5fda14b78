-- A company, to which the technician's role is bound.
insert into companies (id, name, created_at, updated_at) values
    ('01a20253-e0f4-7103-9477-1c44845a216f', 'Acme', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
update roles set company_id = '01a20253-e0f4-7103-9477-1c44845a216f' where moniker = 'technician';
