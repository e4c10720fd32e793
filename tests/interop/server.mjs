// An SMPP server built on the npm package `smpp`: a stack that shares no line with ours.
// It prints what happens as JSON lines, and takes commands as JSON lines on standard input:
//   {"deliver": {"from": "1303…", "to": "1303…", "text": "YES"}}      a text from a phone; with "udh": [octets], a segment
//   {"enquire_link": true}                                            asks whether we are there
// Every submit_sm is answered at once and followed by a delivery receipt in text form. It ends with its standard input.

import readline from 'node:readline';
import smpp from 'smpp';

const say = (event) => console.log(JSON.stringify(event));

let bound = null;
let lastId = 0;

const server = smpp.createServer((session) => {
  session.on('error', (error) => say({ error: error.message }));
  session.on('close', () => say({ closed: true }));
  session.on('bind_transceiver', (pdu) => {
    session.send(pdu.response({ system_id: 'foreign' }));
    bound = session;
    say({ bound: pdu.system_id, version: pdu.interface_version });
  });
  session.on('enquire_link', (pdu) => {
    session.send(pdu.response());
    say({ enquired: true });
  });
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    session.close();
    say({ unbound: true });
  });
  session.on('submit_sm', (pdu) => {
    const id = `F${++lastId}`;
    session.send(pdu.response({ message_id: id }));
    say({
      submitted: pdu.short_message.message,
      from: [pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr],
      to: [pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr],
      udh: pdu.short_message.udh?.map((element) => [...element]) ?? null,
      esm_class: pdu.esm_class,
      data_coding: pdu.data_coding,
      registered_delivery: pdu.registered_delivery,
      // A date, if it was understood.
      valid_until: pdu.validity_period,
    });
    const receipt = `id:${id} sub:001 dlvrd:001 submit date:2603021500 done date:2603021500 stat:DELIVRD err:000 text:`;
    session.send(
      new smpp.PDU('deliver_sm', {
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: pdu.destination_addr,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: pdu.source_addr,
        esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
        short_message: receipt,
      }),
      (response) => say({ receipt_answered: id, command_status: response.command_status }),
    );
  });
});

const deliver = ({ from, to, text, udh }) => {
  const pdu = new smpp.PDU('deliver_sm', {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: from,
    destination_addr: to,
    short_message: udh ? { udh: Buffer.from(udh), message: text } : text,
  });
  bound.send(pdu, (response) => say({ answered: text, command_status: response.command_status }));
};

const commands = readline.createInterface({ input: process.stdin });
commands.on('line', (line) => {
  const command = JSON.parse(line);
  if (command.deliver) deliver(command.deliver);
  if (command.enquire_link) bound.enquire_link({}, (response) => say({ there: response.command_status === 0 }));
});
commands.on('close', () => process.exit());

server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
