//! The parts of a backup one behind the other: a letter, the length in four bytes, big-endian, and as many bytes.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use crate::vault::{FileError, FileOpener, FileSealer};

/// The longest frame that is believed. Postgres sends no longer one: a row has at most 1 GiB.
const LONGEST: u32 = 1 << 30;

/// A part of a backup.
pub(super) enum Frame {
    /// What is in the backup; the first frame.
    Contents(Vec<u8>),
    /// Rows of the current table, as `copy` writes them.
    Rows(Zeroizing<Vec<u8>>),
    /// The end of the current table, with the number of its rows.
    EndOfTable(u64),
    /// The end of the backup.
    End,
}

impl Frame {
    pub fn write(&self, to: &mut FileSealer<impl Write>) -> io::Result<()> {
        match self {
            Self::Contents(bytes) => put(to, b'C', bytes),
            Self::Rows(bytes) => write_rows(to, bytes),
            Self::EndOfTable(rows) => put(to, b'T', &rows.to_be_bytes()),
            Self::End => put(to, b'E', &[]),
        }
    }

    /// The next frame; none at the end of the file.
    pub fn read(from: &mut FileOpener<impl Read>) -> Result<Option<Self>, FileError> {
        let mut head = [0; 5];
        if !from.read_exact(&mut head)? {
            return Ok(None);
        }
        let [letter, length @ ..] = head;
        let length = u32::from_be_bytes(length);
        if length > LONGEST {
            return Err(FileError::Damaged);
        }
        let length = usize::try_from(length).map_err(|_| FileError::Damaged)?;
        let mut bytes = Zeroizing::new(vec![0; length]);
        if length > 0 && !from.read_exact(&mut bytes)? {
            return Err(FileError::Damaged);
        }
        match letter {
            b'C' => Ok(Some(Self::Contents(bytes.to_vec()))),
            b'R' => Ok(Some(Self::Rows(bytes))),
            b'T' => {
                let rows = bytes.as_slice().try_into().map_err(|_| FileError::Damaged)?;
                Ok(Some(Self::EndOfTable(u64::from_be_bytes(rows))))
            }
            b'E' => Ok(Some(Self::End)),
            _ => Err(FileError::Damaged),
        }
    }
}

/// Writes rows without taking them over.
pub(super) fn write_rows(to: &mut FileSealer<impl Write>, bytes: &[u8]) -> io::Result<()> {
    put(to, b'R', bytes)
}

/// How many rows there are: each ends with a line break, and those of its values are written otherwise.
pub(super) fn count_rows(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

fn put(to: &mut FileSealer<impl Write>, letter: u8, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&[letter])?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)
}
