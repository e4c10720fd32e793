//! Binds, whoever asks for them: of which kind, with what, and what each lets either side do.

use smpp::pdus::{
    BindReceiver, BindReceiverResp, BindTransceiver, BindTransceiverResp, BindTransmitter, BindTransmitterResp,
};
use smpp::types::COctetString;
use smpp::values::InterfaceVersion;
use smpp::{CommandId, Pdu};

/// What whoever asks for the bind may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindKind {
    /// Submit, and be delivered to (SMPP 3.4 §4.1.5).
    Transceiver,
    /// Submit only (§4.1.1).
    Transmitter,
    /// Be delivered to only (§4.1.3).
    Receiver,
}

/// Which end of a bind is ours. It decides what our texts are written as, and what those of the carrier come as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We asked for it: `submit_sm` leaves, `deliver_sm` comes.
    Esme,
    /// The carrier asked for it: `deliver_sm` leaves, `submit_sm` comes.
    Smsc,
}

/// What of a link one bind is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Both,
    /// Our texts leave by it.
    Sends,
    /// The carrier's come by it.
    Receives,
}

/// What a bind is asked for with.
#[derive(Clone, Default)]
pub struct Account {
    pub system_id: COctetString<1, 16>,
    pub password: COctetString<1, 9>,
    pub system_type: COctetString<1, 13>,
}

/// How a session comes to its bind.
#[derive(Clone)]
pub enum Opening {
    /// We ask the carrier for one.
    Ask { kind: BindKind, account: Account },
    /// The carrier asked for one with this sequence number, and has it. It is told our name.
    Grant { kind: BindKind, sequence: u32, system_id: COctetString<1, 16> },
}

impl BindKind {
    /// What a PDU asks for, if it asks for a bind.
    pub fn asked_by(id: CommandId) -> Option<Self> {
        match id {
            CommandId::BindTransceiver => Some(Self::Transceiver),
            CommandId::BindTransmitter => Some(Self::Transmitter),
            CommandId::BindReceiver => Some(Self::Receiver),
            _ => None,
        }
    }

    /// What a PDU answers, if it answers one who asked for a bind.
    pub fn answered_by(id: CommandId) -> Option<Self> {
        match id {
            CommandId::BindTransceiverResp => Some(Self::Transceiver),
            CommandId::BindTransmitterResp => Some(Self::Transmitter),
            CommandId::BindReceiverResp => Some(Self::Receiver),
            _ => None,
        }
    }

    /// What asks for it.
    pub fn request(self, account: Account) -> Pdu {
        let Account { system_id, password, system_type } = account;
        let version = InterfaceVersion::Smpp3_4;
        macro_rules! request {
            ($bind:ident) => {
                $bind::builder()
                    .system_id(system_id)
                    .password(password)
                    .system_type(system_type)
                    .interface_version(version)
                    .build()
                    .into()
            };
        }
        match self {
            Self::Transceiver => request!(BindTransceiver),
            Self::Transmitter => request!(BindTransmitter),
            Self::Receiver => request!(BindReceiver),
        }
    }

    /// What grants it, in our name. Without the version, the carrier would have to take us for one that knows no optional
    /// parameters, and leave our reference out of its receipts (SMPP 3.4 §5.3.2.25).
    pub fn granted(self, system_id: COctetString<1, 16>) -> Pdu {
        let version = Some(InterfaceVersion::Smpp3_4);
        match self {
            Self::Transceiver => BindTransceiverResp::new(system_id, version).into(),
            Self::Transmitter => BindTransmitterResp::new(system_id, version).into(),
            Self::Receiver => BindReceiverResp::new(system_id, version).into(),
        }
    }

    /// What refuses it.
    pub fn refused(self) -> Pdu {
        match self {
            Self::Transceiver => BindTransceiverResp::default().into(),
            Self::Transmitter => BindTransmitterResp::default().into(),
            Self::Receiver => BindReceiverResp::default().into(),
        }
    }

    /// What it is of a link of ours, on this side of it.
    pub fn half(self, side: Side) -> Half {
        match (self, side) {
            (Self::Transceiver, _) => Half::Both,
            (Self::Transmitter, Side::Esme) | (Self::Receiver, Side::Smsc) => Half::Sends,
            (Self::Receiver, Side::Esme) | (Self::Transmitter, Side::Smsc) => Half::Receives,
        }
    }
}

impl Half {
    pub fn sends(self) -> bool {
        match self {
            Self::Both | Self::Sends => true,
            Self::Receives => false,
        }
    }

    pub fn receives(self) -> bool {
        match self {
            Self::Both | Self::Receives => true,
            Self::Sends => false,
        }
    }
}

impl Opening {
    pub fn side(&self) -> Side {
        match self {
            Self::Ask { .. } => Side::Esme,
            Self::Grant { .. } => Side::Smsc,
        }
    }

    pub fn half(&self) -> Half {
        match self {
            Self::Ask { kind, .. } | Self::Grant { kind, .. } => kind.half(self.side()),
        }
    }
}
