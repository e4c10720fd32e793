//! The snippets of the documentation, each with a client that is made of the committed specification.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use crate::{Set, VENV, installed, run, succeeds};

const SPECIFICATION: &str = "docs/openapi.json";
/// What `tests/run` installs of npm.
const MODULES: &str = "tests/developer/node_modules";

/// What a snippet comes to: it is taken and delivered, and once the patient has opted out it says why not.
async fn check(set: &Set, snippet: impl AsyncFn() -> Output) {
    let said = |output: Output| {
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), err)
    };
    assert_eq!(said(snippet().await), (Some(0), "pending\n".into(), String::new()));
    set.rosa_texts("START").await;
    assert_eq!(said(snippet().await), (Some(0), "delivered\n".into(), String::new()));
    set.rosa_texts("STOP").await;
    let (code, out, err) = said(snippet().await);
    assert_eq!(code, Some(1), "{err}");
    assert!(out.starts_with("opted-out: This patient opted out on "), "{out}{err}");
}

fn with_environment<'a>(set: &Set, command: &'a mut Command) -> &'a mut Command {
    command.env("ASSENT_URL", set.url()).env("ASSENT_TOKEN", set.stride.token())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_snippet_is_sound_and_runs() {
    let made = tempfile::tempdir().unwrap();
    let place = made.path();
    std::fs::copy("docs/snippets/send.ts", place.join("send.ts")).unwrap();
    std::fs::write(place.join("package.json"), r#"{"type": "module"}"#).unwrap();
    std::fs::copy("tests/developer/tsconfig.json", place.join("tsconfig.json")).unwrap();
    std::os::unix::fs::symlink(std::path::absolute(MODULES).unwrap(), place.join("node_modules")).unwrap();
    let mut generate = installed(&format!("{MODULES}/.bin/openapi-typescript"));
    succeeds("the client is made", generate.arg(SPECIFICATION).arg("-o").arg(place.join("assent.ts"))).await;
    let mut compile = installed(&format!("{MODULES}/.bin/tsc"));
    succeeds("the snippet is sound", compile.arg("-p").arg(place)).await;

    let set = Set::up().await;
    check(&set, async || {
        let mut node = Command::new("node");
        run("the snippet", with_environment(&set, node.arg(place.join("made/send.js")))).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_snippet_runs() {
    let made = tempfile::tempdir().unwrap();
    let mut generate = installed(&format!("{VENV}/openapi-python-client"));
    generate.args(["generate", "--meta", "none", "--path", SPECIFICATION, "--output-path"]);
    // It tidies what it made with ruff, which is beside it.
    generate.arg(made.path().join("assent_client")).env("PATH", with_venv());
    let said = succeeds("the client is made", &mut generate).await;
    assert!(!said.contains("arning"), "nothing of the specification is left out: {said}");

    let set = Set::up().await;
    check(&set, async || {
        let mut python = installed(&format!("{VENV}/python"));
        let python =
            python.arg("docs/snippets/send.py").env("PYTHONPATH", made.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        run("the snippet", with_environment(&set, python)).await
    })
    .await;
}

fn with_venv() -> std::ffi::OsString {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let venv = std::path::absolute(Path::new(VENV)).unwrap();
    std::env::join_paths([venv].into_iter().chain(std::env::split_paths(&paths))).unwrap()
}
