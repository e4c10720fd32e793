//! What a forger does to the audit who can write to the store and has no key, and where it is found.

use assent::ports::{AuditPlace, Store};
use assent::store::{AuditVerified, Finding, Flaw, open_archive, verify_audit};
use async_trait::async_trait;

use crate::directories::Directory;
use crate::home::Home;
use crate::redis_server::comes_to;
use crate::servers::Server;
use crate::stage::{practice, some_audited};

const AUDIT: &str = "assent:{riverside}:audit";
const SEALS: &str = "assent:{riverside}:audit:seals";

/// What can be done to an audit without a key.
#[async_trait(?Send)]
trait Forger: Home {
    /// Waits until what was entered is sealed, and closes the store.
    async fn settle(&self, store: std::sync::Arc<dyn Store>, entries: u64);
    async fn flip(&self, place: u64);
    /// Takes an entry out with its seal, and closes the gap.
    async fn remove(&self, place: u64);
    async fn trade(&self, place: u64);
    /// Puts an entry behind the last that is there already.
    async fn again(&self, place: u64);
}

#[async_trait(?Send)]
impl Forger for Directory {
    async fn settle(&self, store: std::sync::Arc<dyn Store>, _: u64) {
        drop(store);
    }

    async fn flip(&self, place: u64) {
        let (database, place) = (self.database(), place.cast_signed());
        let sql = "SELECT entry FROM audited WHERE place = ?1";
        let mut entry: Vec<u8> = database.query_row(sql, [place], |row| row.get(0)).unwrap();
        *entry.last_mut().unwrap() ^= 1;
        database.execute("UPDATE audited SET entry = ?1 WHERE place = ?2", (entry, place)).unwrap();
    }

    async fn remove(&self, place: u64) {
        let sql = format!(
            "DELETE FROM audited WHERE place = {place}; UPDATE audited SET place = place - 1 WHERE place > {place}"
        );
        self.database().execute_batch(&sql).unwrap();
    }

    async fn trade(&self, place: u64) {
        let next = place + 1;
        let sql = format!(
            "UPDATE audited SET place = 0 WHERE place = {place}; UPDATE audited SET place = {place} WHERE place = {next};
             UPDATE audited SET place = {next} WHERE place = 0;"
        );
        self.database().execute_batch(&sql).unwrap();
    }

    async fn again(&self, place: u64) {
        let sql = format!(
            "INSERT INTO audited (practice, place, entry, seal)
             SELECT practice, (SELECT max(place) + 1 FROM audited), entry, seal FROM audited WHERE place = {place}"
        );
        self.database().execute_batch(&sql).unwrap();
    }
}

impl Server {
    async fn entry(&self, place: u64) -> (Vec<u8>, Vec<u8>) {
        let index = (place - 1).to_string();
        (self.ask(&["LINDEX", AUDIT, &index]).await, self.ask(&["LINDEX", SEALS, &index]).await)
    }

    async fn set(&self, list: &str, place: u64, value: &[u8]) {
        let index = (place - 1).to_string();
        self.raw::<()>(&[b"LSET", list.as_bytes(), index.as_bytes(), value]).await;
    }
}

#[async_trait(?Send)]
impl Forger for Server {
    async fn settle(&self, store: std::sync::Arc<dyn Store>, entries: u64) {
        comes_to("every entry is sealed, and that is written down", async || {
            let seen = std::fs::read_to_string(self.directory.path().join("seen/ledger.seen")).unwrap_or_default();
            let seals: u64 = self.ask(&["LLEN", SEALS]).await;
            let is_seen = seen.lines().any(|line| line.starts_with("audit ") && line.contains(&format!(" {entries} ")));
            if seals == entries && is_seen { Ok(()) } else { Err(format!("{seals}: {seen}")) }
        })
        .await;
        drop(store);
    }

    async fn flip(&self, place: u64) {
        let (mut entry, _) = self.entry(place).await;
        *entry.last_mut().unwrap() ^= 1;
        self.set(AUDIT, place, &entry).await;
    }

    async fn remove(&self, place: u64) {
        let (entry, seal) = self.entry(place).await;
        self.raw::<u64>(&[b"LREM", AUDIT.as_bytes(), b"1", &entry]).await;
        self.raw::<u64>(&[b"LREM", SEALS.as_bytes(), b"1", &seal]).await;
    }

    async fn trade(&self, place: u64) {
        let ((entry, seal), (next, next_seal)) = (self.entry(place).await, self.entry(place + 1).await);
        for (list, place, value) in
            [(AUDIT, place, next), (AUDIT, place + 1, entry), (SEALS, place, next_seal), (SEALS, place + 1, seal)]
        {
            self.set(list, place, &value).await;
        }
    }

    async fn again(&self, place: u64) {
        let (entry, seal) = self.entry(place).await;
        self.raw::<u64>(&[b"RPUSH", AUDIT.as_bytes(), &entry]).await;
        self.raw::<u64>(&[b"RPUSH", SEALS.as_bytes(), &seal]).await;
    }
}

/// Six calls at one practice, and one at another.
async fn entered<H: Forger>() -> H {
    let home = H::fresh().await;
    let store = home.open().await;
    for number in 1..=6 {
        store.enter(some_audited("riverside", number)).await.unwrap();
    }
    store.enter(some_audited("lakeside", 1)).await.unwrap();
    home.settle(store, 6).await;
    home
}

async fn verified(home: &impl Forger) -> AuditVerified {
    let mut archive = open_archive(&home.location()).await.unwrap();
    verify_audit(&mut *archive, &practice("riverside")).await.unwrap()
}

fn at(entry: u64, flaw: Flaw) -> Finding {
    Finding { entry: Some(entry), conversation: None, flaw }
}

macro_rules! stories {
    ($($story:ident)*) => {
        mod embedded {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::entered::<crate::directories::Directory>().await).await;
            })*
        }

        mod redis {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::entered::<crate::servers::Server>().await).await;
            })*
        }
    };
}

stories! {
    nothing_is_found_where_nothing_was_done
    an_edit_is_found
    one_that_is_taken_out_is_found
    two_that_trade_places_are_found
    one_that_comes_twice_is_found
    an_end_that_is_cut_is_found_by_what_this_machine_has_seen
    an_audit_that_is_gone_is_found
}

async fn nothing_is_found_where_nothing_was_done(home: impl Forger) {
    let AuditVerified { entries, unsealed, anchor, newest, findings } = verified(&home).await;
    assert_eq!(findings, []);
    assert_eq!((entries, unsealed, anchor), (6, 0, Some(6)));
    assert_eq!(newest.map(|(place, _)| place), Some(6));
    let store = home.open().await;
    let found = store.audited(&practice("riverside"), AuditPlace(4), 9).await.unwrap();
    let expected = [5, 6].map(|number| (AuditPlace(number), some_audited("riverside", number)));
    assert_eq!(found, expected);
}

async fn an_edit_is_found(home: impl Forger) {
    home.flip(3).await;
    let found = verified(&home).await.findings;
    assert!(found.contains(&at(3, Flaw::Edited)), "{found:?}");
}

async fn one_that_is_taken_out_is_found(home: impl Forger) {
    home.remove(3).await;
    let found = verified(&home).await.findings;
    assert!(found.contains(&at(3, Flaw::Reordered)), "the fourth does not follow from the second: {found:?}");
    let flaw = Flaw::CutBelowAnchor { seen: 6, found: 5 };
    assert!(found.contains(&Finding { entry: None, conversation: None, flaw }), "{found:?}");
}

async fn two_that_trade_places_are_found(home: impl Forger) {
    home.trade(2).await;
    let found = verified(&home).await.findings;
    assert!(found.contains(&at(2, Flaw::Reordered)) && found.contains(&at(3, Flaw::Reordered)), "{found:?}");
}

async fn one_that_comes_twice_is_found(home: impl Forger) {
    home.again(2).await;
    assert_eq!(verified(&home).await.findings, [at(7, Flaw::Reordered)]);
}

async fn an_end_that_is_cut_is_found_by_what_this_machine_has_seen(home: impl Forger) {
    home.remove(6).await;
    home.remove(5).await;
    let flaw = Flaw::CutBelowAnchor { seen: 6, found: 4 };
    assert_eq!(verified(&home).await.findings, [Finding { entry: None, conversation: None, flaw }]);
}

async fn an_audit_that_is_gone_is_found(home: impl Forger) {
    for place in (1..=6).rev() {
        home.remove(place).await;
    }
    let flaw = Flaw::CutBelowAnchor { seen: 6, found: 0 };
    assert_eq!(verified(&home).await.findings, [Finding { entry: None, conversation: None, flaw }]);
}
