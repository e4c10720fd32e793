//! The document as CSV, read by the rules of RFC 4180.

use std::collections::BTreeMap;

use crate::clinic::{Clinic, WORDS, sha256};

/// Records and fields as RFC 4180 has them: quoted fields may hold commas, line breaks, and quotes that are doubled.
fn parse(document: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut rest = document;
    while !rest.is_empty() {
        rest = rest.strip_prefix('"').expect("every field is quoted");
        loop {
            let end = rest.find('"').expect("a field ends");
            field.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(more) => {
                    field.push('"');
                    rest = more;
                }
                None => break,
            }
        }
        record.push(std::mem::take(&mut field));
        if let Some(more) = rest.strip_prefix(',') {
            rest = more;
        } else {
            rest = rest.strip_prefix("\r\n").expect("a record ends with CRLF");
            records.push(std::mem::take(&mut record));
        }
    }
    records
}

type Row = BTreeMap<String, String>;

/// Rows by their headings, without the apostrophe that keeps a cell from being a formula.
fn rows(document: &str) -> Vec<Row> {
    let mut records = parse(document).into_iter();
    let headings = records.next().unwrap();
    let row = |cells: Vec<String>| {
        assert_eq!(cells.len(), headings.len(), "every record has as many fields");
        let plain = cells.into_iter().map(|cell| cell.strip_prefix('\'').map(str::to_owned).unwrap_or(cell));
        headings.iter().cloned().zip(plain).collect()
    };
    records.map(row).collect()
}

#[tokio::test]
async fn a_table_has_everything_to_the_letter_and_its_hash() {
    let clinic = Clinic::told().await;
    let document = clinic.export(&["--format", "csv"]);
    let rows = rows(&document);
    let of = |record: &str| rows.iter().filter(|row| row["record"] == record).collect::<Vec<&Row>>();
    let counts = ["practice", "staff", "patient", "conversation", "consent", "message", "end"].map(|one| of(one).len());
    assert_eq!(counts, [1, 1, 4, 3, 4, 265, 1]);
    let said: Vec<&str> = of("message").iter().map(|row| row["text"].as_str()).collect();
    for words in WORDS {
        assert!(said.contains(&words), "{words:?}");
    }
    let yes = of("consent")[1];
    assert_eq!((yes["text"].as_str(), yes["to"].as_str(), yes["by"].as_str()), (" Yes!", "opted_in", "patient"));
    assert_eq!((yes["phone"].as_str(), yes["number"].as_str()), ("+13035550100", "+13035559999"));
    assert_eq!(yes["invitation_version"], sha256(&yes["invitation"]));
    let end = document.rfind("\"end\"").unwrap();
    assert_eq!(of("end")[0]["sha256"], sha256(&document[..end]));
}

#[tokio::test]
async fn no_cell_is_a_formula() {
    let clinic = Clinic::told().await;
    for cell in parse(&clinic.export(&["--format", "csv"])).into_iter().flatten() {
        let first = cell.chars().next();
        let is_formula = first.is_some_and(|first| "=+-@\t\r\n\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(first));
        assert!(!is_formula, "{cell:?}");
    }
}
