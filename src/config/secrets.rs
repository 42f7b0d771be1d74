//! Reads secrets out of files that nobody else can read, as often as somebody asks.

use crate::secret::Secret;
use rustix::fs::OFlags;
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Read,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::Instant,
};

/// By this variable systemd tells where it hands over what `LoadCredential=` names.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

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

/// All secrets of a configuration, each by its file.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<PathBuf, Secret>);

/// What files with secrets say that they did not say before.
pub struct Renewal(Vec<(PathBuf, Secret, SecretString)>);

impl Secrets {
    /// The one in a file, which `read` reads where it is not known yet.
    pub fn of(
        &mut self,
        path: PathBuf,
        read: impl FnOnce(&Path) -> Result<SecretString, SecretError>,
    ) -> Result<Secret, SecretError> {
        if let Some(secret) = self.0.get(&path) {
            return Ok(secret.clone());
        }
        let secret = Secret::from(read(&path)?);
        self.0.insert(path, secret.clone());
        Ok(secret)
    }

    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        self.0.values()
    }

    /// What they say, and what they said before: nothing of that may stand in any text.
    pub fn known(&self) -> Vec<SecretString> {
        self.all().flat_map(Secret::known).collect()
    }

    /// Reads all files again, which exchanges nothing yet.
    ///
    /// # Errors
    /// What is wrong with each file that gives no secret.
    pub fn read_again(&self) -> Result<Renewal, Vec<SecretError>> {
        let mut changed = Vec::new();
        let mut wrong = Vec::new();
        for (path, secret) in &self.0 {
            match read(path) {
                Ok(value) if value.expose_secret() == secret.now().expose_secret() => {}
                Ok(value) => changed.push((path.clone(), secret.clone(), value)),
                Err(error) => wrong.push(error),
            }
        }
        match wrong.is_empty() {
            true => Ok(Renewal(changed)),
            false => Err(wrong),
        }
    }
}

impl Renewal {
    /// The files that say something else.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, ..)| path.as_path())
    }

    /// What they say.
    pub fn values(&self) -> impl Iterator<Item = &SecretString> {
        self.0.iter().map(|(.., value)| value)
    }

    /// Exchanges them in all that uses them.
    pub fn take_effect(self) {
        let at = Instant::now();
        for (_, secret, value) in self.0 {
            secret.exchange(value, at);
        }
    }
}

/// The secret in a file: its one line, without the white space around it.
pub fn read(path: &Path) -> Result<SecretString, SecretError> {
    let credentials = std::env::var_os(CREDENTIALS).map(PathBuf::from);
    read_where(path, credentials.as_deref())
}

/// The same, where the service manager hands credentials over in this folder.
fn read_where(path: &Path, credentials: Option<&Path>) -> Result<SecretString, SecretError> {
    // A FIFO is opened at once, too, and told apart below. Mode and content are of the same open file, whatever is renamed meanwhile.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed())
        .open(path);
    let mut file = match opened {
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
    // Credentials belong to root, and Gavel's user reads them by an access list, which the mode shows as a group that may read.
    let others = match credentials.is_some_and(|folder| lies_in(&file, folder)) {
        true => 0o037,
        false => 0o077,
    };
    if metadata.mode() & others != 0 {
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

/// Whether an open file lies in the folder itself, by whatever path it was opened.
fn lies_in(file: &File, folder: &Path) -> bool {
    let place = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    match (place, folder.canonicalize()) {
        (Ok(place), Ok(folder)) => place.parent() == Some(&folder),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::fs::{PermissionsExt, symlink};

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
    fn credentials_are_handed_over_by_a_group_that_may_read() {
        let (folder, _) = file(b"s3cret", 0o600);
        let credentials = folder.path().join("credentials");
        let elsewhere = folder.path().join("elsewhere");
        std::fs::create_dir_all(credentials.join("below")).unwrap();
        std::fs::create_dir(&elsewhere).unwrap();
        symlink(&credentials, folder.path().join("link")).unwrap();
        symlink(elsewhere.join("token"), credentials.join("linked")).unwrap();
        for (opened, lies, mode, taken) in [
            ("credentials/token", "credentials/token", 0o440, true),
            ("credentials/token", "credentials/token", 0o400, true),
            ("link/token", "credentials/token", 0o440, true),
            (
                "elsewhere/../credentials/token",
                "credentials/token",
                0o440,
                true,
            ),
            ("credentials/token", "credentials/token", 0o444, false),
            ("credentials/token", "credentials/token", 0o460, false),
            (
                "credentials/below/token",
                "credentials/below/token",
                0o440,
                false,
            ),
            (
                "credentials/../elsewhere/token",
                "elsewhere/token",
                0o440,
                false,
            ),
            ("credentials/linked", "elsewhere/token", 0o440, false),
            ("elsewhere/token", "elsewhere/token", 0o440, false),
            ("elsewhere/token", "elsewhere/token", 0o400, true),
        ] {
            let (opened, lies) = (folder.path().join(opened), folder.path().join(lies));
            std::fs::write(&lies, "s3cret").unwrap();
            std::fs::set_permissions(&lies, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = read_where(&opened, Some(&credentials));
            let shown = opened.display();
            match taken {
                true => assert!(read.is_ok(), "{shown}, {mode:o}: {read:?}"),
                false => assert!(
                    matches!(read, Err(SecretError::Open { mode: seen, .. }) if seen == mode),
                    "{shown}, {mode:o}: {read:?}"
                ),
            }
            std::fs::remove_file(&lies).unwrap();
        }
        let (_folder, path) = file(b"s3cret", 0o440);
        assert!(matches!(
            read_where(&path, None),
            Err(SecretError::Open { .. })
        ));
    }

    #[test]
    fn a_fifo_is_no_file_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send(read(&path)));
        let read = heard.recv_timeout(std::time::Duration::from_secs(10));
        assert!(
            matches!(read, Ok(Err(SecretError::NotAFile(_)))),
            "{read:?}"
        );
    }

    #[test]
    fn all_files_are_exchanged_or_none() {
        let (folder, first) = file(b"first", 0o600);
        let second = folder.path().join("second");
        let write = |path: &Path, content: &str, mode| {
            std::fs::write(path, content).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write(&second, "second", 0o600);
        let mut secrets = Secrets::default();
        let mut of = |path: &Path| secrets.of(path.to_owned(), read).unwrap();
        let (one, same, other) = (of(&first), of(&first), of(&second));
        let says = |secret: &Secret| secret.now().expose_secret().to_owned();

        let renewal = secrets.read_again().unwrap();
        assert_eq!(renewal.files().count(), 0);

        write(&first, "third", 0o600);
        write(&second, "fourth", 0o644);
        let wrong = secrets.read_again().err().unwrap();
        assert!(
            matches!(&wrong[..], [SecretError::Open { path, .. }] if *path == second),
            "{wrong:?}"
        );
        assert_eq!([says(&one), says(&other)], ["first", "second"]);

        write(&second, "second", 0o600);
        let renewal = secrets.read_again().unwrap();
        assert_eq!(renewal.files().collect::<Vec<_>>(), [&first]);
        assert_eq!(says(&one), "first", "reading exchanges nothing");
        renewal.take_effect();
        assert_eq!(
            [says(&one), says(&same), says(&other)],
            ["third", "third", "second"]
        );
        let known = secrets.known();
        let known: Vec<_> = known.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(known, ["second", "third", "first"]);
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
