//! What became of the rows of a list, and how many of each there were.

use std::path::Path;

use indicatif::HumanCount;

use crate::import::Flaw;

/// Lines that are named on the terminal; the report names them all.
const NAMED_MAX: u64 = 50;

/// What became of a row.
pub enum Fate {
    OptedOut,
    /// Before, by whatever it was.
    Already,
    /// They have opted in since.
    LeftAlone,
    Bad(Flaw),
}

impl Fate {
    /// What there is to look at, if there is anything.
    pub fn needs_a_look(&self) -> Option<String> {
        match self {
            Self::OptedOut | Self::Already => None,
            Self::LeftAlone => Some("opted in since: left alone, look at it".into()),
            Self::Bad(flaw) => Some(flaw.to_string()),
        }
    }
}

/// How many rows became what.
#[derive(Default)]
pub struct Counts {
    opted_out: u64,
    already: u64,
    left_alone: u64,
    pub bad: u64,
}

impl Counts {
    /// Counts a row, and names the line of one that needs a look. Its phone and its words stay in the file.
    pub fn add(&mut self, line: u64, fate: &Fate) {
        match fate {
            Fate::OptedOut => self.opted_out += 1,
            Fate::Already => self.already += 1,
            Fate::LeftAlone => self.left_alone += 1,
            Fate::Bad(_) => self.bad += 1,
        }
        if let Some(what) = fate.needs_a_look()
            && self.bad + self.left_alone <= NAMED_MAX
        {
            println!("line {line}: {what}");
        }
    }

    pub fn print(&self, dry_run: bool, report: Option<&Path>) {
        let Self { opted_out, already, left_alone, bad } = self;
        let named = bad + left_alone;
        if named > NAMED_MAX {
            let where_ =
                report.map_or("--report names them all".into(), |path| format!("{} names them", path.display()));
            println!("and {} lines more: {where_}", HumanCount(named - NAMED_MAX));
        }
        let would = if dry_run { "would be " } else { "" };
        println!("{} {would}opted out", HumanCount(*opted_out));
        println!("{} opted out already, and left as they are", HumanCount(*already));
        println!("{} opted in since, and left alone: look at them", HumanCount(*left_alone));
        println!("{} rows could not be read", HumanCount(*bad));
        if dry_run {
            println!("a dry run: nothing was written");
        }
    }
}
