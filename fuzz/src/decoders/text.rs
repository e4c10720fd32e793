//! Texts: any octets are some text, and what a text is written as reads back as the same.

use assent::carrier::text;
use assent::domain::letters::gsm7;
use assent::domain::text::{Alphabet, Segments};

const GSM7: u8 = 0;
const UCS2: u8 = 8;

/// The first octet is the `data_coding`, the rest is the text.
pub fn text(data: &[u8]) {
    let Some((data_coding, octets)) = data.split_first() else { return };
    let (read, _) = text::decode(*data_coding, octets);
    assert!(read.chars().count() <= octets.len().max("[binary 70000 bytes]".len()));

    check_written_text_reads_back(&String::from_utf8_lossy(octets));
    check_read_text_is_written_the_same(GSM7, octets);
    check_read_text_is_written_the_same(UCS2, octets);
}

/// Segments that fit, each readable by itself, and together the text.
fn check_written_text_reads_back(text: &str) {
    let Segments { alphabet, parts } = Segments::of(text);
    let data_coding = coding_of(alphabet);
    // A septet takes an octet on the way to the carrier.
    let octets_max = match (alphabet, parts.len()) {
        (Alphabet::Gsm7, 1) => 160,
        (Alphabet::Gsm7, _) => 153,
        (Alphabet::Ucs2, 1) => 140,
        (Alphabet::Ucs2, _) => 134,
    };
    let mut read = String::new();
    for part in &parts {
        assert!(part.len() <= octets_max, "a segment is too long");
        let words = text::decode(data_coding, part).0;
        read.push_str(&words);
    }
    assert_eq!(read, text, "what was written does not read back");
}

/// Where every octet is a character that both alphabets agree on, nothing is changed by reading and writing.
fn check_read_text_is_written_the_same(data_coding: u8, octets: &[u8]) {
    let (read, _) = text::decode(data_coding, octets);
    if read.contains(char::REPLACEMENT_CHARACTER) {
        return;
    }
    let Segments { alphabet, parts } = Segments::of(&read);
    let written = parts.concat();
    if coding_of(alphabet) != data_coding {
        // UCS-2 that the GSM alphabet can say as well.
        assert_eq!(alphabet, Alphabet::Gsm7);
        assert_eq!(parts.iter().map(|part| text::decode(GSM7, part).0).collect::<String>(), read);
    } else if data_coding == UCS2 || !octets.contains(&gsm7::ESCAPE) {
        assert_eq!(written, octets);
    } else {
        // An escape before a character that has no extension is shown as the character, and not written again.
        assert!(written.len() <= octets.len());
    }
}

fn coding_of(alphabet: Alphabet) -> u8 {
    match alphabet {
        Alphabet::Gsm7 => GSM7,
        Alphabet::Ucs2 => UCS2,
    }
}
