//! The first start, one that was cut off, and one where a database should be and is not.

use super::*;
use std::os::unix::fs::PermissionsExt;

/// The names in a file's folder, with the mode of each.
fn modes(file: &File) -> Vec<(String, u32)> {
    let entries = std::fs::read_dir(file.0.path()).unwrap();
    let mut modes: Vec<_> = entries
        .map(Result::unwrap)
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, entry.metadata().unwrap().permissions().mode() & 0o777)
        })
        .collect();
    modes.sort_unstable();
    modes
}

fn private(names: &[&str]) -> Vec<(String, u32)> {
    let names = names.iter();
    names.map(|name| ((*name).to_owned(), 0o600)).collect()
}

#[tokio::test]
async fn a_database_is_its_owners_alone() {
    let file = File::new();
    let store = file.open().await;
    let said = [command(1, 0, "/status")];
    assert_eq!(store.hear(ISSUE, 1, &said).await.unwrap(), 1);
    let all = ["gavel.sqlite", "gavel.sqlite-shm", "gavel.sqlite-wal"];
    assert_eq!(modes(&file), private(&all));
    // As an older Gavel left it, which was killed.
    for name in all {
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.0.path().join(name), mode).unwrap();
    }
    let again = file.open().await;
    assert_eq!(modes(&file), private(&all));
    again.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_first_start_that_was_cut_off_is_made_anew() {
    let file = File::new();
    for (name, content) in [("-new", &b""[..]), ("-new-journal", b"cut off")] {
        let left = opening::beside(&file.path(), name);
        std::fs::write(left, content).unwrap();
    }
    opening::is_not_lost(&file.path(), &[]).unwrap();
    file.open().await.close().await;
    assert_eq!(modes(&file), private(&["gavel.sqlite"]));
}

#[tokio::test]
async fn a_lost_database_does_not_begin_anew() {
    let at = |file: &File, name: &str| file.0.path().join(name);
    let lost = |file: &File| {
        let left = [at(file, "signing.pem"), at(file, "bundles")];
        let folder = file.0.path().to_str().unwrap();
        is_not_lost(&file.path(), &left).map_err(|error| error.to_string().replace(folder, ""))
    };
    let file = File::new();
    assert_eq!(lost(&file), Ok(()));
    std::fs::create_dir(at(&file, "bundles")).unwrap();
    assert_eq!(lost(&file), Ok(()), "nothing was ever sealed");
    std::fs::write(at(&file, "bundles/run-1.tar.gz"), "").unwrap();
    insta::assert_snapshot!(lost(&file).unwrap_err(), @"there is no database /gavel.sqlite, but beside its place is /bundles, which only an installation with a database has: it was lost, or its disk is not mounted. Mount it, or restore a backup, as deploy/OPERATIONS.md says; or, to begin anew, move aside what is there");
    std::fs::write(at(&file, "signing.pem"), "").unwrap();
    std::fs::write(at(&file, "gavel.sqlite-wal"), "").unwrap();
    let error = lost(&file).unwrap_err();
    assert!(
        error.contains(" are /signing.pem and /bundles and /gavel.sqlite-wal, which"),
        "{error}"
    );
    std::fs::remove_file(at(&file, "gavel.sqlite-wal")).unwrap();
    file.open().await.close().await;
    assert_eq!(lost(&file), Ok(()));

    std::fs::write(file.path(), "").unwrap();
    insta::assert_snapshot!(told(&file).await, @"the database /gavel.sqlite is empty: the file has 0 bytes, and Gavel never leaves one like that, so that its content was lost. Restore a backup, as deploy/OPERATIONS.md says; or, to begin anew, move it aside, with the signing key and the bundles");
    let examined = examine(&file.path()).await.unwrap_err();
    assert!(matches!(examined, StoreError::Empty { .. }));
    assert_eq!(file.path().metadata().unwrap().len(), 0);
}

#[tokio::test]
async fn an_error_says_its_cause_once() {
    let file = File::new();
    let nowhere = file.0.path().join("nowhere/gavel.sqlite");
    let opened = Store::open(&nowhere).await.err().unwrap();
    file.open().await.close().await;
    let copied = backup(&file.path(), &nowhere).await.unwrap_err();
    for told in [anyhow::Error::new(opened), anyhow::Error::new(copied)] {
        let told = format!("{told:#}");
        assert_eq!(told.matches("No such file").count(), 1, "{told}");
    }
}
