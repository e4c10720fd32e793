//! The document as JSON.

use assent::domain::{Answer, Event, Link, PatientId, Phone, Retry};
use assent::ports::Record;
use assent::store::{Done, Location, copy};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::clinic::{Clinic, WORDS, sha256};
use crate::redis_server::Redis;
use crate::stage::{HandClock, Talk, at, draft, key, keys_in, practice, text};

fn read(document: &str) -> Value {
    let read: Value = serde_json::from_str(document).unwrap();
    let (before, _) = document.rsplit_once(",\n\"sha256\"").unwrap();
    assert_eq!(read["sha256"], sha256(before));
    read
}

fn texts(conversation: &Value) -> Vec<&str> {
    conversation["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn everything_is_there_in_order_and_to_the_letter() {
    let clinic = Clinic::told().await;
    let document = read(&clinic.export(&["--format", "json"]));
    assert_eq!(document["format"], "assent export 1");
    assert_eq!(document["practice"]["number"], "+13035559999");
    assert_eq!(document["staff"], json!([{"id": "ana", "name": "Ana \"Annie\" Quintero"}]));
    let counts = json!({"staff": 1, "patients": 4, "conversations": 3, "changes": 4, "messages": 265, "reports": 0});
    assert_eq!(document["counts"], counts);
    let [rosa, shared, unknown] = document["conversations"].as_array().unwrap().as_slice() else {
        panic!("three conversations, and none of another practice")
    };
    assert_eq!(rosa["patients"], json!(["rosa"]));
    assert_eq!(shared["patients"], json!(["leo_1", "mia"]));
    assert_eq!((&unknown["patients"], &unknown["phone"]), (&json!([]), &json!("+13035550300")));

    let said = texts(rosa);
    let first = said.iter().position(|text| *text == WORDS[0]).unwrap();
    assert_eq!(said[first..first + WORDS.len()], WORDS);
    let lines = texts(shared);
    let expected: Vec<String> = (22..272).map(|minute| format!("line {minute}")).collect();
    assert_eq!(lines[lines.len() - 250..], expected);
    let drafted = &rosa["messages"][1];
    assert_eq!((&drafted["staff"], &drafted["status"]), (&json!("ana"), &json!("failed")));
    assert_eq!(drafted["failure"], "opted-out");
}

#[tokio::test]
async fn consent_is_told_with_what_proves_it() {
    let clinic = Clinic::told().await;
    let document = read(&clinic.export(&["--format", "json", "--patient", "rosa"]));
    assert_eq!(document["conversations"].as_array().unwrap().len(), 1);
    let patients: Vec<&Value> = document["patients"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(patients, ["rosa"]);
    let rosa = &document["conversations"][0];
    assert_eq!(rosa["consent"], "opted_out");
    let [asked, yes, stop] = rosa["consent_history"].as_array().unwrap().as_slice() else { panic!("three changes") };
    assert_eq!((&asked["to"], &asked["by"], &asked["staff"]), (&json!("invited"), &json!("staff"), &json!("ana")));
    assert_eq!((&yes["from"], &yes["to"], &yes["by"]), (&json!("invited"), &json!("opted_in"), &json!("patient")));
    assert_eq!((&yes["words"]["text"], &yes["at"]), (&json!(" Yes!"), &json!(at(3).to_string())));
    let invitation = &yes["invitation"];
    assert_eq!(invitation["text"], rosa["messages"][0]["text"]);
    assert_eq!(invitation["left_at"], json!(at(2).to_string()));
    assert_eq!(invitation["version"], sha256(invitation["text"].as_str().unwrap()));
    assert_eq!(stop["words"]["text"], "STOP");
    assert_eq!(stop["words"]["message"], rosa["messages"].as_array().unwrap()[10]["id"]);
    assert_eq!(stop["ledger"], json!({"number": 3}));
}

#[tokio::test]
async fn who_shares_a_phone_is_in_the_document_of_the_other_and_who_has_none_has_no_conversation() {
    let clinic = Clinic::told().await;
    let document = read(&clinic.export(&["--format", "json", "--patient", "mia"]));
    let patients: Vec<&Value> = document["patients"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(patients, ["leo_1", "mia"]);
    assert_eq!(document["counts"]["messages"], 252);
    let document = read(&clinic.export(&["--format", "json", "--patient", "new"]));
    assert_eq!(document["conversations"], json!([]));
}

#[tokio::test]
async fn consent_from_before_the_ledger_is_told_as_such_with_the_words_that_it_names() {
    let clinic = Clinic::told().await;
    let database = Connection::open(clinic.path().join("assent.db")).unwrap();
    database.execute_batch("DROP TABLE ledger; DROP INDEX journal_of_conversation; PRAGMA user_version = 2").unwrap();
    drop(database);
    let document = read(&clinic.export(&["--format", "json", "--patient", "rosa"]));
    let history = document["conversations"][0]["consent_history"].as_array().unwrap();
    let told: Vec<(&str, &str, &Value)> = history
        .iter()
        .map(|change| (change["from"].as_str().unwrap(), change["to"].as_str().unwrap(), &change["words"]["text"]))
        .collect();
    let null = Value::Null;
    let (yes, stop) = (json!(" Yes!"), json!("STOP"));
    assert_eq!(told, [("none", "invited", &null), ("invited", "opted_in", &yes), ("opted_in", "opted_out", &stop)]);
    assert!(
        history.iter().all(|change| change["ledger"] == "before the ledger began" && change["by"] == "not_recorded")
    );
}

#[tokio::test]
async fn a_copy_on_redis_exports_the_same() {
    let (clinic, server) = (Clinic::told().await, Redis::start().await);
    let keys = keys_in(clinic.directory.path(), &[("k1", 1)]);
    let target = Location { directory: clinic.directory.path().join("state"), ..Location::new(server.url(), keys) };
    let clock = HandClock(std::sync::atomic::AtomicI64::new(at(600).as_second()));
    assert!(matches!(copy(&clinic.location(), &target, &clock, &mut |_| {}).await.unwrap(), Done::Copied(_)));
    let there = clinic.directory.path().join("keys");
    let store = format!("url = \"{}\"\nkey_file = \"{}\"", server.url(), there.display());
    for format in ["json", "csv", "fhir"] {
        let output = clinic.run(&store, &["--format", format]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let ours = clinic.export(&["--format", format]);
        let lines = |document: &str| -> Vec<String> {
            // When it was exported, and the hash of that.
            let differs = ["\"timestamp\"", "sha256", "exported_at"];
            let is_same = |line: &&str| {
                !(differs.iter().any(|what| line.contains(what))
                    || line.starts_with("\"practice\"")
                    || line.starts_with("\"end\""))
            };
            document.lines().filter(is_same).map(str::to_owned).collect()
        };
        assert_eq!(lines(&String::from_utf8(output.stdout).unwrap()), lines(&ours), "{format}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_exported() {
    let clinic = Clinic::told().await;
    let output = clinic.run(&clinic.url(), &["--format", "json", "--patient", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no patient nobody"));
    let output = clinic.run(&clinic.url(), &["--format", "xml"]);
    assert_eq!(output.status.code(), Some(2));
    let database = Connection::open(clinic.path().join("assent.db")).unwrap();
    for missing in [252, 7] {
        assert!(database.execute("DELETE FROM thread WHERE seq = ?1", [missing]).unwrap() > 0);
        let output = clinic.run(&clinic.url(), &["--format", "json"]);
        assert_eq!(output.status.code(), Some(1), "a document that is not whole is none");
        assert!(serde_json::from_slice::<Value>(&output.stdout).is_err());
        assert!(String::from_utf8(output.stderr).unwrap().contains("lacks messages that it had"));
    }
}

#[tokio::test]
async fn an_opt_out_at_the_carrier_is_told_with_the_text_and_the_code_in_every_format() {
    let clinic = Clinic::told().await;
    let store = clinic.open().await;
    let mut nela = Talk::new(&store, key("riverside", 900));
    nela.hear(draft("see you at 3"), at(1)).await;
    nela.hear(Event::SlotGranted(nela.id(1)), at(2)).await;
    let answer = Answer::Refused { command_status: 0x413, retry: Retry::OptedOut };
    nela.hear(Event::Answered { id: nela.id(1), attempt: 1, answer }, at(3)).await;
    let invitation = nela.id(1).to_string();
    drop((store, nela));
    let document = read(&clinic.export(&["--format", "json", "--patient", "new"]));
    let nela = &document["conversations"][0];
    assert_eq!(nela["consent"], "opted_out");
    let change = &nela["consent_history"][1];
    assert_eq!((&change["by"], &change["words"]), (&json!("carrier"), &Value::Null));
    assert_eq!(change["carrier"], json!({"message": invitation, "code": "command_status 0x00000413"}));
    assert_eq!(nela["messages"][1]["failure"], "opted-out");
    for format in ["csv", "fhir"] {
        let document = clinic.export(&["--format", format, "--patient", "new"]);
        assert!(document.contains("command_status 0x00000413"), "{format}");
    }
}

#[tokio::test]
async fn a_number_that_is_not_the_patients_is_told_with_what_said_so_in_every_format() {
    let clinic = Clinic::told().await;
    let store = clinic.open().await;
    let mut nela = Talk::new(&store, key("riverside", 900));
    nela.hear(text("START"), at(1)).await;
    nela.hear(text("wrong number"), at(2)).await;
    nela.hear(Event::NumberGiven, at(3)).await;
    drop((store, nela));
    let document = read(&clinic.export(&["--format", "json", "--patient", "new"]));
    let nela = &document["conversations"][0];
    let change = &nela["consent_history"][1];
    assert_eq!((&change["to"], &change["by"]), (&json!("none"), &json!("patient")));
    assert_eq!(change["words"]["text"], "wrong number");
    let reports = nela["reports"].as_array().unwrap();
    let said = json!({
        "what": "number suspended", "at": at(2).to_string(), "because": "wrong-number",
        "message": change["words"]["message"],
    });
    assert_eq!((&reports[0], &reports[1]["what"]), (&said, &json!("probable opt-out")));
    assert_eq!(reports[2], json!({"what": "number given again", "at": at(3).to_string()}));
    for (format, words) in [("csv", "number given again"), ("fhir", "the patient gave the number again")] {
        let document = clinic.export(&["--format", format, "--patient", "new"]);
        assert!(document.contains(words) && document.contains("wrong-number"), "{format}");
    }
}

#[tokio::test]
async fn a_patients_document_has_what_was_said_with_every_number_that_is_linked_to_them() {
    let clinic = Clinic::told().await;
    let link = |patient: &str, line: u32| {
        let phone = Phone::parse(&format!("+1303555{line:04}")).unwrap();
        Record::Link(
            practice("riverside"),
            Link { phone, patient: PatientId::parse(patient).unwrap(), by: None, at: at(1) },
        )
    };
    let store = clinic.open().await;
    store.put(vec![link("rosa", 300), link("rosa", 800), link("new", 100)]).await.unwrap();
    drop(store);
    let whose = |document: &Value| -> Vec<(String, Value)> {
        let talks = document["conversations"].as_array().unwrap().iter();
        talks.map(|talk| (talk["phone"].as_str().unwrap().to_owned(), talk["patients"].clone())).collect()
    };
    let document = read(&clinic.export(&["--format", "json", "--patient", "rosa"]));
    let [own, linked] = [("+13035550100", json!(["rosa", "new"])), ("+13035550300", json!(["rosa"]))];
    let [own, linked] = [own, linked].map(|(phone, patients)| (phone.to_owned(), patients));
    assert_eq!(whose(&document), [own.clone(), linked.clone()], "the third number never wrote");
    let patients: Vec<&Value> = document["patients"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(patients, ["rosa", "new"], "whoever shares a number is named");
    let everybody = whose(&read(&clinic.export(&["--format", "json"])));
    assert!(everybody.contains(&own) && everybody.contains(&linked), "{everybody:?}");
    let fhir = clinic.export(&["--format", "fhir", "--patient", "rosa"]);
    assert!(fhir.contains("who is this?"), "what the linked number wrote is in every format");
}
