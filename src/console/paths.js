// Where the API has what is open.

export function patientPath({ id }) {
  return `/patients/${encodeURIComponent(id)}`;
}

export function conversationPath({ phone }) {
  return `/conversations/${encodeURIComponent(phone)}`;
}

// A patient's thread is there before anything was said; that of any other number only then.
export function messagesPath(open) {
  const isTheirs = open.patient && open.phone === open.patient.mobile_phone;
  return `${isTheirs ? patientPath(open.patient) : conversationPath(open)}/messages`;
}
