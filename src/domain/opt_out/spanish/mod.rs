//! How patients ask in Spanish, or half in Spanish, for no more texts. The words are as they are compared, without accents.

mod angry;
mod burden;
mod departed;
mod ending;
mod leaving;
mod otherwise;
mod perhaps;
mod refusing;
mod rest;
mod stranger;

use super::Rule;

/// In the order in which they are asked.
pub(super) const RULES: &[&[Rule]] = &[
    refusing::RULES,
    angry::RULES,
    leaving::RULES,
    stranger::RULES,
    otherwise::RULES,
    burden::RULES,
    departed::RULES,
    ending::RULES,
    perhaps::RULES,
    rest::RULES,
];
