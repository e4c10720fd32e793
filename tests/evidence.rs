//! The evidence ledger: what is entered when consent changes, and that whatever is done to it afterwards is found, in
//! either kind of store.

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

#[path = "evidence/audit.rs"]
mod audit;
#[path = "evidence/commands.rs"]
mod commands;
#[path = "evidence/directories.rs"]
mod directories;
#[path = "evidence/forgeries.rs"]
mod forgeries;
#[path = "evidence/home.rs"]
mod home;
#[path = "evidence/kept.rs"]
mod kept;
#[path = "evidence/proofs.rs"]
mod proofs;
#[path = "evidence/servers.rs"]
mod servers;
