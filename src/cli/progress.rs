//! Shows how far long work is: a bar on a terminal, a line now and then elsewhere. Always on standard error.

use std::io::IsTerminal;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

/// How often it is said where there is no terminal, in percent.
const PERCENT_PER_LINE: u64 = 5;

#[derive(Default)]
pub struct Progress {
    phase: Option<(&'static str, ProgressBar)>,
    /// In percent.
    said: u64,
}

impl Progress {
    /// So much of the work of this name is done.
    pub fn step(&mut self, name: &'static str, done: u64, total: u64) {
        if self.phase.as_ref().is_none_or(|(phase, _)| *phase != name) {
            self.finish();
            self.phase = Some((name, bar(name, total)));
            self.said = 0;
        }
        if let Some((_, bar)) = &self.phase {
            bar.set_length(total);
            bar.set_position(done);
        }
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        if !std::io::stderr().is_terminal() && percent >= self.said + PERCENT_PER_LINE {
            self.said = percent - percent % PERCENT_PER_LINE;
            eprintln!("{name} {} % of {}", self.said, HumanCount(total));
        }
    }

    pub fn finish(&mut self) {
        if let Some((_, bar)) = self.phase.take() {
            bar.finish_and_clear();
        }
    }
}

/// A bar that is drawn to standard error, and nowhere if that is no terminal.
fn bar(name: &'static str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>8} [{bar:40}] {human_pos} of {human_len}, {eta} left");
    let style = style.expect("the template is well formed").progress_chars("=> ");
    ProgressBar::new(total).with_style(style).with_message(name)
}
