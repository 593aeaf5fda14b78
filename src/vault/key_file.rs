//! Keys in files: those that the program keeps in a folder of its own, for the embedded database, and the one
//! that `VAULT_MASTER_KEY_FILE` names.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::config::{KEY_BYTES, Key, parse_key};

/// The key in this file, in base64. Where the file is missing and `may_be_made`, a random one is written
/// to it, mode 0600.
///
/// # Errors
/// Where the file cannot be read or made, is missing, or holds no key.
pub fn key_file(path: &Path, may_be_made: bool) -> anyhow::Result<Key> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound && may_be_made => make(path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the key file {} is missing: put it back, for example from a backup, since the database was sealed with it",
            path.display()
        ),
        Err(error) => {
            return Err(error).with_context(|| format!("the key file {} cannot be read", path.display()));
        }
    };
    let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new).ok();
    let key = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()).map(Zeroizing::new);
    key.ok_or_else(|| anyhow!("the key file {} does not hold 32 bytes in base64", path.display()))
}

/// What nobody but the owner and the group may do with a key file, and the group neither may write it.
const TOO_OPEN: u32 = 0o027;

/// The master key in the file that `VAULT_MASTER_KEY_FILE` names.
///
/// # Errors
/// Where the file cannot be read, may be read by everybody, or holds no key or one that anybody can know.
pub fn configured_key_file(path: &Path) -> anyhow::Result<Key> {
    let failed = || format!("VAULT_MASTER_KEY_FILE: {} cannot be read", path.display());
    if std::fs::metadata(path).with_context(failed)?.mode() & TOO_OPEN != 0 {
        bail!(
            "VAULT_MASTER_KEY_FILE: {} is open to others: take their rights away (chmod 600)",
            path.display()
        );
    }
    let text = std::fs::read_to_string(path).map(Zeroizing::new).with_context(failed)?;
    Ok(parse_key("VAULT_MASTER_KEY_FILE", text.trim())?)
}

/// Writes the key beside its place first, so that a crash never leaves half a key.
fn make(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let key: Key = Zeroizing::new(rand::random());
    let text = Zeroizing::new(STANDARD.encode(&key[..]));
    let unfinished = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        // what a crash left behind may have another mode
        if unfinished.exists() {
            std::fs::remove_file(&unfinished)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().with_context(|| format!("the key file {} cannot be made", path.display()))?;
    Ok(text)
}
