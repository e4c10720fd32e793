//! Files and directories that are this user's alone, and durable once written.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

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

/// Makes a directory, with those that it is in, so that none of them is forgotten.
pub fn create(directory: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for made in missing {
        sync(made.parent().expect("the root directory exists"))?;
    }
    Ok(())
}

/// Opens a file that nobody else may read.
pub fn private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.write(true).mode(0o600).open(path)
}
