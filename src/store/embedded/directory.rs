//! The directory of an embedded store: made for this user alone, and claimed by one daemon.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::super::OpenError;

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

/// Says so when others than the owner may read a file of keys.
pub fn warn_of_readers(key_file: &Path) {
    if fs::metadata(key_file).is_ok_and(|found| found.permissions().mode() & 0o077 != 0) {
        tracing::warn!(file = %key_file.display(), "others than its owner may read the key file: chmod 600 it");
    }
}

/// Writes a file that is there whole or not at all.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = private(&unfinished, OpenOptions::new().create(true).truncate(true))?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync(path.parent().expect("a file is in a directory"))
}

/// A directory entry is durable when the directory that holds it was synced.
pub fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn create(directory: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for made in missing {
        sync(made.parent().expect("the root directory exists"))?;
    }
    Ok(())
}

fn private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.write(true).mode(0o600).open(path)
}
