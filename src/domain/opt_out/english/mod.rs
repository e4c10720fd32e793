//! How patients ask in English, or half in English, for no more texts.

mod angry;
mod burden;
mod departed;
mod forbidding;
mod leaving;
mod otherwise;
mod perhaps;
mod refusing;
mod rest;
mod stopping;
mod stranger;
mod threats;

use super::Rule;

/// In the order in which they are asked.
pub(super) const RULES: &[&[Rule]] = &[
    stopping::RULES,
    leaving::RULES,
    otherwise::RULES,
    refusing::RULES,
    forbidding::RULES,
    threats::RULES,
    angry::RULES,
    stranger::RULES,
    burden::RULES,
    departed::RULES,
    perhaps::RULES,
    rest::RULES,
];
