//! Lists that are broken, that are none, and that would opt somebody in.

use std::os::unix::fs::PermissionsExt;

use crate::directories::Directory;
use crate::home::Home;
use crate::lists::{List, furnished, is_opted_out};

async fn home() -> Directory {
    let home = Directory::fresh().await;
    home.close(furnished(&home).await).await;
    home
}

#[tokio::test]
async fn bad_rows_are_named_by_line_and_the_good_ones_are_imported() {
    let home = home().await;
    let long = "x".repeat(70_000);
    let rows = [
        "\u{feff}phone,opted_out_at,reason,source".to_owned(),
        "+13035550100,,,".into(),
        "555-0123,,,".into(),
        "+13035559999,,,".into(),
        "+13035550101,2199-01-01,,".into(),
        "+13035550102,soon,,".into(),
        "+13035550103,,his knee".into(),
        format!("+13035550104,,{long},"),
        format!("+13035550105,,{},", "x".repeat(201)),
        "+13035550106,,\"a rude answer,".into(),
        "\"+13035550107\"8,,,".into(),
        "+13035550200,2020-01-01,\"two\nlines\",".into(),
    ];
    let list = List::of(&home, rows.join("\n"));
    let report = list.beside("report.csv");
    let said = list.import(&["--report", report.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.errors);
    let expected = [
        "line 3: not a phone number",
        "line 4: the practice's own number",
        "line 5: opted_out_at is in the future",
        "line 6: opted_out_at is no time",
        "line 7: 3 fields, and the first line has 4",
        "line 8: longer than 64 KiB",
        "line 9: reason or source is longer than 200 characters",
        "line 10: a quotation mark in the middle of a field",
        "line 11: a quotation mark in the middle of a field",
        "2 opted out",
        "0 opted out already",
        "0 opted in since",
        "9 rows could not be read",
    ];
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{}", said.out);
    for (line, expected) in lines.into_iter().zip(expected) {
        assert!(line.starts_with(expected), "{line} / {expected}");
    }
    assert!(said.errors.contains("some rows could not be read (9)"), "{}", said.errors);
    let told = std::fs::read_to_string(&report).unwrap();
    assert!(told.contains("6,\"opted_out_at is no time: write 2026-03-01, or 2026-03-01T15:04:05Z with an offset\",\"row: +13035550102,soon,,\""), "{told}");
    assert!(told.len() < 10_000, "a row that is too long is not repeated whole");
    assert_eq!(std::fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600, "it holds phones");
    let store = home.open().await;
    assert!(is_opted_out(&store, 100).await && is_opted_out(&store, 200).await);
    for bad in [101, 102, 103, 104, 105, 106, 107] {
        assert!(!is_opted_out(&store, bad).await, "line of {bad}");
    }
    home.close(store).await;
}

#[tokio::test]
async fn no_column_opts_anybody_in() {
    let home = home().await;
    for column in ["opt_in", "status", "subscribed", "Consent", "opted_in_at"] {
        let list = List::of(&home, format!("phone,{column}\n+13035550100,subscribed\n"));
        let said = list.import(&[]);
        assert_eq!(said.code, Some(1), "{column}");
        assert!(said.errors.contains("an import can only opt out"), "{}", said.errors);
    }
    assert_eq!(home.length().await, 0, "nothing of such a list is imported");
    // Whatever a row says, it is a reason.
    let list = List::of(&home, "phone,reason,source\n+13035550100,opt_in=true,status=subscribed\n");
    assert_eq!(list.import(&[]).code, Some(0));
    let store = home.open().await;
    assert!(is_opted_out(&store, 100).await);
    home.close(store).await;
}

#[tokio::test]
async fn what_is_no_list_is_refused_without_a_word_of_it() {
    let home = home().await;
    let refused: [(&[u8], &str); 5] = [
        (b"", "it is empty"),
        (b"+13035550100\n+13035550101\n", "column 1 of its first line is not known"),
        (b"\xff\xfep\0h\0o\0n\0e\0", "not in UTF-8"),
        (b"PK\x03\x04\x00\x01\x02", "column 1 of its first line is not known"),
        (b"reason\nrude\n", "names no column phone"),
    ];
    for (text, why) in refused {
        let said = List::of(&home, text).import(&[]);
        assert_eq!(said.code, Some(1));
        assert!(said.errors.contains(why), "{why}: {}", said.errors);
    }
    let list = List::of(&home, "phone\n");
    assert_eq!(list.import(&[]).code, Some(0), "an empty list is one");
    let onto_itself = list.import(&["--report", list.path.to_str().unwrap()]);
    assert!(onto_itself.errors.contains("would replace the list"), "{}", onto_itself.errors);
    assert_eq!(std::fs::read(&list.path).unwrap(), b"phone\n");
    std::fs::remove_file(&list.path).unwrap();
    assert!(list.import(&[]).errors.contains("can't read"));
    std::fs::create_dir(&list.path).unwrap();
    assert!(list.import(&[]).errors.contains("not a file that can be read twice"));
    assert_eq!(home.length().await, 0);
}

#[tokio::test]
async fn a_long_list_of_bad_rows_does_not_flood_the_terminal() {
    let home = home().await;
    let list = List::of(&home, format!("phone\n{}", "\"rude\n".repeat(1_001)));
    let said = list.import(&[]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("and 951 lines more: --report names them all"), "{}", said.out);
    assert!(said.out.lines().count() < 60);
}
