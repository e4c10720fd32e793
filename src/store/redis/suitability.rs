//! Whether a Redis keeps what it says it has: asked at the start and at every reconnect, because settings change.

use std::collections::HashMap;

use redis::RedisResult;
use redis::aio::MultiplexedConnection;

use super::super::{Checked, Durability};
use super::keys;

/// The first version with scripts that are refused as a whole when memory is full (`#!lua`).
const VERSION_MIN: (u32, u32) = (7, 0);

/// Looks at one server: everything that matters, what is wrong beside what is not.
pub async fn look_at(server: &mut MultiplexedConnection, durability: Durability) -> RedisResult<Vec<Checked>> {
    let info: String = redis::cmd("INFO").query_async(server).await?;
    let told = Told(info.lines().filter_map(|line| line.trim_end().split_once(':')).collect());
    let mut checked = vec![told.version(), told.role(), told.loading()];
    if told.loading().result.is_err() || told.role().result.is_err() {
        // The rest would be about a server that can't be used in any case.
        return Ok(checked);
    }
    checked.push(told.is("appendonly", "aof_enabled", "1", "appendonly yes"));
    match settings(server).await? {
        Some(set) => checked.extend([
            set.is("appendfsync", "always", "appendfsync always"),
            set.is("no-appendfsync-on-rewrite", "no", "no-appendfsync-on-rewrite no"),
        ]),
        None => checked.push(Checked {
            what: "appendfsync always, no-appendfsync-on-rewrite no".into(),
            result: match durability {
                Durability::Attested => Ok(()),
                Durability::Enforced => Err("the server forbids CONFIG GET, so nobody can see whether it is so. \
                     If whoever runs the server vouches for it, say store.durability = \"attested\""
                    .into()),
            },
        }),
    }
    checked.push(told.is("aof_last_write_status", "aof_last_write_status", "ok", ""));
    checked.push(told.is("maxmemory-policy", "maxmemory_policy", "noeviction", "maxmemory-policy noeviction"));
    Ok(checked)
}

/// How long a server keeps what was written by a daemon that died before it could remove it, in seconds.
const PROBE_SECONDS: u64 = 60;

/// Writes something, reads it back, and removes it.
pub async fn probe(wire: &mut impl redis::aio::ConnectionLike) -> RedisResult<Checked> {
    let token = format!("{:032x}", u128::from(random()) << 64 | u128::from(random()));
    let key = keys::probe(&token);
    let set = redis::cmd("SET").arg(&key).arg(&token).arg("EX").arg(PROBE_SECONDS).to_owned();
    let wrote: RedisResult<()> = set.query_async(wire).await;
    let result = match wrote {
        Ok(()) => {
            let read: Option<String> = redis::cmd("GET").arg(&key).query_async(wire).await?;
            redis::cmd("DEL").arg(&key).query_async::<()>(wire).await?;
            if read.is_some_and(|read| read == token) { Ok(()) } else { Err(lost()) }
        }
        Err(error) if error.is_io_error() => return Err(error),
        Err(error) => Err(format!("nothing can be written: {error}")),
    };
    Ok(Checked { what: "write, read and delete".into(), result })
}

fn lost() -> String {
    "what was written a moment ago is not there: another program writes to the keys that begin with assent".into()
}

fn random() -> u64 {
    getrandom::u64().expect("the operating system has random numbers")
}

/// What INFO says, by its own names.
struct Told<'a>(HashMap<&'a str, &'a str>);

impl Told<'_> {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).copied().unwrap_or("unknown")
    }

    /// Valkey tells the version of Redis that it stands in for, beside its own.
    fn version(&self) -> Checked {
        let text = self.get("redis_version");
        let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        let result = match found >= VERSION_MIN {
            true => Ok(()),
            false => Err(format!("it is version {text}, and 7.0 is the first that assent can use (or any Valkey)")),
        };
        let name = if self.0.contains_key("valkey_version") { "valkey" } else { "redis" };
        Checked { what: format!("version ({name} {text})"), result }
    }

    fn role(&self) -> Checked {
        let result = match self.get("role") {
            "master" => Ok(()),
            role => Err(format!("it is a {role}, and only a master may be written to: point store.url to the master")),
        };
        Checked { what: "role master".into(), result }
    }

    fn loading(&self) -> Checked {
        let result = match self.get("loading") {
            "0" => Ok(()),
            _ => Err("it is still reading its data: wait until it is done".into()),
        };
        Checked { what: super::NOT_LOADING.into(), result }
    }

    fn is(&self, what: &str, name: &str, wanted: &str, line: &str) -> Checked {
        setting(what, self.get(name), wanted, line)
    }
}

/// What CONFIG GET says; `None` where the server forbids it.
async fn settings(server: &mut MultiplexedConnection) -> RedisResult<Option<Set>> {
    let mut set = HashMap::new();
    for name in ["appendfsync", "no-appendfsync-on-rewrite"] {
        let answer: RedisResult<HashMap<String, String>> =
            redis::cmd("CONFIG").arg("GET").arg(name).query_async(server).await;
        match answer {
            Ok(found) => set.extend(found),
            Err(error) if error.is_io_error() => return Err(error),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(Set(set)))
}

struct Set(HashMap<String, String>);

impl Set {
    fn is(&self, name: &str, wanted: &str, line: &str) -> Checked {
        setting(name, self.0.get(name).map_or("unknown", String::as_str), wanted, line)
    }
}

fn setting(what: &str, found: &str, wanted: &str, line: &str) -> Checked {
    let result = match (found == wanted, line) {
        (true, _) => Ok(()),
        (false, "") => Err(format!("{what} is {found}: the server could not write its log; look at its disk")),
        (false, line) => Err(format!(
            "{what} is {found}, so it may lose what it has acknowledged. Put this line into redis.conf and restart it: {line}"
        )),
    };
    Checked { what: format!("{what} {wanted}"), result }
}
