//! What staff should know of an inbound text besides its words.

/// One thing to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It is part of a longer text of which the rest has not come, or not with it.
    Partial,
    /// Some of its characters could not be read, and are shown as U+FFFD.
    Replaced,
    /// The header that it said it has is none, and is shown with its words.
    OddHeader,
    /// It came with a second text in the same PDU, which is not shown.
    SecondText,
    /// It is no text: its words say how many bytes there were.
    Binary,
    /// It asked to be shown at once and not to be kept (message class 0), and opts nobody in.
    Flash,
}

impl Mark {
    pub const ALL: [Self; 6] =
        [Self::Partial, Self::Replaced, Self::OddHeader, Self::SecondText, Self::Binary, Self::Flash];

    /// Its name in the API and in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Replaced => "replaced",
            Self::OddHeader => "odd-header",
            Self::SecondText => "second-text",
            Self::Binary => "binary",
            Self::Flash => "flash",
        }
    }

    /// The mark of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.name() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Everything that there is to know: each once, and most texts have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks(u8);

impl Marks {
    pub const NONE: Self = Self(0);

    #[must_use]
    pub const fn with(self, mark: Mark) -> Self {
        Self(self.0 | mark.bit())
    }

    #[must_use]
    pub const fn without(self, mark: Mark) -> Self {
        Self(self.0 & !mark.bit())
    }

    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn contain(self, mark: Mark) -> bool {
        self.0 & mark.bit() != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(move |mark| self.contain(*mark))
    }
}

impl FromIterator<Mark> for Marks {
    fn from_iter<I: IntoIterator<Item = Mark>>(marks: I) -> Self {
        marks.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_known_by_its_name_and_counts_once() {
        for mark in Mark::ALL {
            assert_eq!(Mark::named(mark.name()), Some(mark));
            let marks: Marks = [mark, mark].into_iter().collect();
            assert_eq!(marks.iter().collect::<Vec<_>>(), [mark]);
            assert!(marks.without(mark).is_empty());
        }
        assert_eq!(Mark::ALL.into_iter().collect::<Marks>().iter().collect::<Vec<_>>(), Mark::ALL);
        assert_eq!(Mark::named("smudge"), None);
    }
}
