//! Where everything of one lab lies: a folder of its own, given or temporary.

use anyhow::{Context, Result};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

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
                let fresh = tempfile::Builder::new()
                    .prefix("gavel-lab-")
                    .tempdir()
                    .context("creating a temporary folder for the lab")?;
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
