//! The archive around a bundle's files: made the same way from the same files, and read in bounded memory.

use super::{FILES, NEEDED};
use anyhow::Context;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use tar::{Archive, Builder, EntryType, Header};

/// No bundle is larger, unpacked.
pub const LIMIT: u64 = 256 << 20;
/// As many values as a file of JSON may hold: in memory each takes many times of what it takes in the file. A run of the whole plan has
/// some hundred thousand.
pub const MOST_VALUES: usize = 4_000_000;

/// As many attempts as a bundle may hold, judged and lost: each is judged again, and a run of the whole plan has some dozen.
pub const MOST_ATTEMPTS: usize = 1000;

/// As many bytes as the name of an item, a clause, or a step may have, and as many as what was seen there: both are told again and again.
pub const LONGEST_NAME: usize = 1000;
pub const LONGEST_TEXT: usize = 1 << 20;

/// Why something is not read as a bundle.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("this is no gzipped tar archive, or it is cut off: {0}")]
    Archive(io::Error),
    #[error(
        "something stands behind the gzip stream, and other tools may read it too: take the bundle from the run's page"
    )]
    BehindGzip,
    #[error(
        "something stands behind the end of the tar archive, and other tools may read it too: take the bundle from the run's page"
    )]
    BehindTar,
    #[error("the tar archive does not end with two blocks of zeros: it is cut off")]
    NoEnd,
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
    #[error(
        "`evidence.json` holds a text of {found} bytes for {what}, and no more than {most} are audited: no run writes so much. Take the bundle from the run's page"
    )]
    TooLong {
        what: &'static str,
        found: usize,
        most: usize,
    },
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

/// The size of a tar header, and of what a tar archive is made of, in bytes.
const BLOCK: u64 = 512;

/// The files of an archive, by name: exactly one gzip member, in it plain entries, two blocks of zeros, and then nothing but zeros. What
/// goes beyond that, tools unpack in different ways.
pub fn unpack(from: impl Read) -> Result<BTreeMap<&'static str, Vec<u8>>, Refused> {
    let mut files = BTreeMap::new();
    // Also what is skipped counts: a small archive may hold very much.
    let unzipped = Bounded {
        inner: GzDecoder::new(BufReader::new(from)),
        left: LIMIT,
    };
    let mut archive = Archive::new(unzipped);
    let mut end = 0;
    // Raw: an entry that would change the next one is an entry like any other, and no file of a bundle.
    for entry in archive.entries().map_err(refused)?.raw(true) {
        let mut entry = entry.map_err(refused)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_file = entry.header().entry_type() == EntryType::Regular;
        let known = FILES.into_iter().find(|name| *name == path);
        let Some(name) = known.filter(|_| is_file && has_no_folder(entry.header())) else {
            return Err(Refused::Stranger(path.chars().take(80).collect()));
        };
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(refused)?;
        if content.len() as u64 != entry.size() {
            return Err(Refused::Archive(io::ErrorKind::UnexpectedEof.into()));
        }
        end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK);
        if files.insert(name, content).is_some() {
            return Err(Refused::Twice(name));
        }
    }
    let mut rest = archive.into_inner();
    // Tar stops at the first block of zeros, and also where there is none.
    let mut zeros = (LIMIT - rest.left).saturating_sub(end);
    let mut is_ended = true;
    let mut piece = vec![0; 64 << 10];
    loop {
        match rest.read(&mut piece).map_err(refused)? {
            0 => break,
            read => {
                is_ended &= piece[..read].iter().all(|byte| *byte == 0);
                zeros += read as u64;
            }
        }
    }
    let mut behind = rest.inner.into_inner();
    if !behind.fill_buf().map_err(refused)?.is_empty() {
        return Err(Refused::BehindGzip);
    }
    if !is_ended {
        return Err(Refused::BehindTar);
    }
    if zeros < 2 * BLOCK {
        return Err(Refused::NoEnd);
    }
    match NEEDED.into_iter().find(|name| !files.contains_key(name)) {
        Some(missing) => Err(Refused::Missing(missing)),
        None => Ok(files),
    }
}

/// Whether the field for what a name begins with is empty: whether it counts depends on the header's kind, and on who reads it.
fn has_no_folder(header: &Header) -> bool {
    header.as_bytes()[345..500].iter().all(|byte| *byte == 0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::IDEAS;
    use insta::assert_snapshot;
    use std::io::Write;

    const BLOCK: usize = super::BLOCK as usize;

    fn files() -> Vec<(&'static str, Vec<u8>)> {
        NEEDED.map(|name| (name, name.as_bytes().to_vec())).into()
    }

    /// The tar of a bundle, without the two blocks that end it.
    fn entries() -> Vec<u8> {
        let mut tar = Vec::new();
        let packed = pack(&files()).unwrap();
        GzDecoder::new(packed.as_slice())
            .read_to_end(&mut tar)
            .unwrap();
        tar.truncate(tar.len() - 2 * BLOCK);
        tar
    }

    fn zipped(tar: &[u8]) -> Vec<u8> {
        let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
        zipped.write_all(tar).unwrap();
        zipped.finish().unwrap()
    }

    /// One entry, as its header was made.
    fn entry(kind: EntryType, name: &str, content: &[u8], change: fn(&mut Header)) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_path(name).unwrap();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        change(&mut header);
        header.set_cksum();
        let mut entry = [header.as_bytes(), content].concat();
        entry.resize(entry.len().next_multiple_of(BLOCK), 0);
        entry
    }

    #[test]
    fn what_other_tools_unpack_otherwise_is_refused_by_name() {
        let zeros = |blocks: usize| vec![0; blocks * BLOCK];
        let more = entry(EntryType::Regular, IDEAS, b"- one\n", |_| {});
        let whole = [entries(), zeros(2)].concat();
        let read = |archive: &[u8]| match unpack(archive) {
            Ok(files) => format!("{} files are read", files.len()),
            Err(refused) => refused.to_string(),
        };
        let elsewhere = |header: &mut Header| {
            let ustar = header.as_ustar_mut().unwrap();
            ustar.prefix[..4].copy_from_slice(b"evil");
            // Of a header without this word not everybody reads the folder.
            ustar.magic = *b"\0\0\0\0\0\0";
        };
        let rows = [
            ("as it is packed", zipped(&whole)),
            ("more zeros", zipped(&[entries(), zeros(20)].concat())),
            ("a second member", [zipped(&whole), zipped(&more)].concat()),
            (
                "a second member that goes on",
                [
                    zipped(&entries()),
                    zipped(&[more.clone(), zeros(2)].concat()),
                ]
                .concat(),
            ),
            (
                "an empty second member",
                [zipped(&whole), zipped(b"")].concat(),
            ),
            ("junk behind", [zipped(&whole), b"junk".into()].concat()),
            ("zeros behind", [zipped(&whole), zeros(1)].concat()),
            (
                "an entry behind the end",
                zipped(&[whole.clone(), more.clone()].concat()),
            ),
            (
                "a word behind the end",
                zipped(&[whole.clone(), b"x".into()].concat()),
            ),
            (
                "an entry behind one block of zeros",
                zipped(&[entries(), zeros(1), more.clone(), zeros(2)].concat()),
            ),
            (
                "one block of zeros",
                zipped(&[entries(), zeros(1)].concat()),
            ),
            (
                "half a block less",
                zipped(&whole[..whole.len() - BLOCK / 2]),
            ),
            ("no end", zipped(&entries())),
            (
                "another name beside the header",
                zipped(
                    &[
                        entry(EntryType::XHeader, "x", b"17 path=IDEAS.md\n\n", |_| {}),
                        whole.clone(),
                    ]
                    .concat(),
                ),
            ),
            (
                "a folder that not everybody reads",
                zipped(
                    &[
                        entry(EntryType::Regular, IDEAS, b"x", elsewhere),
                        whole.clone(),
                    ]
                    .concat(),
                ),
            ),
            (
                "a folder",
                zipped(&[entry(EntryType::Directory, IDEAS, b"", |_| {}), whole].concat()),
            ),
        ];
        let rows = rows.map(|(what, archive)| format!("{what}: {}", read(&archive)));
        assert_snapshot!(rows.join("\n"), @"
        as it is packed: 5 files are read
        more zeros: 5 files are read
        a second member: something stands behind the gzip stream, and other tools may read it too: take the bundle from the run's page
        a second member that goes on: something stands behind the gzip stream, and other tools may read it too: take the bundle from the run's page
        an empty second member: something stands behind the gzip stream, and other tools may read it too: take the bundle from the run's page
        junk behind: something stands behind the gzip stream, and other tools may read it too: take the bundle from the run's page
        zeros behind: something stands behind the gzip stream, and other tools may read it too: take the bundle from the run's page
        an entry behind the end: something stands behind the end of the tar archive, and other tools may read it too: take the bundle from the run's page
        a word behind the end: something stands behind the end of the tar archive, and other tools may read it too: take the bundle from the run's page
        an entry behind one block of zeros: something stands behind the end of the tar archive, and other tools may read it too: take the bundle from the run's page
        one block of zeros: the tar archive does not end with two blocks of zeros: it is cut off
        half a block less: the tar archive does not end with two blocks of zeros: it is cut off
        no end: the tar archive does not end with two blocks of zeros: it is cut off
        another name beside the header: the archive holds `x`, which is no file of a bundle
        a folder that not everybody reads: the archive holds `IDEAS.md`, which is no file of a bundle
        a folder: the archive holds `IDEAS.md`, which is no file of a bundle
        ");
    }
}
