//! Reads secrets out of files that nobody else can read.

use secrecy::SecretString;
use std::{
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Far more than any token; a file of this size was named by mistake.
const LIMIT: u64 = 64 * 1024;

/// Why a file does not give a secret; says the mend, too.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the file {0} does not exist")]
    Missing(PathBuf),
    #[error("the file {0} cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    #[error("{0} is not a file")]
    NotAFile(PathBuf),
    #[error("the file {path} can be read by others (mode {mode:03o})")]
    Open { path: PathBuf, mode: u32 },
    #[error("the file {0} is empty")]
    Empty(PathBuf),
    #[error("the file {0} holds more than one line of plain characters")]
    NotOneLine(PathBuf),
}

impl SecretError {
    pub fn mend(&self) -> String {
        match self {
            SecretError::Missing(path) => format!(
                "Write the secret into it, and run `chmod 600 {}`",
                path.display()
            ),
            SecretError::Unreadable(path, _) => {
                format!("Let Gavel's user own it: `chown gavel {}`", path.display())
            }
            SecretError::NotAFile(_) => "Name the file that holds the secret".to_owned(),
            SecretError::Open { path, .. } => format!(
                "Run `chmod 600 {}`, and renew the secret if it may have been seen",
                path.display()
            ),
            SecretError::Empty(_) | SecretError::NotOneLine(_) => {
                "Write the secret into it, on one line and nothing else".to_owned()
            }
        }
    }
}

/// The secret in a file: its one line, without the white space around it.
pub fn read(path: &Path) -> Result<SecretString, SecretError> {
    // Mode and content are of the same open file, whatever is renamed meanwhile.
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(SecretError::Missing(path.to_owned()));
        }
        Err(error) => return Err(SecretError::Unreadable(path.to_owned(), error)),
    };
    let unreadable = |error| SecretError::Unreadable(path.to_owned(), error);
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(SecretError::Open {
            path: path.to_owned(),
            mode: metadata.mode() & 0o777,
        });
    }
    if metadata.len() > LIMIT {
        return Err(SecretError::NotOneLine(path.to_owned()));
    }
    let mut bytes = Vec::new();
    (&mut file)
        .take(LIMIT)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| SecretError::NotOneLine(path.to_owned()))?;
    match text.trim() {
        "" => Err(SecretError::Empty(path.to_owned())),
        // What else there is could not be sent in a header.
        secret
            if secret
                .bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ') =>
        {
            Ok(SecretString::from(secret))
        }
        _ => Err(SecretError::NotOneLine(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::os::unix::fs::PermissionsExt;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn the_line_is_the_secret() {
        let (_folder, path) = file(b"  s3cret\n", 0o600);
        assert_eq!(read(&path).unwrap().expose_secret(), "s3cret");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o604, 0o640, 0o620, 0o666, 0o610] {
            let (_folder, path) = file(b"s3cret", mode);
            assert!(
                matches!(read(&path), Err(SecretError::Open { mode: seen, .. }) if seen == mode)
            );
        }
    }

    #[test]
    fn what_is_no_secret_is_told_apart() {
        let (folder, path) = file(b"\n \n", 0o600);
        assert!(matches!(read(&path), Err(SecretError::Empty(_))));
        assert!(matches!(
            read(&folder.path().join("nothing")),
            Err(SecretError::Missing(_))
        ));
        assert!(matches!(read(folder.path()), Err(SecretError::NotAFile(_))));
        for content in [&b"one\ntwo"[..], b"\xff\xfe", b"a\0b", &[b'x'; 70_000]] {
            let (_folder, path) = file(content, 0o600);
            assert!(matches!(read(&path), Err(SecretError::NotOneLine(_))));
        }
    }
}
