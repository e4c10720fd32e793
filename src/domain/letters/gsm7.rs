//! The GSM 7-bit default alphabet with its extension table (3GPP TS 23.038 §6.2.1), a septet in each octet.

/// The position of each character of the GSM default alphabet is its code; 0x1B is the escape.
const ALPHABET: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω',
    'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+',
    ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', '¡', 'A', 'B',
    'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y',
    'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p',
    'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// Characters that are written as the escape and one more code.
pub const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The code that announces a character of the extension table.
pub const ESCAPE: u8 = 0x1B;

/// The character that a GSM code stands for; `None` for the escape and above 127.
pub fn character(code: u8) -> Option<char> {
    ALPHABET.get(usize::from(code)).copied().filter(|_| code != ESCAPE)
}

/// The character that a code stands for after an escape.
pub fn escaped(code: u8) -> Option<char> {
    EXTENSION.iter().find(|(known, _)| *known == code).map(|(_, character)| *character)
}

/// The codes of the characters below U+0080, which most texts are made of; [`NONE`] where there is no single one.
const OF_ASCII: [u8; 128] = {
    let mut codes = [NONE; 128];
    let mut code = 0;
    while code < ALPHABET.len() {
        if ALPHABET[code].is_ascii() && code != ESCAPE as usize {
            codes[ALPHABET[code] as usize] = code as u8;
        }
        code += 1;
    }
    codes
};
const NONE: u8 = 0xFF;

/// The codes of a character, one septet in each octet; `None` when the alphabet lacks it.
pub fn codes(character: char) -> Option<([u8; 2], usize)> {
    let code = match OF_ASCII.get(character as usize) {
        Some(&NONE) => None,
        Some(code) => Some(*code),
        None => (0..).zip(ALPHABET).find(|(_, known)| *known == character).map(|(code, _)| code),
    };
    if let Some(code) = code {
        return Some(([code, 0], 1));
    }
    let (code, _) = EXTENSION.iter().find(|(_, known)| *known == character)?;
    Some(([ESCAPE, *code], 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_and_its_inverse_agree() {
        for code in 0..128u8 {
            let Some(character) = self::character(code) else { continue };
            assert_eq!(codes(character), Some(([code, 0], 1)));
        }
        for (code, character) in EXTENSION {
            assert_eq!(escaped(code), Some(character));
        }
        assert_eq!(character(ESCAPE), None);
        assert_eq!(character(0x80), None);
    }
}
