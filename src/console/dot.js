// The red dot, and what it says in words: over the PRM, in the title of the browser's tab and in its icon.

import { $, setAttribute } from "./dom.js";
import { unreadWords } from "./words.js";

const ICON = "/console/icon.svg";
const ICON_UNREAD = "/console/icon-unread.svg";

export function showUnread({ red_dot: isLit, messages }) {
  const words = unreadWords(messages);
  showDot("tab-prm", isLit, `PRM, ${words}`);
  showDot("view-stride", isLit, `Stride, ${words}`);
  document.title = isLit ? `(${messages}) ${words} · Stride` : "Stride";
  setAttribute($("tab-icon"), "href", isLit ? ICON_UNREAD : ICON);
}

// A red dot says nothing to a screen reader: the button's name says it in words.
export function showDot(button, isShown, name) {
  $(button).querySelector(".red-dot").hidden = !isShown;
  setAttribute($(button), "aria-label", isShown ? name : null);
}
