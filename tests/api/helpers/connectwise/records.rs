//! Records as ConnectWise sends them: what is null is left out, and much is there that nobody asks for.

use serde_json::{Value, json};

/// A company with all that one usually has.
pub fn company(number: i64, name: &str) -> Value {
    json!({
        "id": number,
        "identifier": format!("Company{number}"),
        "name": name,
        "status": {"id": 1, "name": "Active", "_info": {"status_href": "https://na.myconnectwise.net/v4_6_release/x"}},
        "addressLine1": "1 Example Way",
        "addressLine2": "Suite 200",
        "city": "Tampa",
        "state": "FL",
        "zip": "33609",
        "country": {"id": 1, "name": "United States", "_info": {}},
        "phoneNumber": "8135550100",
        "website": "www.northwind.example",
        "territory": {"id": 2, "name": "Tampa Office"},
        "accountNumber": "",
        "annualRevenue": 0.0,
        "deletedFlag": false,
        "types": [{"id": 1, "name": "Client", "_info": {}}],
        "site": {},
        "dateDeleted": "2019-06-21T16:04:59Z",
        "_info": {"lastUpdated": "2026-01-20T15:27:10Z", "updatedBy": "jdoe"},
        "customFields": [{"id": 2, "caption": "Tier", "type": "Text", "value": "Gold"}, {"id": 25, "caption": "Keys"}],
    })
}

/// A configuration of a company, with what nobody is to see.
pub fn configuration(number: i64, company: i64, name: &str) -> Value {
    json!({
        "id": number,
        "name": name,
        "type": {"id": 17, "name": "Managed Server"},
        "status": {"id": 1, "name": "Active"},
        "company": {"id": company, "identifier": "NorthwindDental", "name": "Northwind Dental"},
        "site": {},
        "serialNumber": "ABC123456",
        "osType": "Microsoft Windows Server 2022 Standard x64",
        "ram": "65536",
        "activeFlag": true,
        "notes": "the notes hold marker-of-notes",
        "lastLoginName": "marker-of-login",
        "remoteLink": "https://rmm.example/marker-of-link",
        "questions": [{"answerId": 1, "question": "Admin password", "answer": "marker-of-answer", "fieldType": "Password"}],
        "_info": {"lastUpdated": "2026-11-19T03:10:44Z"},
    })
}
