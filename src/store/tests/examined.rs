//! A database is looked at from outside, before a start or beside one.

use super::*;

/// What stands in the database's folder, with the length of each file.
fn beside(file: &File) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(file.0.path())
        .unwrap()
        .map(Result::unwrap);
    let mut all: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, entry.metadata().unwrap().len())
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn it_is_whole_before_and_beside_a_start_and_stays_as_it_is() {
    let file = File::new();
    assert_eq!(examine(&file.path()).await.unwrap(), None);
    assert_eq!(beside(&file), []);
    let newest = i64::try_from(opening::FORMS.iter().count()).unwrap();
    let well = Some(Examined {
        form: newest,
        newest,
        whole: true,
    });
    let store = file.open().await;
    let said = [command(1, 0, "/status")];
    assert_eq!(store.hear(ISSUE, 1, &said).await.unwrap(), 1);
    let before = beside(&file);
    assert_eq!(examine(&file.path()).await.unwrap(), well);
    assert_eq!(beside(&file), before, "while somebody writes to it");
    store.close().await;
    let before = beside(&file);
    assert_eq!(examine(&file.path()).await.unwrap(), well);
    assert_eq!(beside(&file), before, "while nobody does");
    file.raw("delete from _sqlx_migrations where version > 3")
        .await;
    let older = examine(&file.path()).await.unwrap().unwrap();
    assert_eq!((older.form, older.newest), (3, newest));
}

#[tokio::test]
async fn what_a_start_would_refuse_is_refused_in_the_same_words() {
    let (newer, altered) = (File::new(), File::new());
    for file in [&newer, &altered] {
        file.open().await.close().await;
    }
    newer
        .raw("insert into _sqlx_migrations values (9000, 'later', '2030-01-01', true, x'00', 0)")
        .await;
    altered
        .raw("update _sqlx_migrations set checksum = x'00' where version = 2")
        .await;
    let (garbage, foreign) = (File::new(), File::new());
    let text = "This is no database, but long enough to be one. ".repeat(50);
    std::fs::write(garbage.path(), text).unwrap();
    foreign.raw("create table bookmarks (id)").await;
    for file in [newer, altered, garbage, foreign] {
        let examined = examine(&file.path()).await.unwrap_err();
        let opened = Store::open(&file.path()).await.err().unwrap();
        assert_eq!(examined.to_string(), opened.to_string());
    }
}
