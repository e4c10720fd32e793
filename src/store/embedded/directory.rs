//! The directory of an embedded store: made for this user alone, and claimed by one daemon.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::super::OpenError;
use super::super::files::{create, private, sync};

/// Keeps every other daemon out of the directory while it lives; the kernel lets go of it when the process ends.
pub struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

pub fn database(directory: &Path) -> PathBuf {
    directory.join("assent.db")
}

pub fn key_file(directory: &Path) -> PathBuf {
    directory.join("store.key")
}

/// Makes the directory if there is none, and claims it.
pub fn claim(directory: &Path) -> Result<Lock, OpenError> {
    let unusable = |source| OpenError::Directory { directory: directory.to_owned(), source };
    create(directory).map_err(unusable)?;
    let file = private(&directory.join("assent.lock"), OpenOptions::new().create(true)).map_err(unusable)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(OpenError::InUse { directory: directory.to_owned() }),
        Err(error) => return Err(unusable(error.into())),
    }
    if let Some(kind) = forgetful(directory) {
        tracing::warn!(directory = %directory.display(), kind, "the store is on a file system that may forget what was synced");
    }
    // SQLite gives its other files the permissions of this one.
    let database = database(directory);
    private(&database, OpenOptions::new().create(true)).map_err(unusable)?;
    fs::set_permissions(&database, Permissions::from_mode(0o600)).map_err(unusable)?;
    sync(directory).map_err(unusable)?;
    Ok(Lock(file))
}

/// The name of a file system that does not keep, or does not promise to keep, what was synced.
fn forgetful(directory: &Path) -> Option<&'static str> {
    // From `linux/magic.h`.
    match rustix::fs::statfs(directory).ok()?.f_type as u32 {
        0x0102_1994 => Some("tmpfs"),
        0x8584_58f6 => Some("ramfs"),
        0x6969 => Some("nfs"),
        0xff53_4d42 | 0xfe53_4d42 => Some("smb"),
        _ => None,
    }
}
