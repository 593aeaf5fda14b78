//! Configurations as ConnectWise has them: the machines and services of a company. Only what is named here
//! is asked for and passed on: in notes, links and answers to questions people keep passwords.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::client::Ask;
use super::company::list;
use super::{ConnectWise, Failure, Patience, Result, sent};

/// How many are asked for at once.
const PAGE: usize = 1000;

/// How many pages are read at the most.
const MOST_PAGES: usize = 50;

const FIELDS: &str = "id,name,type,status,company,contact,site,deviceIdentifier,serialNumber,modelNumber,tagNumber,purchaseDate,installationDate,warrantyExpirationDate,macAddress,ipAddress,defaultGateway,osType,osInfo,cpuSpeed,ram,localHardDrives,manufacturer,vendor,activeFlag,_info";

/// Something that a configuration refers to.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Reference {
    /// Its number in ConnectWise.
    id: Option<i64>,
    /// Its name.
    #[schemars(example = &"Managed Server")]
    name: Option<String>,
}

impl Reference {
    /// None where nothing is referred to, for which ConnectWise may send `{}`.
    fn read(sent: &Value, place: &str) -> Option<Self> {
        let sent = sent.pointer(place)?;
        let reference = Self { id: sent::number(sent, "/id"), name: sent::text(sent, "/name") };
        (reference.id.is_some() || reference.name.is_some()).then_some(reference)
    }
}

macro_rules! configuration {
    ($($(#[$attribute:meta])* $field:ident = $place:literal;)*) => {
        /// A configuration as ConnectWise has it.
        #[derive(Debug, Clone, Serialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct Configuration {
            /// Its number in ConnectWise.
            #[schemars(example = 9812)]
            id: Option<i64>,
            /// What it is.
            r#type: Option<Reference>,
            /// Its status.
            status: Option<Reference>,
            /// Whom to ask about it.
            contact: Option<Reference>,
            /// Where it is.
            site: Option<Reference>,
            /// Who made it.
            manufacturer: Option<Reference>,
            /// Who sold it.
            vendor: Option<Reference>,
            /// Whether it is in use.
            active_flag: bool,
            $($(#[$attribute])* $field: Option<String>,)*
        }

        impl Configuration {
            /// The configuration that a record is.
            #[must_use]
            pub fn read(sent: &Value) -> Self {
                Self {
                    id: sent::number(sent, "/id"),
                    r#type: Reference::read(sent, "/type"),
                    status: Reference::read(sent, "/status"),
                    contact: Reference::read(sent, "/contact"),
                    site: Reference::read(sent, "/site"),
                    manufacturer: Reference::read(sent, "/manufacturer"),
                    vendor: Reference::read(sent, "/vendor"),
                    active_flag: sent::flag(sent, "/activeFlag").unwrap_or(true),
                    $($field: sent::text(sent, $place),)*
                }
            }
        }
    };
}

configuration! {
    /// Its name.
    #[schemars(example = &"NWD-SRV-01")]
    name = "/name";
    device_identifier = "/deviceIdentifier";
    #[schemars(example = &"ABC123456")]
    serial_number = "/serialNumber";
    #[schemars(example = &"PowerEdge R750")]
    model_number = "/modelNumber";
    tag_number = "/tagNumber";
    #[schemars(example = &"2024-01-15T00:00:00Z")]
    purchase_date = "/purchaseDate";
    #[schemars(example = &"2024-01-20T00:00:00Z")]
    installation_date = "/installationDate";
    #[schemars(example = &"2027-01-15T00:00:00Z")]
    warranty_expiration_date = "/warrantyExpirationDate";
    #[schemars(example = &"00:11:22:33:44:55")]
    mac_address = "/macAddress";
    #[schemars(example = &"192.0.2.10")]
    ip_address = "/ipAddress";
    #[schemars(example = &"192.0.2.1")]
    default_gateway = "/defaultGateway";
    #[schemars(example = &"Microsoft Windows Server 2022 Standard x64")]
    os_type = "/osType";
    os_info = "/osInfo";
    cpu_speed = "/cpuSpeed";
    #[schemars(example = &"65536")]
    ram = "/ram";
    local_hard_drives = "/localHardDrives";
    /// When it was last changed in ConnectWise.
    #[schemars(example = &"2026-11-19T03:10:44Z")]
    last_updated = "/_info/lastUpdated";
}

impl ConnectWise {
    /// The configurations of the company with this number, those in use only unless told otherwise.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn configurations(&self, number: i64, with_inactive: bool) -> Result<Vec<Configuration>> {
        let active = if with_inactive { "" } else { " AND activeFlag=True" };
        let conditions = format!("company/id={number}{active}");
        let mut found: Vec<Configuration> = Vec::new();
        let mut after = 0;
        for _ in 0..MOST_PAGES {
            let mut query = vec![
                ("fields", FIELDS.to_owned()),
                ("pageSize", PAGE.to_string()),
                ("conditions", conditions.clone()),
            ];
            if after > 0 {
                query.push(("pageId", after.to_string()));
            }
            let ask = Ask::get("company/configurations", &query);
            let page = list(self.client.call(Patience::Short, &ask).await?)?;
            let Some(last) = page.iter().filter_map(|sent| sent::number(sent, "/id")).max() else {
                break;
            };
            if last <= after {
                return Err(Failure::Nonsense("a list that does not go on"));
            }
            after = last;
            // a condition that was not understood gives those of others
            let is_of_company =
                |sent: &&Value| sent::number(sent, "/company/id").is_none_or(|id| id == number);
            let of_company = page.iter().filter(is_of_company).map(Configuration::read);
            found.extend(of_company.filter(|one| with_inactive || one.active_flag));
        }
        Ok(found)
    }
}
