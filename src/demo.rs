//! Sample data, for a first look. It goes through the same operations as everybody's.

use secrecy::{ExposeSecret, SecretString};

use crate::access::{Caller, token};
use crate::app::App;
use crate::company;
use crate::credential::kind::{self, Field, NewType};
use crate::credential::value::ValueType::{
    self, BitlockerKey, GenericSecret, IpAddress, LicenseKey, Password, PlainText,
};
use crate::credential::{self, Input, NewCredential};
use crate::error::Result;
use crate::page::Paging;
use crate::role::{self, NewRole};
use crate::user::{self, Names, NewAccount};

const COMPANIES: [&str; 12] = [
    "Alder Dental Group",
    "Birchwood Accounting",
    "Cedar Creek Brewery",
    "Dunmore Logistics",
    "Eastgate Veterinary Clinic",
    "Fairview Architects",
    "Granite Bay Law",
    "Harbor Light Hotels",
    "Ironworks Fitness",
    "Juniper Street School",
    "Kestrel Aviation",
    "Lakeside Community Bank",
];

/// A field: id, name, whether it is secure, its type of value, and a sample.
type SampleField = (&'static str, &'static str, bool, ValueType, &'static str);

/// A type: name, scope, and its fields, all of them required.
type SampleType = (&'static str, &'static str, &'static [SampleField]);

const TYPES: [SampleType; 6] = [
    (
        "AWS",
        "aws.credentials",
        &[
            ("accessKeyId", "Access Key ID", false, PlainText, "AKIAIOSFODNN7EXAMPLE"),
            (
                "secretAccessKey",
                "Secret Access Key",
                true,
                Password,
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ),
        ],
    ),
    (
        "Microsoft 365",
        "microsoft365.credentials",
        &[
            ("tenant", "Tenant", false, PlainText, "example.onmicrosoft.com"),
            ("username", "Administrator", false, PlainText, "admin@example.onmicrosoft.com"),
            ("password", "Password", true, Password, "sample-Tenant-Passw0rd"),
        ],
    ),
    (
        "BitLocker",
        "bitlocker.keys",
        &[
            ("computer", "Computer", false, PlainText, "FRONT-DESK-01"),
            (
                "recoveryKey",
                "Recovery Key",
                true,
                BitlockerKey,
                "000011-000022-000033-000044-000055-000066-000077-720885",
            ),
        ],
    ),
    (
        "Firewall",
        "firewall.credentials",
        &[
            ("address", "Address", false, IpAddress, "192.0.2.1"),
            ("username", "User Name", false, PlainText, "admin"),
            ("password", "Password", true, Password, "sample-Firewall-Passw0rd"),
        ],
    ),
    (
        "Software Licence",
        "software.licences",
        &[
            ("product", "Product", false, PlainText, "Drawing Studio 2026"),
            ("key", "Licence Key", true, LicenseKey, "SAMPL-E1234-56789-ABCDE-FGHIJ"),
        ],
    ),
    (
        "Wi-Fi",
        "wifi.networks",
        &[
            ("ssid", "Network Name", false, PlainText, "Office"),
            ("passphrase", "Passphrase", true, GenericSecret, "sample wireless passphrase"),
        ],
    ),
];

/// Roles: title, moniker, nodes.
const ROLES: [(&str, &str, &[&str]); 3] = [
    (
        "Technician",
        "technician",
        &[
            "company.fetch.*",
            "company.fetch",
            "credential.*",
            "credential_type.fetch",
            "credential_type.fetch.*",
        ],
    ),
    (
        "Network Technician",
        "network_technician",
        &["company.fetch.many", "firewall.credentials.*", "wifi.networks.*"],
    ),
    ("Auditor", "auditor", &["audit.read", "company.fetch.many", "user.read.other", "user.list.other"]),
];

/// People: name, e-mail address, role.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("Tess Technician", "tess@example.com", "technician"),
    ("Tom Technician", "tom@example.com", "technician"),
    ("Nora Network", "nora@example.com", "network_technician"),
    ("Arthur Auditor", "arthur@example.com", "auditor"),
];

/// How many credentials there are.
const CREDENTIALS: usize = 30;

/// Fills a new database and tells how to look around; one with companies in it stays as it is.
///
/// # Errors
/// What the operations say.
pub async fn fill(app: &App) -> Result<String> {
    let caller = Caller::system();
    let first = Some(Paging::Page { page: 1, rows: 1 });
    if company::list(app, &caller, None, true, first).await?.total > 0 {
        return Ok("This database has companies already: no sample data was added.".to_owned());
    }
    let mut companies = Vec::with_capacity(COMPANIES.len());
    for name in COMPANIES {
        companies.push(company::create(app, &caller, name).await?.id.to_string());
    }
    let mut types = Vec::with_capacity(TYPES.len());
    for sample in &TYPES {
        types.push(add_type(app, &caller, sample).await?);
    }
    let mut first = None;
    for number in 0..CREDENTIALS {
        let (kind, company) = (number % TYPES.len(), number % COMPANIES.len());
        let id = add_credential(
            app,
            &caller,
            &TYPES[kind],
            &types[kind],
            (&companies[company], COMPANIES[company]),
        )
        .await?;
        first.get_or_insert(id);
    }
    let password = token::new_secret().0;
    add_people(app, &caller, &password).await?;
    Ok(welcome(&app.settings.public_url, &password, &first.unwrap_or_default()))
}

async fn add_type(app: &App, caller: &Caller, (name, scope, fields): &SampleType) -> Result<String> {
    let field = |(id, name, secure, value_type, _): &SampleField| Field {
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        required: true,
        secure: *secure,
        value_type: *value_type,
    };
    let new = NewType {
        name: (*name).to_owned(),
        permission_scope: (*scope).to_owned(),
        icon: None,
        fields: fields.iter().map(field).collect(),
    };
    Ok(kind::create(app, caller, new).await?.id.to_string())
}

async fn add_credential(
    app: &App,
    caller: &Caller,
    (type_name, _, fields): &SampleType,
    type_id: &str,
    (company_id, company): (&str, &str),
) -> Result<String> {
    let value = |(id, _, _, _, sample): &SampleField| Input {
        field_id: (*id).to_owned(),
        value: Some(SecretString::from(*sample)),
    };
    let new = NewCredential {
        name: format!("{type_name} of {company}"),
        notes: Some("Sample data.".to_owned()),
        type_id: type_id.to_owned(),
        company_id: company_id.to_owned(),
        canary: None,
        fields: fields.iter().map(value).collect(),
    };
    Ok(credential::create(app, caller, new).await?.id.to_string())
}

async fn add_people(app: &App, caller: &Caller, password: &SecretString) -> Result<()> {
    for (title, moniker, nodes) in ROLES {
        let permissions = nodes.iter().map(|node| (*node).to_owned()).collect();
        let new = NewRole {
            title: title.to_owned(),
            moniker: Some(moniker.to_owned()),
            description: String::new(),
            permissions,
            company_id: None,
        };
        role::create(app, caller, new).await?;
    }
    for (name, email, role) in PEOPLE {
        let new = NewAccount {
            names: Names::Whole(name.to_owned()),
            email: email.to_owned(),
            login: None,
            password: Some(SecretString::from(password.expose_secret())),
            roles: Some(vec!["user".to_owned(), role.to_owned()]),
            companies: Vec::new(),
            active: true,
            auth_provider: None,
        };
        user::create_account(app, caller, new).await?;
    }
    Ok(())
}

/// What to try first, in lines that work when they are pasted.
fn welcome(url: &str, password: &SecretString, credential: &str) -> String {
    let (_, email, _) = PEOPLE[0];
    let password = password.expose_secret();
    format!(
        r#"Sample data was added: 12 companies, 6 credential types, 30 credentials, 3 roles and 4 people
(tess@, tom@, nora@ and arthur@example.com), all with the password {password}

Try:
TOKEN=$(curl -s {url}/v1/auth/login -H 'Content-Type: application/json' -d '{{"email":"{email}","password":"{password}"}}' | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')
curl -s "{url}/v1/company/companies?search=brewery" -H "Authorization: Bearer $TOKEN"
curl -s {url}/v1/credential/credentials/{credential}/secure-values -H "Authorization: Bearer $TOKEN"
"#
    )
}
