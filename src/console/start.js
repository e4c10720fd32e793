// Starts the page: in the demo as whoever is chosen, else as whoever signs in.

import { Problem, Session, callJson } from "./api.js";
import { Console } from "./console.js";
import { $, setText } from "./dom.js";
import { forgetDrafts } from "./kept.js";

const SESSION = "/v1/session";
const ENDED = "assent.ended";

async function start() {
  const demo = await whatTheDemoSays();
  if (demo) startDemo(demo);
  else startSignedIn();
}

// Outside the demo the answer is null. No such file means the same, but leaves an error in the browser’s console.
async function whatTheDemoSays() {
  try {
    return await callJson("GET", "/demo.json");
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return null;
  }
}

// The demo stands in for Stride's backend: it has the practice's token and asks for a session for whoever is chosen. A demo
// that was started again has another token.
function startDemo({ practice, practice_token, staff, simulator }) {
  let practiceToken = practice_token;
  const sessions = `/v1/practices/${encodeURIComponent(practice.id)}/staff`;
  const sessionFor = async (id) => {
    const headers = { Authorization: `Bearer ${practiceToken}` };
    const { token } = await callJson("POST", `${sessions}/${encodeURIComponent(id)}/sessions`, { headers });
    return token;
  };
  const page = new Console({
    practice,
    people: staff,
    simulator,
    sessionOf: (id, onForbidden) => new Session({
      practice: practice.id,
      onForbidden,
      obtain: async () => {
        try {
          return await sessionFor(id);
        } catch (problem) {
          if (problem.status !== 401) throw problem;
          practiceToken = (await callJson("GET", "/demo.json")).practice_token;
          return sessionFor(id);
        }
      },
    }),
  });
  page.signIn(staff[0].id);
}

// The browser keeps the session in a cookie that no script can read: a page that is loaded again asks who is signed in.
async function startSignedIn() {
  const ended = sessionStorage.getItem(ENDED);
  sessionStorage.removeItem(ENDED);
  $("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    signInWith($("sign-in-token").value.trim());
  });
  $("sign-out").addEventListener("click", () => signOut());
  try {
    await show(await callJson("GET", SESSION));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    showSignIn(problem.status === 401 ? ended ?? "" : problem.message);
  }
}

async function signInWith(token) {
  if (!token) return showSignIn("Enter the token.");
  try {
    await callJson("POST", SESSION, { headers: { Authorization: `Bearer ${token}` } });
    await show(await callJson("GET", SESSION));
    $("sign-in-token").value = "";
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    showSignIn(problem.status === 401 ? "This token is not valid, or its time is over. Ask for a new one." : problem.message);
  }
}

async function show({ practice, staff, name }) {
  const isOver = () => end("Your session has ended. Sign in again: what you have written is kept.");
  const sessionOf = (_, onForbidden) => new Session({ practice, obtain: inCookie(isOver), onForbidden });
  const known = await sessionOf(staff).get("");
  $("sign-in").hidden = true;
  $("sign-out").hidden = false;
  $("staff").hidden = true;
  setText(document.querySelector("label[for=staff]"), `Signed in as ${name}`);
  new Console({ practice: known, people: [{ id: staff, name }], sessionOf }).signIn(staff);
}

// Nothing is to be shown beside the cookie. Whoever is asked for more than once has none any more.
function inCookie(isOver) {
  let isAsked = false;
  return async () => {
    if (isAsked) isOver();
    isAsked = true;
    return null;
  };
}

async function signOut() {
  forgetDrafts();
  try {
    await callJson("DELETE", SESSION);
  } catch (problem) {
    // A session that is over already needs no end.
    if (problem.status !== 401) {
      setText($("notice"), problem.message);
      $("notice").hidden = false;
      return;
    }
  }
  location.reload();
}

function end(why) {
  sessionStorage.setItem(ENDED, why);
  location.reload();
  throw new Problem({ status: 401, title: why });
}

function showSignIn(problem) {
  $("stride").hidden = true;
  $("sign-in").hidden = false;
  setText($("sign-in-problem"), problem);
  $("sign-in-token").focus();
}

start();
