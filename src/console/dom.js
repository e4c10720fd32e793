// Changes the page in place, so that nobody loses focus, selection or scroll position.

export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// Makes the children of `parent` be one node per item, in order. A node lives as long as its key.
export function patch(parent, items, { key, make, update }) {
  const nodes = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const wanted = new Set(items.map((item) => String(key(item))));
  for (const [name, node] of nodes) if (!wanted.has(name)) node.remove();

  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let node = nodes.get(name);
    if (!node) {
      node = make(item);
      node.dataset.key = name;
    }
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  // Moving a node takes the focus away from what is inside it.
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

// Whoever reads at the bottom goes on seeing the newest, however the content or the room for it changes. Whoever has
// scrolled up stays where they are. Gives back the way to the bottom.
export function holdBottom(scroller, content) {
  let isHeld = true;
  let [top, room] = [0, 0];
  const toBottom = () => {
    isHeld = true;
    scroller.scrollTop = scroller.scrollHeight;
  };
  scroller.addEventListener("scroll", () => {
    // A reader scrolls within a room that stays the same; hiding and showing a scroller moves it too.
    if (scroller.clientHeight !== room) return;
    const isAtBottom = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
    if (isAtBottom) isHeld = true;
    else if (scroller.scrollTop < top) isHeld = false;
    top = scroller.scrollTop;
  });
  const sizes = new ResizeObserver(() => {
    room = scroller.clientHeight;
    if (isHeld) toBottom();
  });
  sizes.observe(scroller);
  sizes.observe(content);
  return toBottom;
}

// Runs `change`, which makes the content grow at its top, and keeps what is read in its place.
export function keepPlaceBelow(scroller, change) {
  const fromBottom = scroller.scrollHeight - scroller.scrollTop;
  change();
  scroller.scrollTop = scroller.scrollHeight - fromBottom;
}

// Up and Down move between the buttons of a list, Home and End to its ends.
export function arrowKeys(list, { before = null } = {}) {
  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button.row-button")];
    const at = buttons.indexOf(document.activeElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) before?.focus();
    else buttons[Math.min(to, buttons.length - 1)].focus();
  });
}

export function announce(text) {
  const announcer = $("announcer");
  // The same words twice are two texts: an empty moment in between makes a screen reader say them again.
  announcer.textContent = "";
  requestAnimationFrame(() => { announcer.textContent = text; });
}
