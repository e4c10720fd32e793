//! What a carrier's refusal means: whether the text is worth another try, and whether we were too fast.

use super::frame::status;
use crate::domain::Retry;

/// What every refusal known by name means for another try. Whatever is not named is final, and shown to staff.
///
/// A carrier that answers `submit_sm` with an error does not have the text (SMPP 3.4 §4.4.2), so that trying again sends
/// nothing twice.
const TABLE: [Row; 22] = [
    row(status::RTHROTTLED, "RTHROTTLED", Retry::WhenReady),
    row(status::RMSGQFUL, "RMSGQFUL", Retry::WhenReady),
    // To the carrier we are not bound: the link binds anew.
    row(status::RINVBNDSTS, "RINVBNDSTS", Retry::WhenReady),
    row(status::RSYSERR, "RSYSERR", Retry::FewTimes),
    row(status::RX_T_APPN, "RX_T_APPN", Retry::FewTimes),
    row(status::RINVMSGLEN, "RINVMSGLEN", Retry::Never),
    row(status::RINVCMDLEN, "RINVCMDLEN", Retry::Never),
    row(status::RINVCMDID, "RINVCMDID", Retry::Never),
    row(status::RINVSRCADR, "RINVSRCADR", Retry::Never),
    row(status::RINVDSTADR, "RINVDSTADR", Retry::Never),
    row(0x43, "RINVESMCLASS", Retry::Never),
    row(0x45, "RSUBMITFAIL", Retry::Never),
    row(0x61, "RINVSCHED", Retry::Never),
    row(0x62, "RINVEXPIRY", Retry::Never),
    row(0x65, "RX_P_APPN", Retry::Never),
    row(0x66, "RX_R_APPN", Retry::Never),
    row(0xC0, "RINVOPTPARSTREAM", Retry::Never),
    row(0xC1, "ROPTPARNOTALLWD", Retry::Never),
    row(0xC2, "RINVPARLEN", Retry::Never),
    row(0xC3, "RMISSINGOPTPARAM", Retry::Never),
    row(0xC4, "RINVOPTPARAMVAL", Retry::Never),
    row(0xFF, "RUNKNOWNERR", Retry::Never),
];

/// What is too fast for a carrier, unless its profile says otherwise.
const THROTTLED_BY: [u32; 2] = [status::RMSGQFUL, status::RTHROTTLED];

/// Refusals that a profile may name in one list.
pub const OVERRIDES_MAX: usize = 64;

/// One refusal.
struct Row {
    command_status: u32,
    /// SMPP 3.4 §5.1.3, without its `ESME_`.
    name: &'static str,
    retry: Retry,
}

const fn row(command_status: u32, name: &'static str, retry: Retry) -> Row {
    Row { command_status, name, retry }
}

/// The name that SMPP gives a `command_status`, where it matters here.
pub fn name_of(command_status: u32) -> Option<&'static str> {
    TABLE.iter().find(|row| row.command_status == command_status).map(|row| row.name)
}

/// What the refusals of one carrier mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    /// Says that we are too fast. The text waits until the link is ready again.
    pub throttled_by: Vec<u32>,
    /// Where this carrier means something else than the table says, and what it calls an opt-out.
    pub overrides: Vec<(u32, Retry)>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { throttled_by: THROTTLED_BY.to_vec(), overrides: Vec::new() }
    }
}

impl Refusals {
    /// Whether the carrier says that we are too fast.
    pub fn throttles(&self, command_status: u32) -> bool {
        self.throttled_by.contains(&command_status)
    }

    /// What an error in `submit_sm_resp` means for another try.
    pub fn of_answer(&self, command_status: u32) -> Retry {
        self.known(command_status).unwrap_or(Retry::Never)
    }

    /// What a `generic_nack` means. The carrier could not read the text; what spoiled it may have been on the way, so it
    /// is worth a few tries whatever the table says.
    pub fn of_nack(&self, command_status: u32) -> Retry {
        match self.known(command_status) {
            Some(known @ (Retry::WhenReady | Retry::OptedOut)) => known,
            Some(Retry::FewTimes | Retry::Never) | None => Retry::FewTimes,
        }
    }

    fn known(&self, command_status: u32) -> Option<Retry> {
        if self.throttles(command_status) {
            return Some(Retry::WhenReady);
        }
        let overridden = self.overrides.iter().find(|(known, _)| *known == command_status).map(|(_, retry)| *retry);
        let in_table = || TABLE.iter().find(|row| row.command_status == command_status).map(|row| row.retry);
        overridden.or_else(in_table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table() {
        let table = [
            ("RTHROTTLED", 0x58, Retry::WhenReady),
            ("RMSGQFUL", 0x14, Retry::WhenReady),
            ("RINVBNDSTS", 0x04, Retry::WhenReady),
            ("RSYSERR", 0x08, Retry::FewTimes),
            ("RX_T_APPN", 0x64, Retry::FewTimes),
            ("RINVMSGLEN", 0x01, Retry::Never),
            ("RINVCMDLEN", 0x02, Retry::Never),
            ("RINVCMDID", 0x03, Retry::Never),
            ("RINVSRCADR", 0x0A, Retry::Never),
            ("RINVDSTADR", 0x0B, Retry::Never),
            ("RINVESMCLASS", 0x43, Retry::Never),
            ("RSUBMITFAIL", 0x45, Retry::Never),
            ("RINVSCHED", 0x61, Retry::Never),
            ("RINVEXPIRY", 0x62, Retry::Never),
            ("RX_P_APPN", 0x65, Retry::Never),
            ("RX_R_APPN", 0x66, Retry::Never),
            ("RINVOPTPARSTREAM", 0xC0, Retry::Never),
            ("ROPTPARNOTALLWD", 0xC1, Retry::Never),
            ("RINVPARLEN", 0xC2, Retry::Never),
            ("RMISSINGOPTPARAM", 0xC3, Retry::Never),
            ("RINVOPTPARAMVAL", 0xC4, Retry::Never),
            ("RUNKNOWNERR", 0xFF, Retry::Never),
        ];
        assert_eq!(table.len(), TABLE.len());
        for (name, command_status, retry) in table {
            assert_eq!(name_of(command_status), Some(name), "{command_status:#04x}");
            assert_eq!(Refusals::default().of_answer(command_status), retry, "{name}");
        }
    }

    #[test]
    fn what_nobody_knows_is_final() {
        for command_status in [0x2A, 0x59, 0x400, 0xFFFF_FFFF] {
            assert_eq!(Refusals::default().of_answer(command_status), Retry::Never, "{command_status:#x}");
            assert_eq!(name_of(command_status), None);
        }
    }

    #[test]
    fn a_nack_is_worth_a_few_tries_whatever_it_says() {
        for (command_status, retry) in
            [(0x58, Retry::WhenReady), (0x02, Retry::FewTimes), (0x08, Retry::FewTimes), (0x2A, Retry::FewTimes)]
        {
            assert_eq!(Refusals::default().of_nack(command_status), retry, "{command_status:#04x}");
        }
    }

    #[test]
    fn an_opt_out_is_one_by_its_profile_alone_in_whatever_answer() {
        let refusals = Refusals { overrides: vec![(0x413, Retry::OptedOut)], ..Refusals::default() };
        assert_eq!((refusals.of_answer(0x413), refusals.of_nack(0x413)), (Retry::OptedOut, Retry::OptedOut));
        for command_status in (0..=0xFFF).chain([u32::MAX]) {
            assert_ne!(Refusals::default().of_answer(command_status), Retry::OptedOut, "{command_status:#x}");
        }
    }

    #[test]
    fn a_profile_goes_ahead_of_the_table_and_what_throttles_ahead_of_both() {
        let refusals = Refusals {
            throttled_by: vec![0x58, 0x08],
            overrides: vec![(0x14, Retry::Never), (0x0B, Retry::FewTimes), (0x413, Retry::WhenReady)],
        };
        let cases = [
            (0x14, Retry::Never),
            (0x0B, Retry::FewTimes),
            (0x413, Retry::WhenReady),
            (0x08, Retry::WhenReady),
            (0x64, Retry::FewTimes),
        ];
        for (command_status, retry) in cases {
            assert_eq!(refusals.of_answer(command_status), retry, "{command_status:#04x}");
        }
        assert!(refusals.throttles(0x08) && !refusals.throttles(0x14));
    }
}
