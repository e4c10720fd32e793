//! What a developer reads: every code of a problem, with its cause and its remedy.

use std::fmt::Write;

use super::problem::{Code, Meaning};

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
