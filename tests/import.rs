//! The import of an earlier vendor's opt-outs: what it does to a conversation, and the command, on either kind of store.

#![allow(clippy::unwrap_used)]

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod redis_server;
#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;
#[path = "support/stage.rs"]
#[allow(dead_code)]
mod stage;

#[path = "import/commands.rs"]
mod commands;
#[path = "import/decisions.rs"]
mod decisions;
#[path = "evidence/directories.rs"]
#[allow(dead_code)]
mod directories;
#[path = "evidence/home.rs"]
#[allow(dead_code)]
mod home;
#[path = "import/hostile.rs"]
mod hostile;
#[path = "import/lists.rs"]
mod lists;
#[path = "evidence/servers.rs"]
#[allow(dead_code)]
mod servers;
