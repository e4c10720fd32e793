// Which conversations the inbox shows: how each choice is asked for, and how it is told of a row that changed meanwhile.

export const FILTERS = [
  { id: "open", name: "Open", query: "closed=false", matches: (row) => !row.closed },
  { id: "unread", name: "Unread", query: "filter=unread", matches: (row) => row.unread > 0 },
  { id: "waiting", name: "Waiting for an answer", query: "filter=waiting", matches: (row) => Boolean(row.waiting_since) },
  { id: "undeliverable", name: "Not delivered", query: "filter=undeliverable", matches: (row) => row.undeliverable },
  { id: "held", name: "May want no more texts", query: "filter=held", matches: (row) => Boolean(row.consent?.hold) },
  { id: "unknown", name: "Unknown numbers", query: "filter=unknown", matches: (row) => row.patients.length === 0 },
  { id: "mine", name: "Assigned to me", query: "assigned=me&closed=false", matches: (row, me) => row.assigned_to !== null && row.assigned_to === me && !row.closed },
  { id: "nobody", name: "Assigned to nobody", query: "assigned=nobody&closed=false", matches: (row) => !row.assigned_to && !row.closed },
  { id: "closed", name: "Closed", query: "closed=true", matches: (row) => row.closed },
];

export function filterOf(id) {
  return FILTERS.find((filter) => filter.id === id) ?? tagFilter(id.replace(/^tag:/, ""));
}

export function tagFilter(tag) {
  return { id: `tag:${tag}`, name: `Tag: ${tag}`, query: `tag=${encodeURIComponent(tag)}`, matches: (row) => row.tags?.includes(tag) };
}
