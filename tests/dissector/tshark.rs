//! What Wireshark makes of a tape: each PDU with the fields that it found there, and everything that it complained of.

use std::collections::BTreeMap;
use std::process::Command;

use assent::carrier::frame::Framer;
use serde_json::{Map, Value};

use crate::capture::{PORT, Tape, Way};

/// From this severity on it means what it says: below are notes about TCP.
const WARNING: u64 = 0x0060_0000;

/// One PDU as Wireshark sees it.
#[derive(Debug)]
pub struct Pdu {
    pub connection: u16,
    pub way: Way,
    /// By their names in Wireshark, each with all its values, in their order.
    fields: BTreeMap<String, Vec<String>>,
}

/// Has a tape read. Every PDU that we can count must be there, whole and without a complaint.
#[track_caller]
pub fn dissect(tape: &Tape) -> Vec<Pdu> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tape.pcap");
    tape.write(&file);
    let mut tshark = Command::new("tshark");
    tshark.arg("-n").arg("-r").arg(&file).args(["-d", &format!("tcp.port=={PORT},smpp")]);
    tshark.args(["-o", "smpp.decode_sms_over_smpp:GSM 7-bit", "-T", "json", "--no-duplicate-keys"]);
    // Neither settings nor plugins of whoever runs the tests.
    tshark.env("HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path()).env("TZ", "UTC");
    let read = tshark.output().expect("tshark can't be run: run tests/run, which installs it");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    // It writes a surrogate pair of UCS-2 as two characters, which UTF-8 does not have.
    let packets: Vec<Value> = serde_json::from_str(&String::from_utf8_lossy(&read.stdout)).unwrap();

    let complaints: Vec<String> = packets.iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let pdus: Vec<Pdu> = packets.iter().flat_map(|packet| pdus(&packet["_source"]["layers"])).collect();
    for connection in tape.connections() {
        for way in [Way::ToServer, Way::ToClient] {
            let seen = pdus.iter().filter(|pdu| (pdu.connection, pdu.way) == (connection, way));
            let seen: Vec<u32> = seen.map(|pdu| pdu.number("smpp.command_id")).collect();
            assert_eq!(seen, commands(&tape.said(connection, way)), "{way:?} over connection {connection}");
        }
    }
    pdus
}

/// The `command_id` of every PDU, by our own framing.
fn commands(octets: &[u8]) -> Vec<u32> {
    let mut framer = Framer::default();
    framer.push(octets);
    let commands = std::iter::from_fn(|| framer.next_frame().unwrap()).map(|frame| frame.id().into()).collect();
    assert!(!framer.is_amid_frame(), "a PDU was cut off");
    commands
}

/// What is wrong with a packet, if anything is.
fn complaint(packet: &Value) -> Option<String> {
    let mut fields = BTreeMap::new();
    gather(packet, &mut fields);
    let severities = fields.get("_ws.expert.severity").into_iter().flatten();
    let is_severe = severities.filter_map(|severity| number(severity)).any(|severity| severity >= WARNING);
    let is_broken = |name: &String| name.starts_with("_ws.malformed") || name.starts_with("_ws.unreassembled");
    (is_severe || fields.keys().any(is_broken)).then(|| format!("{:#}", packet["_source"]["layers"]))
}

/// The PDUs of a packet. Their user data headers stand beside them, in the same order.
fn pdus(layers: &Value) -> Vec<Pdu> {
    let mut headers = each(&layers["gsm_sms_ud"]).into_iter();
    let of_tcp = |field: &str| layers["tcp"][field].as_str().and_then(|number| number.parse::<u16>().ok());
    let way = if of_tcp("tcp.dstport") == Some(PORT) { Way::ToServer } else { Way::ToClient };
    let connection = of_tcp("tcp.stream");
    let pdu = |layer: &Value| {
        let mut fields = BTreeMap::new();
        gather(layer, &mut fields);
        let mut pdu = Pdu { connection: connection.unwrap(), way, fields };
        if pdu.has_header() {
            gather(headers.next().expect("a header was read"), &mut pdu.fields);
        }
        pdu
    };
    each(&layers["smpp"]).into_iter().map(pdu).collect()
}

/// One thing stands alone, several stand in a list, and none is null.
fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    }
}

/// The fields below, whatever tree they hang on.
fn gather(value: &Value, fields: &mut BTreeMap<String, Vec<String>>) {
    let mut gather_below = |below: &Map<String, Value>| {
        for (name, value) in below {
            for one in each(value) {
                match one {
                    Value::String(text) => fields.entry(name.clone()).or_default().push(text.clone()),
                    tree => {
                        fields.entry(name.clone()).or_default();
                        gather(tree, fields);
                    }
                }
            }
        }
    };
    if let Value::Object(below) = value {
        gather_below(below);
    }
}

impl Pdu {
    pub fn is(&self, command: u32, way: Way) -> bool {
        (self.number("smpp.command_id"), self.way) == (command, way)
    }

    /// The value of a field that stands once, as it is shown.
    pub fn shown(&self, field: &str) -> Option<&str> {
        match self.fields.get(field).map(Vec::as_slice) {
            None => None,
            Some([one]) => Some(one),
            Some(several) => panic!("{field} is there {} times", several.len()),
        }
    }

    #[track_caller]
    pub fn number(&self, field: &str) -> u32 {
        self.number_if_any(field).unwrap_or_else(|| panic!("no {field} in {:#?}", self.fields))
    }

    pub fn number_if_any(&self, field: &str) -> Option<u32> {
        let shown = self.shown(field)?;
        let number = number(shown).unwrap_or_else(|| panic!("{field} is {shown:?}"));
        Some(u32::try_from(number).unwrap())
    }

    /// The fields of these names, as numbers.
    #[track_caller]
    pub fn numbers<const COUNT: usize>(&self, fields: [&str; COUNT]) -> [u32; COUNT] {
        fields.map(|field| self.number(field))
    }

    pub fn octets(&self, field: &str) -> Option<Vec<u8>> {
        let octets = self.shown(field)?.split(':').filter(|octet| !octet.is_empty());
        Some(octets.map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect())
    }

    /// `esm_class`: a user data header is in front of the words (SMPP 3.4 §5.2.12).
    fn has_header(&self) -> bool {
        self.number_if_any("smpp.esm.submit.features").is_some_and(|features| features & 1 != 0)
    }

    /// The words, without the header. What is in UCS-2 is put together from its octets.
    pub fn words(&self) -> String {
        if self.number_if_any("smpp.data_coding") != Some(8) {
            return self.shown("smpp.message_text").unwrap_or_default().to_owned();
        }
        let octets = self.octets("smpp.message_payload").or_else(|| self.octets("smpp.message")).unwrap();
        let header = if self.has_header() { 1 + usize::from(octets[0]) } else { 0 };
        let (units, []) = octets[header..].as_chunks::<2>() else { panic!("half a character") };
        String::from_utf16(&units.iter().map(|unit| u16::from_be_bytes(*unit)).collect::<Vec<_>>()).unwrap()
    }
}

/// As it writes numbers: "52", "0x34".
fn number(shown: &str) -> Option<u64> {
    match shown.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => shown.parse().ok(),
    }
}
