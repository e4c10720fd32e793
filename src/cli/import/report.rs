//! The rows of a list that need a look, with what they say, as a file for whoever looks.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use csv::Writer;

use super::{Fate, ImportError};

/// Characters of a row that are repeated: more than a good row has.
const ROW_CHARS_MAX: usize = 2_000;

pub struct Report {
    rows: Writer<BufWriter<File>>,
    path: PathBuf,
}

impl Report {
    /// Begins a report, for the eyes of this user alone.
    pub fn create(path: &Path, list: &Path) -> Result<Self, ImportError> {
        let failed = |source| ImportError::Report { path: path.to_owned(), source };
        if let (Ok(ours), Ok(theirs)) = (std::fs::metadata(path), std::fs::metadata(list))
            && (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
        {
            return Err(ImportError::ReportIsList);
        }
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
        let mut report = Self { rows: Writer::from_writer(BufWriter::new(file)), path: path.to_owned() };
        report.write(["line", "what", "row"])?;
        Ok(report)
    }

    pub fn tell(&mut self, line: u64, row: &[u8], fate: &Fate) -> Result<(), ImportError> {
        let Some(what) = fate.needs_a_look() else { return Ok(()) };
        // A spreadsheet takes a cell for a formula by how it begins, and this one never begins so.
        let row: String = String::from_utf8_lossy(row).chars().take(ROW_CHARS_MAX).collect();
        self.write([&line.to_string(), &what, &format!("row: {row}")])
    }

    pub fn end(mut self) -> Result<(), ImportError> {
        self.rows.flush().map_err(|source| ImportError::Report { path: self.path.clone(), source })
    }

    fn write(&mut self, cells: [&str; 3]) -> Result<(), ImportError> {
        let path = self.path.clone();
        self.rows.write_record(cells).map_err(|error| ImportError::Report { path, source: io::Error::from(error) })
    }
}
