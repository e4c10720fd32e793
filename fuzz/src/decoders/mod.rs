//! What must hold of the decoders for any octets: one function for each fuzz target, all of them of public parts.

mod body;
mod frame;
mod reassembly;
mod receipt;
pub mod session;
mod text;

pub use body::{COMMANDS, body};
pub use frame::frame;
pub use reassembly::reassembly;
pub use receipt::receipt;
pub use text::text;

use assent::carrier::frame::{Frame, Framer, HEADER_OCTETS};

const DELIVER_SM: u32 = 0x05;

/// A sequence number that nothing here is counted with.
const SEQUENCE: u32 = 0x7AB_CDEF;

/// A PDU with this body.
pub fn pdu(command_id: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_OCTETS + body.len()).expect("a body is below 4 GiB");
    let header = [length, command_id, 0, SEQUENCE].map(u32::to_be_bytes);
    [header.as_flattened(), body].concat()
}

/// The frame that these octets are, if they are one.
fn only_frame(octets: &[u8]) -> Option<Frame> {
    let mut framer = Framer::default();
    framer.push(octets);
    let frame = framer.next_frame().ok().flatten()?;
    (!framer.is_amid_frame()).then_some(frame)
}
