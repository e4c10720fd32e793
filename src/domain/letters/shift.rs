//! The national language tables of the GSM alphabet (3GPP TS 23.038 annex A), as far as patients in the Americas and
//! in Turkey write with them. A table of a language that is not here reads as the default one: one letter is wrong
//! then, and the rest of the text is not.

use super::gsm7;

/// What the header of a text says about its letters: a locking shift is in force for all of it, a single shift for the
/// one character behind an escape (TS 23.038 §6.2.1.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shifts {
    pub locking: Language,
    pub single: Language,
}

/// A language that has tables (TS 23.038 §6.2.1.2.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    Unshifted,
    Turkish,
    Spanish,
    Portuguese,
}

impl Language {
    /// The language of a national language identifier.
    pub const fn of(identifier: u8) -> Self {
        match identifier {
            1 => Self::Turkish,
            2 => Self::Spanish,
            3 => Self::Portuguese,
            _ => Self::Unshifted,
        }
    }

    /// The national language identifier; 0 is the default one.
    pub const fn identifier(self) -> u8 {
        match self {
            Self::Unshifted => 0,
            Self::Turkish => 1,
            Self::Spanish => 2,
            Self::Portuguese => 3,
        }
    }

    /// Where the locking shift table differs from the default alphabet (annex A.3).
    fn locking(self) -> &'static [(u8, char)] {
        match self {
            Self::Turkish => &TURKISH_LOCKING,
            Self::Portuguese => &PORTUGUESE_LOCKING,
            // Spanish has none (annex A.3.2).
            Self::Unshifted | Self::Spanish => &[],
        }
    }

    /// What the single shift table has beyond the default extension table (annex A.2).
    fn single(self) -> &'static [(u8, char)] {
        match self {
            Self::Turkish => &TURKISH_SINGLE,
            Self::Spanish => &SPANISH_SINGLE,
            Self::Portuguese => &PORTUGUESE_SINGLE,
            Self::Unshifted => &[],
        }
    }
}

impl Shifts {
    /// The character of a code that stands alone; `None` for the escape and above 127.
    pub fn plain(self, code: u8) -> Option<char> {
        find(self.locking.locking(), code).or_else(|| gsm7::character(code))
    }

    /// The character of a code behind an escape. An unknown one shows as it would without the escape, and a further
    /// escape, to a table that is not defined yet, as a space (§6.2.1.1).
    pub fn escaped(self, code: u8) -> Option<char> {
        match code {
            gsm7::ESCAPE => Some(' '),
            _ => find(self.single.single(), code).or_else(|| gsm7::escaped(code)).or_else(|| self.plain(code)),
        }
    }
}

fn find(table: &[(u8, char)], code: u8) -> Option<char> {
    table.iter().find(|(known, _)| *known == code).map(|(_, character)| *character)
}

const TURKISH_LOCKING: [(u8, char); 8] =
    [(0x04, '€'), (0x07, 'ı'), (0x0B, 'Ğ'), (0x0C, 'ğ'), (0x1C, 'Ş'), (0x1D, 'ş'), (0x40, 'İ'), (0x60, 'ç')];

const PORTUGUESE_LOCKING: [(u8, char); 30] = [
    (0x04, 'ê'),
    (0x06, 'ú'),
    (0x07, 'í'),
    (0x08, 'ó'),
    (0x09, 'ç'),
    (0x0B, 'Ô'),
    (0x0C, 'ô'),
    (0x0E, 'Á'),
    (0x0F, 'á'),
    (0x12, 'ª'),
    (0x13, 'Ç'),
    (0x14, 'À'),
    (0x15, '∞'),
    (0x16, '^'),
    (0x17, '\\'),
    (0x18, '€'),
    (0x19, 'Ó'),
    (0x1A, '|'),
    (0x1C, 'Â'),
    (0x1D, 'â'),
    (0x1E, 'Ê'),
    (0x24, 'º'),
    (0x40, 'Í'),
    (0x5B, 'Ã'),
    (0x5C, 'Õ'),
    (0x5D, 'Ú'),
    (0x60, '~'),
    (0x7B, 'ã'),
    (0x7C, 'õ'),
    (0x7D, '`'),
];

const TURKISH_SINGLE: [(u8, char); 7] =
    [(0x47, 'Ğ'), (0x49, 'İ'), (0x53, 'Ş'), (0x63, 'ç'), (0x67, 'ğ'), (0x69, 'ı'), (0x73, 'ş')];

const SPANISH_SINGLE: [(u8, char); 9] = [
    (0x09, 'ç'),
    (0x41, 'Á'),
    (0x49, 'Í'),
    (0x4F, 'Ó'),
    (0x55, 'Ú'),
    (0x61, 'á'),
    (0x69, 'í'),
    (0x6F, 'ó'),
    (0x75, 'ú'),
];

const PORTUGUESE_SINGLE: [(u8, char); 27] = [
    (0x05, 'ê'),
    (0x09, 'ç'),
    (0x0B, 'Ô'),
    (0x0C, 'ô'),
    (0x0E, 'Á'),
    (0x0F, 'á'),
    (0x12, 'Φ'),
    (0x13, 'Γ'),
    (0x15, 'Ω'),
    (0x16, 'Π'),
    (0x17, 'Ψ'),
    (0x18, 'Σ'),
    (0x19, 'Θ'),
    (0x1F, 'Ê'),
    (0x41, 'À'),
    (0x49, 'Í'),
    (0x4F, 'Ó'),
    (0x55, 'Ú'),
    (0x5B, 'Ã'),
    (0x5C, 'Õ'),
    (0x61, 'Â'),
    (0x69, 'í'),
    (0x6F, 'ó'),
    (0x75, 'ú'),
    (0x7B, 'ã'),
    (0x7C, 'õ'),
    (0x7F, 'â'),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole table as the specification prints it, a row of sixteen codes at a time; `·` where it has nothing.
    fn table(read: impl Fn(u8) -> Option<char>) -> String {
        let shown = |code| match read(code) {
            Some(control) if control.is_control() => '¶',
            Some(character) => character,
            None => '·',
        };
        (0..8_u8).map(|row| (0..16).map(|column| shown(row * 16 + column)).collect::<String>() + "\n").collect()
    }

    #[test]
    fn the_locking_tables_are_those_of_annex_a() {
        let turkish = Shifts { locking: Language::Turkish, ..Shifts::default() };
        let expected = "@£$¥€éùıòÇ¶Ğğ¶Åå\nΔ_ΦΓΛΩΠΨΣΘΞ·ŞşßÉ\n !\"#¤%&'()*+,-./\n0123456789:;<=>?\n\
                        İABCDEFGHIJKLMNO\nPQRSTUVWXYZÄÖÑÜ§\nçabcdefghijklmno\npqrstuvwxyzäöñüà\n";
        assert_eq!(table(|code| turkish.plain(code)), expected);
        let portuguese = Shifts { locking: Language::Portuguese, ..Shifts::default() };
        let expected = "@£$¥êéúíóç¶Ôô¶Áá\nΔ_ªÇÀ∞^\\€Ó|·ÂâÊÉ\n !\"#º%&'()*+,-./\n0123456789:;<=>?\n\
                        ÍABCDEFGHIJKLMNO\nPQRSTUVWXYZÃÕÚÜ§\n~abcdefghijklmno\npqrstuvwxyzãõ`üà\n";
        assert_eq!(table(|code| portuguese.plain(code)), expected);
        for language in [Language::Unshifted, Language::Spanish] {
            let shifts = Shifts { locking: language, ..Shifts::default() };
            assert_eq!(table(|code| shifts.plain(code)), table(gsm7::character));
        }
    }

    #[test]
    fn the_single_shift_tables_are_those_of_annex_a() {
        let own = |language: Language| table(|code| find(language.single(), code).or_else(|| gsm7::escaped(code)));
        let turkish = "··········¶·····\n····^···········\n········{}·····\\\n············[~]·\n\
                       |······Ğ·İ······\n···Ş············\n···ç·€·ğ·ı······\n···ş············\n";
        assert_eq!(own(Language::Turkish), turkish);
        let spanish = "·········ç¶·····\n····^···········\n········{}·····\\\n············[~]·\n\
                       |Á·······Í·····Ó\n·····Ú··········\n·á···€···í·····ó\n·····ú··········\n";
        assert_eq!(own(Language::Spanish), spanish);
        let portuguese = "·····ê···ç¶Ôô·Áá\n··ΦΓ^ΩΠΨΣΘ·····Ê\n········{}·····\\\n············[~]·\n\
                          |À·······Í·····Ó\n·····Ú·····ÃÕ···\n·Â···€···í·····ó\n·····ú·····ãõ··â\n";
        assert_eq!(own(Language::Portuguese), portuguese);
    }

    #[test]
    fn what_the_single_shift_lacks_reads_as_without_the_escape() {
        let shifts = Shifts { locking: Language::Turkish, single: Language::Spanish };
        assert_eq!(shifts.escaped(0x61), Some('á'));
        assert_eq!(shifts.escaped(0x60), Some('ç'), "from the locking table");
        assert_eq!(shifts.escaped(gsm7::ESCAPE), Some(' '));
        assert_eq!(shifts.escaped(0x80), None);
    }

    #[test]
    fn a_language_without_a_table_here_reads_as_the_default() {
        for identifier in [0, 4, 13, 255] {
            assert_eq!(Language::of(identifier), Language::Unshifted);
        }
    }
}
