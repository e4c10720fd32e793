//! The command on both kinds of store: what it does, what it says, and that it can be run again.

use assent::domain::{Consent, Evidence, FileHash, Status};
use assent::ports::CommitError;
use sha2::{Digest, Sha256};

use crate::directories::Directory;
use crate::home::Home;
use crate::lists::{List, consent, furnished, is_opted_out};
use crate::servers::Server;
use crate::stage::{Talk, draft, key, text};

const LIST: &str = "phone,opted_out_at,reason\r\n\
                    +13035550100,2020-03-01T15:04:05Z,a rude answer\r\n\
                    303-555-0200,2020-03-01,\"his knee, he said\"\r\n\
                    +13035550300,,\r\n";

async fn everybody_on_the_list_is_opted_out<H: Home>() {
    let home = H::fresh().await;
    let store = furnished(&home).await;
    let mut waits = Talk::new(&store, key("riverside", 100));
    waits.hear(draft("how is your knee?"), "2019-01-01T00:00:00Z".parse().unwrap()).await;
    let mut opted_in = Talk::new(&store, key("riverside", 200));
    opted_in.hear(text("START"), "2021-05-05T00:00:00Z".parse().unwrap()).await;
    drop((waits, opted_in));
    home.close(store).await;

    let list = List::of(&home, LIST);
    let dry = list.import(&["--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}{}", dry.out, dry.errors);
    for line in ["2 would be opted out", "1 opted in since, and left alone", "a dry run: nothing was written"] {
        assert!(dry.out.contains(line), "{}", dry.out);
    }
    assert!(dry.errors.contains("read 100 %"), "{}", dry.errors);
    assert_eq!(home.length().await, 2, "a dry run writes nothing");

    let report = list.beside("report.csv");
    let said = list.import(&["--report", report.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.errors);
    assert!(said.out.contains("line 3: opted in since: left alone, look at it"), "{}", said.out);
    for line in ["2 opted out\n", "0 opted out already", "1 opted in since, and left alone", "0 rows could not be read"]
    {
        assert!(said.out.contains(line), "{}", said.out);
    }
    assert!(said.errors.contains("imported 100 %"), "{}", said.errors);
    let report = std::fs::read_to_string(report).unwrap();
    assert_eq!(report.lines().count(), 2, "{report}");
    assert!(report.contains("303-555-0200"), "the report says who it is: {report}");

    let again = list.import(&[]);
    assert_eq!(again.code, Some(0));
    assert!(again.out.starts_with("line 3: opted in since"), "{}", again.out);
    assert!(again.out.contains("\n0 opted out\n2 opted out already"), "{}", again.out);

    let store = home.open().await;
    let Consent::OptedOut { evidence: Evidence::Imported(imported), .. } = consent(&store, 100).await else {
        panic!("what was imported is told from all else");
    };
    assert_eq!((imported.file, imported.line), (FileHash(Sha256::digest(LIST).into()), 2));
    assert_eq!(imported.opted_out_at, Some("2020-03-01T15:04:05Z".parse().unwrap()));
    assert_eq!(imported.reason.unwrap().expose(), "a rude answer");
    let thread = store.thread(&key("riverside", 100), None, 10).await.unwrap();
    assert!(thread.iter().all(|message| message.status == Status::Expired), "{thread:?}");
    assert_eq!(thread.len(), 2, "no text to anybody");
    assert!(matches!(consent(&store, 200).await, Consent::OptedIn { .. }));
    assert!(is_opted_out(&store, 300).await);

    let mut comes_back = Talk::new(&store, key("riverside", 300));
    let stored = store.load(comes_back.key()).await.unwrap().unwrap();
    (comes_back.now, comes_back.version) = (stored.conversation, stored.version);
    comes_back.hear(text("START"), comes_back.now.active_at + jiff::SignedDuration::from_mins(1)).await;
    drop(comes_back);
    home.close(store).await;
    let after_start = list.import(&[]);
    assert!(
        after_start.out.contains("\n0 opted out\n1 opted out already, and left as they are\n2 opted in since"),
        "{}",
        after_start.out
    );

    let verified = home.verified().await;
    assert_eq!((verified.changes, verified.findings.len()), (6, 0), "{:?}", verified.findings);
}

#[tokio::test]
async fn in_a_directory_everybody_on_the_list_is_opted_out() {
    everybody_on_the_list_is_opted_out::<Directory>().await;
}

#[tokio::test]
async fn on_redis_everybody_on_the_list_is_opted_out() {
    everybody_on_the_list_is_opted_out::<Server>().await;
}

#[tokio::test]
async fn an_export_says_which_row_of_which_file_opted_out() {
    let home = Directory::fresh().await;
    home.close(furnished(&home).await).await;
    let list = List::of(&home, LIST);
    assert_eq!(list.import(&[]).code, Some(0));
    let exported = list.export();
    let hash: String = Sha256::digest(LIST).iter().map(|octet| format!("{octet:02x}")).collect();
    for told in [
        "\"by\":\"import\"".to_owned(),
        format!("\"file_sha256\":\"{hash}\""),
        "\"line\":3".into(),
        "\"opted_out_at\":\"2020-03-02T06:59:59Z\"".into(),
        "\"reason\":\"his knee, he said\"".into(),
    ] {
        assert!(exported.replace("\": ", "\":").contains(&told), "{told}: {exported}");
    }
}

#[tokio::test]
async fn beside_a_daemon_on_redis_what_it_decided_before_the_import_does_not_stand() {
    let home = Server::fresh().await;
    let store = furnished(&home).await;
    let mut talk = Talk::new(&store, key("riverside", 100));
    talk.hear(text("START"), "2019-05-05T00:00:00Z".parse().unwrap()).await;
    let decided = talk.decide(draft("how is your knee?"), "2019-05-05T00:01:00Z".parse().unwrap());
    let list = List::of(&home, LIST);
    let said = list.import(&[]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.errors);
    let late = talk.commit(decided).await;
    assert!(matches!(late, Err(CommitError::Conflict { .. })), "{late:?}");
    assert!(is_opted_out(&store, 100).await);
}

#[tokio::test]
async fn two_imports_at_once_opt_everybody_out_once() {
    let home = Server::fresh().await;
    let store = furnished(&home).await;
    let rows: String = (100..300).map(|line| format!("+1303555{line:04}\n")).collect();
    let list = List::of(&home, format!("phone\n{rows}{rows}"));
    let mut runs: Vec<_> = (0..2).map(|_| list.command(&[]).spawn().unwrap()).collect();
    for run in &mut runs {
        assert!(run.wait().unwrap().success());
    }
    let verified = home.verified().await;
    drop(store);
    assert_eq!((verified.changes, verified.conversations, verified.findings.len()), (200, 200, 0));
}

#[tokio::test]
async fn in_a_directory_the_daemon_has_to_be_stopped_first_but_for_a_dry_run() {
    let home = Directory::fresh().await;
    let store = furnished(&home).await;
    let list = List::of(&home, LIST);
    let said = list.import(&[]);
    assert_eq!(said.code, Some(1));
    assert!(said.errors.contains("another assent is using"), "{}", said.errors);
    assert!(said.errors.contains("stop it"), "{}", said.errors);
    let dry = list.import(&["--dry-run"]);
    assert!(dry.out.contains("3 would be opted out"), "{}{}", dry.out, dry.errors);
    home.close(store).await;
}

#[tokio::test]
async fn an_import_that_is_killed_goes_on_where_it_was() {
    let home = Directory::fresh().await;
    home.close(furnished(&home).await).await;
    let rows: String = (0..5_000).map(|line| format!("+1303555{line:04},2020-01-01\n")).collect();
    let list = List::of(&home, format!("phone,opted_out_at\n{rows}"));
    let mut killed = list.command(&[]).spawn().unwrap();
    while home.length().await < 500 {
        tokio::task::yield_now().await;
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let before = home.length().await;
    let said = list.import(&[]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.errors);
    if before < 5_000 {
        assert!(!said.out.contains("\n0 opted out\n"), "{}", said.out);
    }
    let verified = home.verified().await;
    assert_eq!((verified.changes, verified.findings.len()), (5_000, 0));
}
