//! Markdown as Gitea shows it: tables, task lists and folded sections, and nothing that could run or dress up as the page.

use ammonia::Builder;
use comrak::{Options, markdown_to_html};
use std::sync::LazyLock;

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::default();
    cleaner
        .add_tags(["input", "details", "summary"])
        .add_tag_attributes("details", ["open"])
        .add_tag_attributes("input", ["checked"])
        .add_tag_attribute_values("input", "type", ["checkbox"])
        .set_tag_attribute_value("input", "disabled", "")
        .add_tag_attributes("th", ["align"])
        .add_tag_attributes("td", ["align"])
        .add_allowed_classes("ul", ["contains-task-list"])
        .add_allowed_classes("li", ["task-list-item"])
        .add_allowed_classes(
            "div",
            [
                "markdown-alert",
                "markdown-alert-note",
                "markdown-alert-tip",
                "markdown-alert-important",
            ],
        )
        .add_allowed_classes("div", ["markdown-alert-warning", "markdown-alert-caution"])
        .add_allowed_classes("p", ["markdown-alert-title"])
        .id_prefix(Some("user-content-"))
        .link_rel(Some("nofollow"));
    cleaner
});

/// Text from people, as HTML that is safe to put into a page.
pub fn render(text: &str) -> String {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.tasklist = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    // In comments a line break is one.
    options.render.hardbreaks = true;
    options.render.tasklist_classes = true;
    // Raw HTML goes through, to be cleaned with all the rest.
    options.render.r#unsafe = true;
    CLEANER.clean(&markdown_to_html(text, &options)).to_string()
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn what_people_use_is_shown() {
        let html = render(
            "| a | b |\n|---|--:|\n| 1 | 2 |\n\n- [x] done\n- [ ] open\n\n<details><summary>More</summary>\n\n**bold**\n\n</details>",
        );
        for part in [
            "<table>",
            "<td align=\"right\">2</td>",
            "type=\"checkbox\"",
            "checked=\"\"",
            "<details><summary>More</summary>",
            "<strong>bold</strong>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn what_could_run_is_not() {
        let html = render(
            "<script>alert(1)</script>\n\n<img src=x onerror=alert(2)> [a](javascript:alert(3)) <iframe src=//x></iframe>\n\n\
             <form action=/x><input type=password name=p></form><style>*{}</style>",
        );
        for part in [
            "<script",
            "onerror",
            "javascript:",
            "<iframe",
            "<form",
            "password",
            "<style",
            "name=",
        ] {
            assert!(!html.contains(part), "{part} is in {html}");
        }
    }

    #[test]
    fn hidden_markers_stay_hidden() {
        assert_eq!(
            render("<!-- cc-ci:testme -->\nhello").trim(),
            "<p>hello</p>"
        );
    }

    #[test]
    fn a_line_break_is_one() {
        assert!(render("one\ntwo").contains("<br>"));
    }
}
