//! The archive around a bundle's files: made the same way from the same files, and read in bounded memory.

use super::{FILES, NEEDED};
use anyhow::Context;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::{self, Read};
use tar::{Archive, Builder, EntryType, Header};

/// No bundle is larger, unpacked.
pub const LIMIT: u64 = 256 << 20;
/// As many values as a file of JSON may hold: in memory each takes many times of what it takes in the file. A run of the whole plan has
/// some hundred thousand.
pub const MOST_VALUES: usize = 4_000_000;

/// As many attempts as a bundle may hold, judged and lost: each is judged again, and a run of the whole plan has some dozen.
pub const MOST_ATTEMPTS: usize = 1000;

/// Why something is not read as a bundle.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("this is no gzipped tar archive, or it is cut off: {0}")]
    Archive(#[from] io::Error),
    #[error("the archive holds more than {} MiB", LIMIT >> 20)]
    TooLarge,
    #[error("the archive holds `{0}`, which is no file of a bundle")]
    Stranger(String),
    #[error("the archive holds `{0}` twice")]
    Twice(&'static str),
    #[error("the archive does not hold `{0}`")]
    Missing(&'static str),
    #[error(
        "`{file}` is written in format `{found}`, and this program reads `{known}`: use a Gavel that knows it"
    )]
    Format {
        file: &'static str,
        found: String,
        known: &'static str,
    },
    #[error("`{file}` holds more than {MOST_VALUES} values")]
    TooMany { file: &'static str },
    #[error(
        "`evidence.json` holds {found} attempts, and no more than {MOST_ATTEMPTS} are audited: no run has so many. Take the bundle from the run's page"
    )]
    TooManyAttempts { found: usize },
    #[error("`{file}` cannot be read: {why}")]
    Form { file: &'static str, why: String },
}

/// A gzipped tar of these files, in their order.
pub fn pack(files: &[(&str, Vec<u8>)]) -> anyhow::Result<Vec<u8>> {
    let zipped = GzEncoder::new(Vec::new(), Compression::default());
    let mut archive = Builder::new(zipped);
    for (name, content) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // When it was made says the evidence: the archive itself is the same for the same files.
        header.set_mtime(0);
        archive
            .append_data(&mut header, name, content.as_slice())
            .with_context(|| format!("packing `{name}` failed"))?;
    }
    let zipped = archive.into_inner().context("packing the bundle failed")?;
    zipped.finish().context("packing the bundle failed")
}

/// The files of an archive, by name.
pub fn unpack(from: impl Read) -> Result<BTreeMap<&'static str, Vec<u8>>, Refused> {
    let mut files = BTreeMap::new();
    // Also what is skipped counts: a small archive may hold very much.
    let unzipped = Bounded {
        inner: GzDecoder::new(from),
        left: LIMIT,
    };
    let mut archive = Archive::new(unzipped);
    for entry in archive.entries().map_err(refused)? {
        let mut entry = entry.map_err(refused)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_file = entry.header().entry_type() == EntryType::Regular;
        let known = FILES.into_iter().find(|name| *name == path);
        let Some(name) = known.filter(|_| is_file) else {
            return Err(Refused::Stranger(path.chars().take(80).collect()));
        };
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(refused)?;
        if content.len() as u64 != entry.size() {
            return Err(Refused::Archive(io::ErrorKind::UnexpectedEof.into()));
        }
        if files.insert(name, content).is_some() {
            return Err(Refused::Twice(name));
        }
    }
    // The checksum stands at the very end, behind what tar reads.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(refused)?;
    match NEEDED.into_iter().find(|name| !files.contains_key(name)) {
        Some(missing) => Err(Refused::Missing(missing)),
        None => Ok(files),
    }
}

fn refused(error: io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::FileTooLarge => Refused::TooLarge,
        _ => Refused::Archive(error),
    }
}

/// Reads until so much was read, and fails then.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}
