//! Lists of opt-outs, and the command that imports them, as an operator types it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use assent::domain::Consent;
use assent::ports::{Record, Store};
use assent::store::KeySource;
use tempfile::TempDir;

use crate::home::Home;
use crate::stage::{key, policy, practice};

/// A list, and the configuration that it is imported with.
pub struct List {
    folder: TempDir,
    pub path: PathBuf,
    config: PathBuf,
}

/// What the command said.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub errors: String,
}

impl List {
    pub fn of(home: &impl Home, text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, config) = (folder.path().join("opt-outs.csv"), folder.path().join("assent.toml"));
        std::fs::write(&path, text).unwrap();
        let location = home.location();
        let keys = match &location.keys {
            KeySource::File(file) => format!("key_file = \"{}\"\n", file.display()),
            KeySource::InDirectory => String::new(),
        };
        let directory = location.directory.display();
        let store = format!("[store]\nurl = \"{}\"\n{keys}directory = \"{directory}\"\n", location.url);
        std::fs::write(&config, store).unwrap();
        Self { folder, path, config }
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(["import", "opt-outs", "--practice", "riverside", "--config"]).arg(&self.config);
        command.args(more).arg(&self.path);
        command
    }

    /// Everything that the store has, as JSON.
    pub fn export(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(["export", "--format", "json", "--practice", "riverside", "--config"]).arg(&self.config);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    /// Imports it. What is said holds no phone and no word of a row.
    pub fn import(&self, more: &[&str]) -> Said {
        let Output { status, stdout, stderr } = self.command(more).output().unwrap();
        let [out, errors] = [stdout, stderr].map(|octets| String::from_utf8(octets).unwrap());
        for personal in ["303", "555", "knee", "rude"] {
            assert!(!out.contains(personal) && !errors.contains(personal), "{out}{errors}");
        }
        Said { code: status.code(), out, errors }
    }
}

/// A store with a practice.
pub async fn furnished(home: &impl Home) -> Arc<dyn Store> {
    let store = home.open().await;
    store.put(vec![Record::Practice((*policy(&practice("riverside")).practice).clone())]).await.unwrap();
    store
}

pub async fn consent(store: &Arc<dyn Store>, line: u32) -> Consent {
    let stored = store.load(&key("riverside", line)).await.unwrap();
    stored.map_or(Consent::None, |stored| stored.conversation.consent)
}

pub async fn is_opted_out(store: &Arc<dyn Store>, line: u32) -> bool {
    matches!(consent(store, line).await, Consent::OptedOut { .. })
}
