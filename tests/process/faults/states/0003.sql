-- A credential whose key, wJalrXUtnFEMI/K7MDENG, was sealed by the program itself under the tests' master key.
insert into data_keys (id, wrapped, created_at) values
    (1, '\x04b605ff94b2e27e967a8b063bc7c546305eec2e9fc2252c1807161f11a5e8044f5cc7419f947d19178dd78162f01376718b738e6dc926d6b6977746',
        '2026-01-02T03:04:05Z');
insert into credential_types (id, name, permission_scope, fields, created_at, updated_at) values
    ('01a20253-e245-7577-8739-8f09591c4ec9', 'AWS', 'aws',
        '[{"id": "user", "name": "User", "secure": false, "required": true, "valueType": "plain_text"},
          {"id": "key", "name": "Key", "secure": true, "required": true, "valueType": "password"}]',
        '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
insert into credentials (id, name, type_id, company_id, plain_values, created_at, updated_at) values
    ('01a20253-e31d-7126-9e13-a041d2237143', 'Production', '01a20253-e245-7577-8739-8f09591c4ec9',
        '01a20253-e0f4-7103-9477-1c44845a216f', '{"user": "root"}', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
insert into secure_values (credential_id, field_id, sealed) values
    ('01a20253-e31d-7126-9e13-a041d2237143', 'key',
        '\x0100000001bf7dd171f0d0d64a33d793eff4f136f38c5257f8f4711b5e8e8799debe327060e3874710ca92f92c30945cc9aab33b1b66');
