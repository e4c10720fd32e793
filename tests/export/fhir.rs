//! The document as FHIR R4, and two validators that know nothing of it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::clinic::{Clinic, WORDS, sha256};

/// How much the validators find wrong with each bundle, and what.
fn validate(bundles: Vec<Value>) -> (Vec<usize>, String) {
    let folder = Path::new("tests/fhir");
    assert!(
        folder.join("node_modules/fhir").is_dir(),
        "the npm package fhir is not in tests/fhir/node_modules: run tests/run, which installs it"
    );
    let mut child = Command::new("node")
        .arg(folder.join("validate.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("node can't be run ({error}): run tests/run, which installs it"));
    let mut stdin = child.stdin.take().unwrap();
    let written = Value::Array(bundles).to_string();
    let writer = std::thread::spawn(move || stdin.write_all(written.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let wrong = |line: &str| line.strip_prefix("bundle ")?.strip_suffix(" wrong")?.rsplit(' ').next()?.parse().ok();
    let found: Vec<usize> = said.lines().filter_map(wrong).collect();
    assert_eq!(output.status.success(), found.iter().all(|wrong| *wrong == 0), "{said}");
    (found, said)
}

fn resources<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

#[tokio::test]
async fn the_validators_accept_it_and_no_broken_one() {
    let clinic = Clinic::told().await;
    let export = |arguments: &[&str]| serde_json::from_str::<Value>(&clinic.export(arguments)).unwrap();
    let everybody = export(&["--format", "fhir"]);
    let whole = export(&["--format", "fhir", "--patient", "rosa"]);
    let place = |kind: &str| {
        let entries = whole["entry"].as_array().unwrap();
        entries.iter().position(|entry| entry["resource"]["resourceType"] == kind).unwrap()
    };
    let (consent, communication, patient) = (place("Consent"), place("Communication"), place("Patient"));
    type Break = (&'static str, usize, fn(&mut Value));
    let breaks: [Break; 9] = [
        ("a status that is none", consent, |one| one["status"] = json!("opted_in")),
        ("no scope", consent, |one| drop(one.as_object_mut().unwrap().remove("scope"))),
        ("no rule", consent, |one| drop(one.as_object_mut().unwrap().remove("policyRule"))),
        ("a provision that is none", consent, |one| one["provision"]["type"] = json!("perhaps")),
        ("no status", communication, |one| drop(one.as_object_mut().unwrap().remove("status"))),
        ("an element that is none", communication, |one| one["body"] = json!("hello")),
        ("an empty payload", communication, |one| one["payload"] = json!([{"contentString": ""}])),
        ("a day that is none", patient, |one| one["birthDate"] = json!("28.2.1931")),
        ("a reference to nobody", communication, |one| {
            one["recipient"] = json!([{"reference": "urn:uuid:00000000-0000-8000-8000-000000000000"}]);
        }),
    ];
    let mut bundles = vec![everybody, whole.clone()];
    for (_, place, change) in breaks {
        let mut broken = whole.clone();
        change(&mut broken["entry"][place]["resource"]);
        bundles.push(broken);
    }
    bundles.push(json!({"resourceType": "Bundle", "entry": whole["entry"]}));
    let (wrong, said) = validate(bundles);
    assert_eq!(wrong[..2], [0, 0], "{said}");
    assert_eq!(wrong.len(), breaks.len() + 3, "{said}");
    for ((what, ..), wrong) in breaks.iter().zip(&wrong[2..]) {
        assert!(*wrong > 0, "{what}");
    }
    assert!(wrong[breaks.len() + 2] > 0, "a bundle without its type");
}

#[tokio::test]
async fn it_says_the_same_as_the_other_formats() {
    let clinic = Clinic::told().await;
    let document = clinic.export(&["--format", "fhir"]);
    let bundle: Value = serde_json::from_str(&document).unwrap();
    let (before, _) = document.rsplit_once(",\"identifier\"").unwrap();
    assert_eq!(bundle["identifier"]["value"], sha256(before));
    assert_eq!(resources(&bundle, "Patient").len(), 4);
    assert_eq!(resources(&bundle, "Communication").len(), 265);
    // Those who share a phone have one each.
    let states: Vec<&str> =
        resources(&bundle, "Consent").iter().map(|consent| consent["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["inactive", "inactive", "active", "active", "active"]);
    let yes = resources(&bundle, "Consent")[1];
    assert_eq!(words(&yes["sourceAttachment"]), " Yes!");
    assert_eq!(yes["provision"]["type"], "permit");
    let stop = resources(&bundle, "Consent")[2];
    assert_eq!((stop["provision"]["type"].as_str(), words(&stop["sourceAttachment"]).as_str()), (Some("deny"), "STOP"));

    let said: Vec<String> = resources(&bundle, "Communication")
        .iter()
        .map(|one| match &one["payload"][0] {
            payload if payload["contentString"].is_string() => payload["contentString"].as_str().unwrap().to_owned(),
            payload => words(&payload["contentAttachment"]),
        })
        .collect();
    for words in WORDS {
        assert!(said.iter().any(|text| text == words), "{words:?}");
    }
}

/// The words in an attachment.
fn words(attachment: &Value) -> String {
    use base64::Engine;
    let data = attachment["data"].as_str().unwrap();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).unwrap()).unwrap()
}
