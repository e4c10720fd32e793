// An SMPP server built on the npm package `smpp`: a stack that shares no line with ours.
// It prints what happens as JSON lines, and takes commands as JSON lines on standard input:
//   {"deliver": {"from": "1303…", "to": "1303…", "text": "YES"}}
// Every submit_sm is answered at once and followed by a delivery receipt.

import readline from 'node:readline';
import smpp from 'smpp';

const say = (event) => console.log(JSON.stringify(event));
const textOf = (pdu) => {
  const { message } = pdu.short_message ?? {};
  return typeof message === 'string' ? message : Buffer.from(message ?? []).toString('latin1');
};

let bound = null;
let lastId = 0;

const server = smpp.createServer((session) => {
  session.on('error', (error) => say({ error: error.message }));
  session.on('bind_transceiver', (pdu) => {
    session.send(pdu.response({ system_id: 'foreign' }));
    bound = session;
    say({ bound: pdu.system_id, version: pdu.interface_version });
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    session.close();
    say({ unbound: true });
  });
  session.on('submit_sm', (pdu) => {
    const id = `F${++lastId}`;
    session.send(pdu.response({ message_id: id }));
    const concatenated = (pdu.esm_class & smpp.ESM_CLASS.UDH_INDICATOR) !== 0;
    say({
      submitted: textOf(pdu),
      from: pdu.source_addr,
      to: pdu.destination_addr,
      udh: concatenated,
      registered_delivery: pdu.registered_delivery,
    });
    const receipt = `id:${id} sub:001 dlvrd:001 submit date:2603021500 done date:2603021500 stat:DELIVRD err:000 text:`;
    session.send(
      new smpp.PDU('deliver_sm', {
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
        short_message: receipt,
      }),
    );
  });
});

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { from, to, text } = JSON.parse(line).deliver;
  const pdu = new smpp.PDU('deliver_sm', {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: from,
    destination_addr: to,
    short_message: text,
  });
  bound.send(pdu, (response) => say({ answered: text, command_status: response.command_status }));
});

server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
