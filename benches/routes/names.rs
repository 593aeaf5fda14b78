//! Ids and names that follow from a number, so that requests and `pgbench` can ask for any thing without
//! knowing all of them.

const SYLLABLES: [&str; 40] = [
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve",
    "wi", "xo", "yu", "za", "bre", "cri", "dro", "flu", "gra", "ple", "sti", "tro", "swa", "ker", "mil",
    "nor", "pan", "ril", "sol", "tam", "ven", "win", "zor",
];

const TRADES: [&str; 16] = [
    "Logistics",
    "Dental",
    "Brewery",
    "Legal",
    "Foods",
    "Engineering",
    "Clinic",
    "Realty",
    "Printing",
    "Motors",
    "Insurance",
    "Farms",
    "Consulting",
    "Hotels",
    "Roofing",
    "Media",
];

/// What an id is of.
#[derive(Debug, Clone, Copy)]
pub enum Thing {
    /// A company.
    Company = 0,
    /// A credential.
    Credential = 1,
    /// A credential type.
    Kind = 2,
    /// An account.
    User = 3,
    /// A role.
    Role = 4,
    /// A session.
    Session = 5,
}

/// The part of an id that says what it is of.
fn beginning(thing: Thing) -> String {
    format!("00000000-0000-7000-800{}-", thing as u8)
}

/// The id of the thing with this number.
pub fn id(thing: Thing, number: u64) -> String {
    format!("{}{number:012x}", beginning(thing))
}

/// The same as an expression of SQL, over one.
pub fn id_in_sql(thing: Thing, number: &str) -> String {
    format!("('{}' || lpad(to_hex({number}), 12, '0'))::uuid", beginning(thing))
}

fn pick<'a>(from: &[&'a str], number: u64) -> &'a str {
    let index = usize::try_from(number).unwrap_or_default() % from.len();
    from[index]
}

/// The first word of a company's name, which few share.
pub fn word(number: u64) -> String {
    let (first, second, third) = (number, number / 40, number.wrapping_mul(17) + number / 1600);
    let word = [first, second, third].map(|number| pick(&SYLLABLES, number)).concat();
    word[..1].to_uppercase() + &word[1..]
}

/// The name of a company.
pub fn company(number: u64) -> String {
    format!("{} {}", word(number), pick(&TRADES, number / 7))
}

/// Its identifier in ConnectWise.
pub fn identifier(number: u64) -> String {
    format!("{}{number}", word(number))
}
