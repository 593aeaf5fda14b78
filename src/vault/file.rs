//! Files that only the master key opens:
//!
//! | bytes | what |
//! |---|---|
//! | 13 | `ttscm-backup` and the layout version, 1 |
//! | 60 | the file's own key, wrapped by the master key: nonce, then ciphertext and tag |
//! | 7 | nonce prefix |
//! | rest | chunks of 64 KiB, each with a tag of 16 bytes; the last one is shorter, or empty |
//!
//! The chunks are a STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption, 2015) over
//! AES-256-GCM: a counter and a mark of the last chunk are part of each nonce, so that a chunk that is
//! missing, moved, added or changed is noticed. What stands before them is their associated data.

use std::io::{self, ErrorKind, Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use aes_gcm::aead::Payload;
use aes_gcm::{Aes256Gcm, KeyInit};
use zeroize::Zeroizing;

use super::MasterKey;
use crate::config::Key;

const MAGIC: &[u8; 13] = b"ttscm-backup\x01";
const WRAPPED_BYTES: usize = 60;
const PREFIX_BYTES: usize = 7;
const HEADER_BYTES: usize = MAGIC.len() + WRAPPED_BYTES + PREFIX_BYTES;
const CHUNK: usize = 64 * 1024;
const TAG_BYTES: usize = 16;

/// What the wrapped key of a file is bound to, so that it is no data key.
const BOUND_TO: &[u8] = b"file key\0\x01";

/// Why such a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It begins otherwise.
    #[error("the file is no backup of ttscm")]
    NotOurs,
    /// It was made by a version that lays it out otherwise.
    #[error("the backup was made by a version of ttscm that is not known here")]
    UnknownVersion,
    /// Neither the master key nor the previous one opens it.
    #[error("VAULT_MASTER_KEY is not the key that the backup was made with: set the right one")]
    WrongMasterKey,
    /// It is cut off, or bytes of it were changed.
    #[error("the backup is damaged: it was cut off or changed")]
    Damaged,
    /// It cannot be read.
    #[error("the backup cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Seals what is written, chunk by chunk. Without [`finish`](Self::finish) the file is cut off.
pub struct FileSealer<W> {
    out: W,
    stream: EncryptorBE32<Aes256Gcm>,
    header: Vec<u8>,
    waiting: Zeroizing<Vec<u8>>,
}

impl<W: Write> FileSealer<W> {
    /// Begins a file with a key of its own.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn begin(mut out: W, master: &MasterKey) -> io::Result<Self> {
        let key: Key = Zeroizing::new(rand::random());
        let prefix: [u8; PREFIX_BYTES] = rand::random();
        let wrapped = master.wrap(&key[..], BOUND_TO).ok_or_else(too_long)?;
        let header = [&MAGIC[..], &wrapped, &prefix].concat();
        out.write_all(&header)?;
        let stream = EncryptorBE32::from_aead(Aes256Gcm::new((&*key).into()), &prefix.into());
        Ok(Self { out, stream, header, waiting: Zeroizing::new(Vec::with_capacity(CHUNK)) })
    }

    /// Writes the last chunk; what was written to.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let payload = Payload { msg: &self.waiting, aad: &self.header };
        let sealed = self.stream.encrypt_last(payload).map_err(|_| too_long())?;
        self.out.write_all(&sealed)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for FileSealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() == CHUNK {
            let payload = Payload { msg: &self.waiting, aad: &self.header };
            let sealed = self.stream.encrypt_next(payload).map_err(|_| too_long())?;
            self.out.write_all(&sealed)?;
            self.waiting.clear();
        }
        let taken = bytes.len().min(CHUNK - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// A chunk that is not full waits for more.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_long() -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, "more than can be sealed in one file")
}

/// Opens a file chunk by chunk. Only at the end is it sure that it is whole.
pub struct FileOpener<R> {
    from: R,
    /// None once the last chunk was opened.
    stream: Option<DecryptorBE32<Aes256Gcm>>,
    header: Vec<u8>,
    sealed: Vec<u8>,
    opened: Zeroizing<Vec<u8>>,
    read: usize,
}

impl<R: Read> FileOpener<R> {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// [`FileError`] but for what is damaged later.
    pub fn begin(mut from: R, master: &MasterKey) -> Result<Self, FileError> {
        let header = read_up_to(&mut from, HEADER_BYTES)?;
        let name = MAGIC.len() - 1;
        if !header.starts_with(&MAGIC[..name]) {
            return Err(FileError::NotOurs);
        }
        if header.get(name) != MAGIC.last() {
            return Err(FileError::UnknownVersion);
        }
        let (wrapped, prefix) =
            header[MAGIC.len()..].split_at_checked(WRAPPED_BYTES).ok_or(FileError::Damaged)?;
        let prefix: [u8; PREFIX_BYTES] = prefix.try_into().map_err(|_| FileError::Damaged)?;
        let key = master.unwrap_bytes(wrapped, BOUND_TO).ok_or(FileError::WrongMasterKey)?;
        let key = Aes256Gcm::new_from_slice(&key).map_err(|_| FileError::Damaged)?;
        let stream = Some(DecryptorBE32::from_aead(key, &prefix.into()));
        let sealed = read_up_to(&mut from, CHUNK + TAG_BYTES)?;
        Ok(Self { from, stream, header, sealed, opened: Zeroizing::default(), read: 0 })
    }

    /// Opens the next chunk; false where there is none. The last one is known by what follows it.
    fn open_next(&mut self) -> Result<bool, FileError> {
        let Some(mut stream) = self.stream.take() else { return Ok(false) };
        let following = read_up_to(&mut self.from, CHUNK + TAG_BYTES)?;
        let payload = Payload { msg: &self.sealed, aad: &self.header };
        let opened = if following.is_empty() {
            stream.decrypt_last(payload)
        } else {
            let opened = stream.decrypt_next(payload);
            self.stream = Some(stream);
            opened
        };
        self.opened = opened.map(Zeroizing::new).map_err(|_| FileError::Damaged)?;
        (self.sealed, self.read) = (following, 0);
        Ok(true)
    }

    /// Reads exactly as many bytes as there is room for; false at the end of the file.
    ///
    /// # Errors
    /// [`FileError::Damaged`], also where the file ends in their midst.
    pub fn read_exact(&mut self, room: &mut [u8]) -> Result<bool, FileError> {
        let mut filled = 0;
        while filled < room.len() {
            if self.read == self.opened.len() {
                if self.open_next()? {
                    continue;
                }
                return if filled == 0 { Ok(false) } else { Err(FileError::Damaged) };
            }
            let count = (room.len() - filled).min(self.opened.len() - self.read);
            room[filled..filled + count].copy_from_slice(&self.opened[self.read..self.read + count]);
            filled += count;
            self.read += count;
        }
        Ok(true)
    }
}

/// As many bytes as there are, up to `most`.
fn read_up_to(from: &mut impl Read, most: usize) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    from.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(letter: u8) -> MasterKey {
        MasterKey::new(Zeroizing::new([letter; 32]), None)
    }

    fn sealed(text: &[u8]) -> Vec<u8> {
        let mut sealer = FileSealer::begin(Vec::new(), &master(1)).unwrap();
        sealer.write_all(text).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(file: &[u8]) -> Result<Vec<u8>, FileError> {
        let mut opener = FileOpener::begin(file, &master(1))?;
        let (mut text, mut byte) = (Vec::new(), [0]);
        while opener.read_exact(&mut byte)? {
            text.push(byte[0]);
        }
        Ok(text)
    }

    #[test]
    fn what_is_sealed_is_opened_whole() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 17] {
            let text: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
            assert_eq!(opened(&sealed(&text)).unwrap(), text, "{length}");
        }
    }

    #[test]
    fn a_file_that_was_cut_off_changed_or_reordered_is_refused() {
        let file = sealed(&vec![7; 2 * CHUNK + 100]);
        let (first, second) = (HEADER_BYTES, HEADER_BYTES + CHUNK + TAG_BYTES);
        let third = second + CHUNK + TAG_BYTES;
        for end in [0, 5, 13, 40, HEADER_BYTES, first + 10, second, second + 1, third, file.len() - 1] {
            assert!(opened(&file[..end]).is_err(), "cut at {end}");
        }
        for at in [0, 12, 20, HEADER_BYTES - 1, first, second - 1, second, third, file.len() - 1] {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(opened(&changed).is_err(), "changed at {at}");
        }
        let swapped = [&file[..first], &file[second..third], &file[first..second], &file[third..]].concat();
        let doubled = [&file[..second], &file[first..]].concat();
        let missing = [&file[..first], &file[second..]].concat();
        let longer = [&file[..], b"x"].concat();
        for other in [swapped, doubled, missing, longer] {
            assert!(matches!(opened(&other), Err(FileError::Damaged)));
        }
    }

    #[test]
    fn another_master_key_opens_nothing() {
        let file = sealed(b"text");
        assert!(matches!(FileOpener::begin(&file[..], &master(2)), Err(FileError::WrongMasterKey)));
        let both = MasterKey::new(Zeroizing::new([2; 32]), Some(Zeroizing::new([1; 32])));
        assert!(FileOpener::begin(&file[..], &both).is_ok());
        assert!(matches!(FileOpener::begin(&b"text"[..], &master(1)), Err(FileError::NotOurs)));
    }
}
