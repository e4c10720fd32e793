//! Holds the directions between modules, and what must be absent from each, by reading the source.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Who may know whom: a module, and the modules of this crate that it may name. Nobody may name the rest.
const MAY_KNOW: [(&str, &[&str]); 17] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("conversations", &["domain", "ports"]),
    ("records", &["domain", "ports"]),
    ("inbox", &["domain", "ports", "conversations"]),
    ("store", &["domain", "ports"]),
    ("throttle", &["domain", "ports"]),
    ("carrier", &["domain", "ports"]),
    ("webhooks", &["domain", "ports", "conversations", "records"]),
    ("simulator", &["carrier", "domain", "ports"]),
    ("http", &["domain", "ports", "conversations", "records", "inbox", "webhooks", "console"]),
    ("console", &[]),
    ("export", &["domain"]),
    ("import", &["domain"]),
    ("config", &["domain", "carrier"]),
    ("telemetry", &[]),
    ("service", &["carrier", "conversations"]),
];

/// The composition root and what stands on it may know everyone, and nobody may know them.
const ROOTS: [&str; 4] = ["app", "cli", "main", "lib"];

/// Files, and words that must not stand in their code: who is pure stays pure.
const MUST_NOT_NAME: [(&str, &[&str]); 24] = [
    (
        "src/domain",
        &["tokio", "actix", "serde", "redis", "smpp", "axum", "tracing", "metrics", "::now()", "SystemTime"],
    ),
    ("src/carrier/bind.rs", &["tokio", ".await", "async fn"]),
    ("src/carrier/deliver.rs", &["tokio", ".await", "async fn", "::now()"]),
    ("src/carrier/door.rs", &["tokio", ".await", "async fn", "::now()"]),
    ("src/webhooks/address.rs", &["tokio", ".await", "async fn"]),
    ("src/webhooks/post.rs", &["tokio", ".await", "async fn", "::now()"]),
    ("src/webhooks/schedule.rs", &["tokio", ".await", "async fn", "::now()"]),
    ("src/carrier/frame.rs", &["tokio::net", "tokio::spawn", ".await", "async fn"]),
    ("src/carrier/session.rs", &["tokio::net", "tokio::spawn", ".await", "async fn", "::now()"]),
    ("src/carrier/timers.rs", &["tokio::net", "tokio::spawn", ".await", "async fn", "::now()"]),
    ("src/carrier/window.rs", &["tokio::net", "tokio::spawn", ".await", "async fn", "::now()"]),
    ("src/carrier/pace.rs", &["tokio", ".await", "async fn", "::now()"]),
    ("src/carrier/quirks.rs", &["tokio", ".await", "async fn", "::now()"]),
    ("src/carrier/refusal.rs", &["tokio", ".await", "async fn"]),
    ("src/carrier/submit.rs", &["tokio", ".await", "async fn", "::now()"]),
    ("src/carrier/text.rs", &["tokio", ".await", "async fn"]),
    ("src/carrier/udh.rs", &["tokio", ".await", "async fn"]),
    ("src/carrier/short_message.rs", &["tokio", ".await", "async fn"]),
    ("src/carrier/translate.rs", &["tokio", ".await", "async fn", "::now()"]),
    ("src/carrier/receipt.rs", &["tokio", ".await", "async fn"]),
    ("src/carrier/receipt", &["tokio", ".await", "async fn"]),
    ("src/carrier/alert.rs", &["tokio", ".await", "async fn"]),
    ("src/conversations", &["axum", "rusqlite", "smpp::"]),
    ("src/http", &["rusqlite", "smpp::", "actix"]),
];

#[test]
fn modules_point_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_KNOW.into_iter().collect();
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let module = module_of(&path);
        if ROOTS.contains(&module.as_str()) {
            continue;
        }
        let Some(may_know) = allowed.get(module.as_str()) else {
            wrong.push(format!("{}: module {module} has no place in the table of directions", path.display()));
            continue;
        };
        for known in named_modules(&code) {
            if known != module && !may_know.contains(&known.as_str()) {
                wrong.push(format!("{}: {module} must not know {known}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pure_parts_name_nothing_impure() {
    let mut wrong = Vec::new();
    for (place, words) in MUST_NOT_NAME {
        for (path, code) in sources().into_iter().filter(|(path, _)| path.starts_with(place)) {
            for word in words.iter().filter(|word| code.contains(*word)) {
                wrong.push(format!("{}: must not name {word}", path.display()));
            }
        }
        assert!(Path::new(place).exists(), "{place} is in the table and not in the tree");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let silent: Vec<String> = files_below(Path::new("src"))
        .into_iter()
        .chain(files_below(Path::new("tests")))
        .chain(files_below(Path::new("benches")))
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no opening sentence: {silent:?}");
}

#[test]
fn the_map_names_every_module() {
    let map = std::fs::read_to_string("src/lib.rs").unwrap();
    for (module, _) in MAY_KNOW.into_iter().chain([("app", &[] as &[&str]), ("cli", &[])]) {
        assert!(map.contains(&format!("[`{module}`]")), "lib.rs does not say what {module} is for");
    }
}

/// The Rust files of the crate with their code: tests at their foot, comments and strings' line comments left out.
fn sources() -> Vec<(PathBuf, String)> {
    let code = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    files_below(Path::new("src")).into_iter().map(|path| (path.clone(), code(&path))).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(files_below(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files.sort();
    files
}

/// The top-level module that a file belongs to.
fn module_of(path: &Path) -> String {
    let within = path.strip_prefix("src").unwrap().components().next().unwrap().as_os_str().to_str().unwrap();
    within.trim_end_matches(".rs").to_owned()
}

/// The modules that code names as `crate::NAME`, or inside `crate::{…}`.
fn named_modules(code: &str) -> Vec<String> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut at_start = true;
            for (place, character) in group.char_indices() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => at_start = true,
                    _ if at_start && is_name(character) => {
                        found.push(group[place..].chars().take_while(|next| is_name(*next)).collect());
                        at_start = false;
                    }
                    _ => {}
                }
            }
        } else {
            found.push(rest.chars().take_while(|next| is_name(*next)).collect());
        }
    }
    found
}

#[test]
fn the_reader_of_directions_reads() {
    assert_eq!(named_modules("use crate::domain::Phone; crate::ports::Store"), ["domain", "ports"]);
    assert_eq!(named_modules("use crate::{domain::{a, b}, ports, http::x};"), ["domain", "ports", "http"]);
}
