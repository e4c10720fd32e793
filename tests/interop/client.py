"""An SMPP client built on the package smpplib: a stack that shares no line with ours.

It takes commands as JSON lines on standard input, and prints what happens as JSON lines:
  {"bind": "transceiver", "password": "…"}                 or "transmitter", "receiver"
  {"send": "…", "from": "1303…", "to": "1303…"}            a text; "by": "header" (unless said otherwise), "sar" or "payload";
                                                           "encoding": 0 (unless said otherwise), 3 or 8
  {"enquire_link": true}, {"unbind": true}
It ends with its standard input.
"""

import json
import os
import select
import sys

from smpplib import consts, exceptions, gsm, smpp
from smpplib.client import Client


def say(**event):
    print(json.dumps(event), flush=True)


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def words(octets, data_coding):
    """By its own table, in which an escape and a letter are one."""
    if data_coding == consts.SMPP_ENCODING_ISO10646:
        return octets.decode("utf-16-be", "surrogatepass")
    if data_coding == consts.SMPP_ENCODING_ISO88591:
        return octets.decode("iso-8859-1")
    read, escaped = "", 0
    for octet in octets:
        if octet == 0x1B and not escaped:
            escaped = 0x80
            continue
        read += gsm.GSM_CHARACTER_TABLE[escaped + octet]
        escaped = 0
    return read


def delivered(pdu):
    if pdu.command == "alert_notification":
        return say(alert=text(pdu.source_addr), to=text(pdu.esme_addr))
    octets = getattr(pdu, "message_payload", None) or pdu.short_message or b""
    part = None
    if pdu.esm_class & consts.SMPP_GSMFEAT_UDHI:
        header, octets = octets[: octets[0] + 1], octets[octets[0] + 1 :]
        part = [int.from_bytes(header[3:-2], "big"), header[-2], header[-1]]
    elif getattr(pdu, "sar_total_segments", None):
        part = [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum]
    say(
        delivered=words(octets, pdu.data_coding),
        part=part,
        payload=bool(getattr(pdu, "message_payload", None)),
        source=text(pdu.source_addr),
        destination=text(pdu.destination_addr),
        esm_class=pdu.esm_class,
        data_coding=pdu.data_coding,
        receipted=text(getattr(pdu, "receipted_message_id", None)),
        state=getattr(pdu, "message_state", None),
        reference=getattr(pdu, "user_message_reference", None),
    )


def send(client, command):
    by = command.get("by", "header")
    parts, encoding, esm_class = gsm.make_parts(
        command["send"], command.get("encoding", consts.SMPP_ENCODING_DEFAULT), use_udhi=by == "header"
    )
    common = dict(
        source_addr_ton=consts.SMPP_TON_INTL,
        source_addr_npi=consts.SMPP_NPI_ISDN,
        source_addr=command["from"],
        dest_addr_ton=consts.SMPP_TON_INTL,
        dest_addr_npi=consts.SMPP_NPI_ISDN,
        destination_addr=command["to"],
        esm_class=esm_class,
        data_coding=encoding,
        registered_delivery=True,
        user_message_reference=command.get("reference"),
    )
    if by == "payload":
        return client.send_message(message_payload=b"".join(parts), **common)
    for number, part in enumerate(parts, start=1):
        sar = {}
        if by == "sar" and len(parts) > 1:
            sar = dict(sar_msg_ref_num=7, sar_total_segments=len(parts), sar_segment_seqnum=number)
        client.send_message(short_message=part, **sar, **common)


def do(client, command):
    if "bind" in command:
        bind = getattr(client, "bind_" + command["bind"])
        try:
            answer = bind(system_id="smpplib", password=command.get("password", ""))
            say(bound=command["bind"], carrier=text(answer.system_id), version=answer.sc_interface_version)
        except exceptions.PDUError as error:
            say(refused=error.args[1])
    elif "send" in command:
        send(client, command)
    elif "enquire_link" in command:
        enquiry = smpp.make_pdu("enquire_link", client=client)
        client.send_pdu(enquiry)
        say(there=client.read_pdu().sequence == enquiry.sequence)
    elif "unbind" in command:
        say(unbound=client.unbind().command)


client = Client("127.0.0.1", sys.argv[1], timeout=20, allow_unknown_opt_params=False)
client.set_message_received_handler(lambda pdu: delivered(pdu))
# It calls this for refusals as well.
client.set_message_sent_handler(lambda pdu: pdu.is_error() or say(taken=text(pdu.message_id)))
client.set_error_pdu_handler(lambda pdu: say(error=pdu.status, command=pdu.command))
client.connect()
say(connected=True)

unread = b""
while True:
    readable, _, _ = select.select([client._socket, sys.stdin], [], [])
    if client._socket in readable:
        try:
            client.read_once(auto_send_enquire_link=False)
        except exceptions.ConnectionError:
            say(closed=True)
            break
    if sys.stdin in readable:
        octets = os.read(sys.stdin.fileno(), 65536)
        if not octets:
            break
        *lines, unread = (unread + octets).split(b"\n")
        for line in lines:
            do(client, json.loads(line))
client.disconnect()
