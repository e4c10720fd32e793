//! `assent audit verify`, as an administrator types it.

use std::process::{Command, Output};

use crate::directories::Directory;
use crate::home::Home;
use crate::servers::Server;
use crate::stage::{Talk, at, draft, key, policy, practice, some_audited, text};
use assent::ports::Record;
use assent::store::KeySource;

/// Runs it on a home; what it says holds no phone and no word.
fn run(home: &impl Home, practice: &str) -> (Option<i32>, String, String) {
    let location = home.location();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("assent.toml");
    let keys = match &location.keys {
        KeySource::File(file) => format!("key_file = \"{}\"\n", file.display()),
        KeySource::InDirectory => String::new(),
    };
    let store =
        format!("[store]\nurl = \"{}\"\n{keys}directory = \"{}\"\n", location.url, location.directory.display());
    std::fs::write(&config, store).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(["audit", "verify", "--config"]).arg(&config).args(["--practice", practice]);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = [stdout, stderr].map(|octets| String::from_utf8(octets).unwrap());
    for personal in ["303555", "knee", "STOP", "Riverside"] {
        assert!(said.iter().all(|said| !said.contains(personal)), "{said:?}");
    }
    let [stdout, stderr] = said;
    (status.code(), stdout, stderr)
}

async fn it_says_what_it_checked_and_what_is_wrong<H: Home>() {
    let home = H::fresh().await;
    let store = home.open().await;
    store.put(vec![Record::Practice((*policy(&practice("riverside")).practice).clone())]).await.unwrap();
    for line in [100, 200] {
        let mut talk = Talk::new(&store, key("riverside", line));
        talk.hear(draft("how is your knee?"), at(1)).await;
        talk.hear(text("STOP"), at(2)).await;
    }
    for number in 1..=3 {
        store.enter(some_audited("riverside", number)).await.unwrap();
    }
    home.close(store).await;
    let (code, said, errors) = run(&home, "riverside");
    assert_eq!(code, Some(0), "{said}{errors}");
    assert!(said.contains("3 entries of the audit, complete and unaltered"), "{said}");
    assert!(said.contains("4 changes in 2 conversations, complete and unaltered"), "{said}");
    assert!(said.contains("this machine has seen the ledger as far as entry 4"), "{said}");
    assert!(said.contains("newest: entry 4, seal k1:"), "{said}");
    assert!(errors.contains("verified 100 %"), "{errors}");

    home.edit(2).await;
    home.take_out(4).await;
    let (code, said, errors) = run(&home, "riverside");
    assert_eq!(code, Some(1), "{said}{errors}");
    // The audit comes first, and nobody touched that.
    let lines: Vec<&str> = said.lines().skip_while(|line| line.contains("audit")).collect();
    assert!(lines[0].starts_with("entry 2: conversation "), "{said}");
    assert!(lines[0].ends_with(": edited: it is not what was signed"), "{said}");
    assert!(lines[1].ends_with("cut: the conversation has had 2 changes, and the ledger has 1"), "{said}");
    assert!(lines[2].starts_with("cut: the ledger ends at 3, and this machine has seen entry 4"), "{said}");
    assert!(lines[3].contains("NOT as they were written"), "{said}");
    assert!(errors.contains("the evidence is not as it was written (3 found)"), "{errors}");

    let (code, _, errors) = run(&home, "riversid");
    assert_eq!(code, Some(1));
    assert!(errors.contains("there is no practice riversid in the store"), "{errors}");
}

#[tokio::test]
async fn in_a_directory_it_says_what_it_checked_and_what_is_wrong() {
    it_says_what_it_checked_and_what_is_wrong::<Directory>().await;
}

#[tokio::test]
async fn on_redis_it_says_what_it_checked_and_what_is_wrong() {
    it_says_what_it_checked_and_what_is_wrong::<Server>().await;
}
