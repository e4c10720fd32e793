//! How patients ask in English, or half in English, for no more texts.

mod angry;
mod burden;
mod core;
mod departed;
mod ending;
mod forbidding;
mod leaving;
mod mistaken;
mod objecting;
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
    core::RULES,
    ending::RULES,
    objecting::RULES,
    perhaps::RULES,
    mistaken::RULES,
    rest::RULES,
];
