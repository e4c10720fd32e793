//! Cuts a file into records: line by line, and on over a line's end where a field in quotation marks does.
//!
//! A quotation mark that is never closed must not swallow the opt-outs after it. A record that spans lines and is not good
//! blames its first line, and is read anew from the second.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use sha2::{Digest, Sha256};

use super::Flaw;
use crate::domain::FileHash;

/// Octets of a line, and of a record that spans several. The longest good row is far shorter.
pub const LINE_OCTETS_MAX: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One record, or what stands in the place of one.
#[derive(Debug)]
pub struct Record {
    /// The line on which it begins, counted from 1.
    pub line: u64,
    /// As it stands in the file, without the end of its last line; the beginning of what is too long.
    pub raw: Vec<u8>,
    /// Why it is no record of RFC 4180.
    pub flaw: Option<Flaw>,
    /// The lines that it goes on over, after the first.
    rest: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    number: u64,
    octets: Vec<u8>,
    length: Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Fits,
    TooLong,
}

/// The records of a file, of which one is in memory at a time.
pub struct Records<R> {
    file: R,
    hash: Sha256,
    /// The number of the line that was read last.
    number: u64,
    /// Lines that are read anew.
    again: VecDeque<Line>,
}

impl<R: BufRead> Records<R> {
    pub fn of(file: R) -> Self {
        Self { file, hash: Sha256::new(), number: 0, again: VecDeque::new() }
    }

    /// The next record; blank lines are none.
    pub fn next_record(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some(line) = self.line()? else { return Ok(None) };
            if !line.octets.is_empty() {
                return self.record(line).map(Some);
            }
        }
    }

    /// Gives back what a record that is not good has taken besides its first line.
    pub fn give_back(&mut self, record: &mut Record) {
        for line in record.rest.drain(..).rev() {
            self.again.push_front(line);
        }
    }

    /// The number of the last line, once there is no other.
    pub fn lines(&self) -> u64 {
        self.number
    }

    /// The hash of everything that was read.
    pub fn hash(self) -> FileHash {
        FileHash(self.hash.finalize().into())
    }

    fn record(&mut self, first: Line) -> io::Result<Record> {
        let Line { number, octets, length } = first;
        let mut record = Record { line: number, raw: octets, flaw: None, rest: Vec::new() };
        if length == Length::TooLong {
            record.flaw = Some(Flaw::LineTooLong);
            return Ok(record);
        }
        let mut scan = Scan::FieldBegins;
        let mut from = 0;
        loop {
            let scanned = record.raw[from..].iter().try_fold(scan, |scan, octet| scan.after(*octet));
            let found = scanned.and_then(Scan::at_end_of_line);
            let goes_on = match found {
                Ok(End::OfRecord) => return Ok(record),
                Ok(End::OfLine) => self.line()?,
                Err(flaw) => {
                    record.flaw = Some(flaw);
                    self.give_back(&mut record);
                    return Ok(record);
                }
            };
            let Some(line) = goes_on else {
                record.flaw = Some(Flaw::QuoteNotClosed);
                self.give_back(&mut record);
                return Ok(record);
            };
            from = record.raw.len();
            let fits = line.length == Length::Fits && from + 1 + line.octets.len() <= LINE_OCTETS_MAX;
            if !fits {
                self.again.push_front(line);
                record.flaw = Some(Flaw::QuoteNotClosed);
                self.give_back(&mut record);
                return Ok(record);
            }
            record.raw.push(b'\n');
            record.raw.extend_from_slice(&line.octets);
            record.rest.push(line);
            scan = Scan::Quoted;
        }
    }

    /// The next line, without its end; of one that is too long the beginning.
    fn line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.again.pop_front() {
            return Ok(Some(line));
        }
        let mut octets = Vec::new();
        let most = LINE_OCTETS_MAX as u64 + 3;
        self.file.by_ref().take(most).read_until(b'\n', &mut octets)?;
        if octets.is_empty() {
            return Ok(None);
        }
        self.hash.update(&octets);
        self.number += 1;
        let is_cut = !octets.ends_with(b"\n") && self.skip_to_end_of_line()?;
        if octets.ends_with(b"\n") {
            octets.pop();
        }
        if octets.ends_with(b"\r") {
            octets.pop();
        }
        if self.number == 1 && octets.starts_with(BYTE_ORDER_MARK) {
            octets.drain(..BYTE_ORDER_MARK.len());
        }
        let length = if is_cut || octets.len() > LINE_OCTETS_MAX { Length::TooLong } else { Length::Fits };
        octets.truncate(LINE_OCTETS_MAX);
        Ok(Some(Line { number: self.number, octets, length }))
    }

    /// Passes over the rest of a line, and says whether there was any.
    fn skip_to_end_of_line(&mut self) -> io::Result<bool> {
        let mut is_cut = false;
        loop {
            let buffer = self.file.fill_buf()?;
            if buffer.is_empty() {
                return Ok(is_cut);
            }
            let end = buffer.iter().position(|octet| *octet == b'\n');
            let taken = end.map_or(buffer.len(), |end| end + 1);
            is_cut |= end != Some(0);
            self.hash.update(&buffer[..taken]);
            self.file.consume(taken);
            if end.is_some() {
                return Ok(is_cut);
            }
        }
    }
}

/// Where in a record a reader stands (RFC 4180 §2).
#[derive(Debug, Clone, Copy)]
enum Scan {
    FieldBegins,
    Bare,
    Quoted,
    /// After a quotation mark within a quoted field: it ends the field, or the next one makes it one of the text.
    QuoteInQuoted,
}

enum End {
    OfRecord,
    OfLine,
}

impl Scan {
    fn after(self, octet: u8) -> Result<Self, Flaw> {
        match (self, octet) {
            (Self::FieldBegins, b'"') | (Self::QuoteInQuoted, b'"') => Ok(Self::Quoted),
            (Self::Quoted, b'"') => Ok(Self::QuoteInQuoted),
            (Self::Quoted, _) => Ok(Self::Quoted),
            (Self::FieldBegins | Self::Bare | Self::QuoteInQuoted, b',') => Ok(Self::FieldBegins),
            (Self::FieldBegins | Self::Bare, b'\r') => Err(Flaw::StrayReturn),
            (Self::Bare, b'"') | (Self::QuoteInQuoted, _) => Err(Flaw::StrayQuote),
            (Self::FieldBegins | Self::Bare, _) => Ok(Self::Bare),
        }
    }

    fn at_end_of_line(self) -> Result<End, Flaw> {
        match self {
            Self::FieldBegins | Self::Bare | Self::QuoteInQuoted => Ok(End::OfRecord),
            Self::Quoted => Ok(End::OfLine),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The line and what each record is, of a file that is taken as it is.
    fn read(file: &[u8]) -> Vec<(u64, String, Option<Flaw>)> {
        let mut records = Records::of(file);
        let mut found = Vec::new();
        while let Some(record) = records.next_record().unwrap() {
            found.push((record.line, String::from_utf8_lossy(&record.raw).into_owned(), record.flaw));
        }
        found
    }

    #[track_caller]
    fn check(file: &str, expected: &[(u64, &str, Option<Flaw>)]) {
        let expected: Vec<_> = expected.iter().map(|(line, raw, flaw)| (*line, (*raw).to_owned(), *flaw)).collect();
        assert_eq!(read(file.as_bytes()), expected, "{file:?}");
    }

    #[test]
    fn records_end_with_their_line() {
        check("a,b\r\nc,d\n\n\r\ne", &[(1, "a,b", None), (2, "c,d", None), (5, "e", None)]);
        check("\u{feff}a\nb", &[(1, "a", None), (2, "b", None)]);
        check("", &[]);
        check("\"a \"\"b\"\"\",\"\"\n,", &[(1, "\"a \"\"b\"\"\",\"\"", None), (2, ",", None)]);
    }

    #[test]
    fn a_quoted_field_goes_on_over_the_end_of_its_line() {
        check("a,\"b\r\nc\"\nd", &[(1, "a,\"b\nc\"", None), (3, "d", None)]);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_swallows_nothing_but_its_line() {
        let open = Some(Flaw::QuoteNotClosed);
        check("a,\"b\nc,d\ne,f", &[(1, "a,\"b\nc,d\ne,f", open), (2, "c,d", None), (3, "e,f", None)]);
        let broken = Some(Flaw::StrayQuote);
        check("a,\"b\nc,\"d\"\ne", &[(1, "a,\"b\nc,\"d\"", broken), (2, "c,\"d\"", None), (3, "e", None)]);
        let mut long = b"a,\"b\n".to_vec();
        long.extend(b"c,d\n".repeat(LINE_OCTETS_MAX));
        let found = read(&long);
        assert_eq!((found[0].0, found[0].2), (1, open));
        assert_eq!(found.len(), LINE_OCTETS_MAX + 1);
        assert!(found[1..].iter().all(|(_, raw, flaw)| raw == "c,d" && flaw.is_none()));
    }

    #[test]
    fn odd_marks_are_flaws_of_their_line_alone() {
        check("a\"b\nc", &[(1, "a\"b", Some(Flaw::StrayQuote)), (2, "c", None)]);
        check("\"a\"b\nc", &[(1, "\"a\"b", Some(Flaw::StrayQuote)), (2, "c", None)]);
        check("a\rb\nc", &[(1, "a\rb", Some(Flaw::StrayReturn)), (2, "c", None)]);
    }

    #[test]
    fn a_line_of_64_kib_fits_and_one_octet_more_does_not() {
        for (octets, flaw) in [(LINE_OCTETS_MAX, None), (LINE_OCTETS_MAX + 1, Some(Flaw::LineTooLong))] {
            for end in ["\n", "\r\n"] {
                let file = format!("{}{end}next", "x".repeat(octets));
                let found = read(file.as_bytes());
                assert_eq!((found[0].1.len(), found[0].2), (LINE_OCTETS_MAX, flaw), "{octets} {end:?}");
                assert_eq!(found[1..], [(2, "next".to_owned(), None)]);
            }
        }
        let found = read(&[vec![b'x'; 5 * LINE_OCTETS_MAX], b"\nnext".to_vec()].concat());
        assert_eq!((found.len(), found[0].2, found[1].0), (2, Some(Flaw::LineTooLong), 2));
    }

    #[test]
    fn the_hash_is_that_of_the_file() {
        let file = [b"\xef\xbb\xbfa,\"b\n".to_vec(), vec![b'x'; 3 * LINE_OCTETS_MAX], b"\r\n\nc".to_vec()].concat();
        let mut records = Records::of(&file[..]);
        while records.next_record().unwrap().is_some() {}
        assert_eq!(records.lines(), 4);
        assert_eq!(records.hash().0, <[u8; 32]>::from(Sha256::digest(&file)));
    }

    proptest! {
        /// No line is swallowed by one that is not good, whatever marks they are made of.
        #[test]
        fn every_line_is_of_a_record(file in "[a,\"\n\r ]{0,80}") {
            let lines: Vec<&str> = file.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
            let mut next = 1;
            for (line, raw, flaw) in read(file.as_bytes()) {
                let from = usize::try_from(line).unwrap();
                prop_assert!(lines[next - 1..from - 1].iter().all(|line| line.is_empty()), "only blank lines are passed over");
                let spans = raw.split('\n').count();
                prop_assert_eq!(raw, lines[from - 1..from - 1 + spans].join("\n"));
                next = if flaw.is_some() { from + 1 } else { from + spans };
            }
            prop_assert!(lines[(next - 1).min(lines.len())..].iter().all(|line| line.is_empty()));
        }
    }
}
