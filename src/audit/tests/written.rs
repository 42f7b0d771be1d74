//! Evidence that says more, or otherwise, than what is read of it.

use super::*;

#[test]
fn evidence_that_is_not_written_as_it_is_read_is_found_by_name() {
    let content = serde_json::to_string_pretty(&*EVIDENCE_OF_A_RUN).unwrap();
    let ask = content.find("\"ask\": \"").unwrap();
    let seen = content.find("\"seen\": {\n").unwrap() + "\"seen\": {".len();
    let at = content.find("\"at\": \"").unwrap();
    let second = at + content[at..].find("Z\"").unwrap();
    let insert = |at: usize, text: &str| format!("{}{text}{}", &content[..at], &content[at..]);
    let rows = [
        ("a field that no question has", insert(ask, "\"note\": 1, ")),
        (
            "the same key twice in an answer",
            insert(seen, "\"twice\": 1, \"twice\": 2,"),
        ),
        (
            "a time written otherwise",
            format!("{}+00:00{}", &content[..second], &content[second + 1..]),
        ),
        (
            "a letter written otherwise",
            content.replacen("\"maintainer\"", "\"m\\u0061intainer\"", 1),
        ),
        (
            "a number written otherwise",
            content.replacen("\"seen\": {", "\"seen\": {\"x\": 1e2,", 1),
        ),
        ("lines of another kind", content.replacen('\n', "\r\n", 1)),
        ("something at the end", format!("{content}\n")),
        (
            "on one line",
            serde_json::to_string(&*EVIDENCE_OF_A_RUN).unwrap(),
        ),
        (
            "a list that is left out",
            content.replacen(",\n  \"lost\": []", "", 1),
        ),
    ];
    for (what, changed) in rows {
        assert_ne!(changed, content, "{what}");
        let mut forged = files(&VALID);
        put(&mut forged, EVIDENCE, changed.into_bytes());
        let bundle = Bundle::read(pack(&forged).unwrap().as_slice())
            .unwrap_or_else(|why| panic!("{what}: {why}"));
        let audited = cold(&bundle, &anchors());
        let differ = |it: &&Difference| it.check == Check::Evidence;
        let difference = audited.differences.iter().find(differ);
        let place = &difference
            .unwrap_or_else(|| panic!("{what}: {audited:?}"))
            .place;
        assert!(place.starts_with("evidence.json, line "), "{what}: {place}");
    }
    assert!(audited(&VALID).differences.is_empty());
}

/// As answers hold them: what is written of them is read and written again the same.
#[test]
fn numbers_and_texts_of_any_kind_are_written_as_they_are_read() {
    let mut run = EVIDENCE_OF_A_RUN.clone();
    let answers = json!([0.1, 1e300, -0.0, 5e-324, 1.0, 123_456_789.123_456_79, u64::MAX, i64::MIN, "\u{7f}\u{1b}é\u{2028}\"/\\", {"b": 1, "a": [{}, []]}, null]);
    run.attempts[0].facts[0].answer = Answer::Seen(answers);
    run.attempts[0].facts[0].at = "2026-01-02T03:04:05.678901234Z".parse().unwrap();
    let audited = audited(&forged(&run));
    assert!(
        audited
            .differences
            .iter()
            .all(|it| it.check != Check::Evidence),
        "{audited:?}"
    );
}
