//! What a developer reads in a browser: the calls of the API, and every code of a problem. The pages are made of the
//! description; they run no script and load nothing but their style.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::openapi::document;
use super::operation::{OPERATION, Operation, text};
use super::problem::{Code, Meaning};
use html::{escaped, page, prose};

mod calls;
mod html;
mod schemas;

const HTML: &str = "text/html";
const WITH_CHARSET: &str = "text/html; charset=utf-8";

pub const CALLS: Operation = Operation {
    id: "docs",
    group: "service",
    summary: "The description of the API, for people",
    answers: &[text(HTML, "A page")],
    ..OPERATION
};

pub async fn calls() -> Response {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        let body = calls::all(document()) + &schemas::all(document());
        page("The API of Assent", &calls::contents(document()), &body)
    });
    ([(CONTENT_TYPE, WITH_CHARSET)], PAGE.as_str()).into_response()
}

pub const ERRORS: Operation = Operation {
    id: "docs_errors",
    group: "service",
    summary: "Every code of a problem, with its cause and its remedy, for people",
    answers: &[text(HTML, "A page")],
    ..OPERATION
};

pub async fn errors() -> Response {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        let (mut contents, mut body) = (String::new(), String::new());
        for code in Code::ALL {
            let Meaning { status, name, title, cause, remedy } = code.meaning();
            write!(contents, "<li><a href=\"#{name}\">{name}</a></li>").expect("a string takes what is written to it");
            write!(
                body,
                "<section id=\"{name}\"><h2><code>{name}</code> <span class=\"status\">{}</span></h2><p>{}.</p>\
                 <dl><dt>Cause</dt><dd>{}</dd><dt>Remedy</dt><dd>{}</dd></dl></section>",
                status.as_u16(),
                escaped(title),
                prose(cause),
                prose(remedy),
            )
            .expect("a string takes what is written to it");
        }
        page("What can go wrong", &format!("<ul>{contents}</ul>"), &body)
    });
    ([(CONTENT_TYPE, WITH_CHARSET)], PAGE.as_str()).into_response()
}

pub const STYLE: Operation = Operation {
    id: "docs_style",
    group: "service",
    summary: "How those pages look",
    answers: &[text("text/css", "A style sheet")],
    ..OPERATION
};

pub async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("docs/style.css")).into_response()
}

/// The codes as a file for whoever reads the repository.
pub fn errors_in_markdown() -> String {
    let mut page = String::from(
        "# What can go wrong\n\n\
         Every problem is `application/problem+json` (RFC 9457) with a `code` that stays what it is. This page is made of \
         `src/http/problem/codes.rs`; a daemon shows it at `/docs/errors`, and the `type` of each problem leads there.\n\n",
    );
    for code in Code::ALL {
        let Meaning { status, name, title, cause, remedy } = code.meaning();
        let status = status.as_u16();
        write!(page, "## `{name}`\n\n{title} ({status}).\n\n- **Cause.** {cause}\n- **Remedy.** {remedy}\n\n")
            .expect("a string takes what is written to it");
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}
