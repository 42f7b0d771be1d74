//! Power cuts: Gavel's folder is a file system of its own, in a file, and what was not yet written to that file is lost.
//!
//! A kernel writes to the file behind a loop device what it would write to a disk, when it would. So a copy of that file, taken when Gavel
//! is no more, holds what a disk would hold, and mounting it is what happens after a power cut. This needs root.

use crate::lab::left;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// More than the data of any run.
const SIZE: u64 = 256 << 20;

/// The disk that Gavel's folder is on. Dropped, it is unmounted.
pub struct Disk {
    /// The lab's folder.
    root: PathBuf,
    /// Where it is mounted.
    at: PathBuf,
    cuts: u32,
}

impl Disk {
    /// Makes an empty disk and mounts it at `at`, before Gavel is first started.
    ///
    /// # Errors
    /// Without root, without the tools, and where the kernel has no loop devices to give.
    pub fn mount(root: &Path, at: PathBuf) -> Result<Disk> {
        if !rustix::process::geteuid().is_root() {
            bail!(
                "cutting the power needs root, since it mounts a file system: try sudo, or leave out --power"
            );
        }
        let disk = Disk {
            root: root.to_owned(),
            at,
            cuts: 0,
        };
        std::fs::create_dir_all(&disk.at)
            .with_context(|| format!("cannot create {}", disk.at.display()))?;
        let file = disk.file();
        let made = std::fs::File::create(&file).and_then(|file| file.set_len(SIZE));
        made.with_context(|| format!("cannot make the disk {}", file.display()))?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file))?;
        disk.mount_file()?;
        Ok(disk)
    }

    /// Cuts the power, after Gavel has ended: its programs end, what was not synced is gone, and the disk is mounted again.
    pub fn cut(&mut self) -> Result<()> {
        // They write no more, and end only when the copy is made: what they did in between would be there after the cut.
        left::freeze(&self.root);
        let before = self.file();
        self.cuts += 1;
        let after = self.file();
        let copied = run(Command::new("cp")
            .arg("--sparse=always")
            .args([&before, &after]));
        left::end(&self.root);
        self.unmount()?;
        copied?;
        std::fs::remove_file(&before)
            .with_context(|| format!("cannot remove {}", before.display()))?;
        self.mount_file()
    }

    fn file(&self) -> PathBuf {
        self.root.join(format!("disk-{}.img", self.cuts))
    }

    fn mount_file(&self) -> Result<()> {
        // The kernel writes nothing by itself until somebody asks for it, or very long after.
        run(Command::new("mount")
            .args(["-t", "ext4", "-o", "loop,commit=300"])
            .args([&self.file(), &self.at]))
    }

    /// Also where something still looks into it.
    fn unmount(&self) -> Result<()> {
        run(Command::new("umount").arg("--lazy").arg(&self.at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = self.unmount() {
            eprintln!("{error:#}");
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let line = format!("{command:?}");
    let done = command
        .output()
        .with_context(|| format!("cannot start {line}"))?;
    if !done.status.success() {
        let why = String::from_utf8_lossy(&done.stderr);
        bail!("{line} failed ({}): {}", done.status, why.trim());
    }
    Ok(())
}
