//! Where everything of one lab lies: a folder of its own, given or temporary.

use anyhow::{Context, Result};
use rustix::fs::{Access, StatVfsMountFlags};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const MEMORY: &str = "/dev/shm";
/// Many times what a lab with a real forge takes, in bytes.
const ROOM: u64 = 2 << 30;

pub struct Folder {
    root: PathBuf,
    /// Removes the folder when the lab ends; `None` where somebody asked for the folder, or wants to keep it.
    temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// `out` is created if need be and kept; without it, a fresh temporary folder that is removed unless `keep`.
    pub fn new(out: Option<&Path>, keep: bool) -> Result<Folder> {
        let (root, temporary) = match out {
            Some(out) => {
                fs::create_dir_all(out)
                    .with_context(|| format!("creating the lab's folder {}", out.display()))?;
                let root = out
                    .canonicalize()
                    .with_context(|| format!("resolving the lab's folder {}", out.display()))?;
                (root, None)
            }
            None => {
                let within = if keep {
                    std::env::temp_dir()
                } else {
                    passing()
                };
                let fresh = tempfile::Builder::new()
                    .prefix("gavel-lab-")
                    .tempdir_in(&within)
                    .with_context(|| {
                        format!("creating a folder for the lab in {}", within.display())
                    })?;
                if keep {
                    (fresh.keep(), None)
                } else {
                    (fresh.path().to_owned(), Some(fresh))
                }
            }
        };
        let folder = Folder { root, temporary };
        if folder.path("accounts.json").exists() {
            anyhow::bail!(
                "{} already holds a lab (accounts.json is there): choose another folder, or remove this one",
                folder.root.display()
            );
        }
        for name in [
            "secrets", "work", "scratch", "results", "deploys", "home", "bin", "logs", "evidence",
            "tmux",
        ] {
            fs::create_dir_all(folder.path(name))
                .with_context(|| format!("creating {name}/ in {}", folder.root.display()))?;
        }
        fs::set_permissions(folder.path("secrets"), fs::Permissions::from_mode(0o700))
            .context("closing secrets/ to others")?;
        Ok(folder)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Writes a file that only this user can read.
    pub fn write_secret(&self, name: &str, text: &str) -> Result<PathBuf> {
        self.write_with_mode(name, text, 0o600)
    }

    pub fn write_program(&self, name: &str, text: &str) -> Result<PathBuf> {
        self.write_with_mode(name, text, 0o755)
    }

    fn write_with_mode(&self, name: &str, text: &str, mode: u32) -> Result<PathBuf> {
        let path = self.path(name);
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(mode)
            .open(&path)
            .with_context(|| format!("writing {}", path.display()))?;
        file.write_all(text.as_bytes())
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// Where what nobody keeps lies: in memory, where there is room and programs may lie there, since a lab makes and removes tens of
/// thousands of files. Whoever sets `TMPDIR` has decided.
fn passing() -> PathBuf {
    let memory = Path::new(MEMORY);
    let fits = || {
        let told = rustix::fs::statvfs(memory).ok()?;
        let is_for_programs = !told.f_flag.contains(StatVfsMountFlags::NOEXEC);
        let is_ours = rustix::fs::access(memory, Access::WRITE_OK).is_ok();
        Some(is_for_programs && is_ours && told.f_bavail * told.f_frsize >= ROOM)
    };
    if std::env::var_os("TMPDIR").is_none() && fits() == Some(true) {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_goes_and_a_given_one_stays() {
        let folder = Folder::new(None, false).unwrap();
        let gone = folder.root().to_owned();
        drop(folder);
        assert!(!gone.exists());

        let given = tempfile::tempdir().unwrap();
        drop(Folder::new(Some(given.path()), false).unwrap());
        assert!(given.path().join("secrets").is_dir());
    }

    #[test]
    fn secrets_are_for_the_owner_alone() {
        let folder = Folder::new(None, false).unwrap();
        let path = folder.write_secret("secrets/a.token", "t").unwrap();
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_folder_that_holds_a_lab_is_refused() {
        let given = tempfile::tempdir().unwrap();
        fs::write(given.path().join("accounts.json"), "{}").unwrap();
        let refusal = Folder::new(Some(given.path()), false)
            .err()
            .unwrap()
            .to_string();
        assert!(refusal.contains("already holds a lab"), "{refusal}");
    }
}
