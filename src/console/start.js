// Starts the page: in the demo as whoever is chosen, else as whoever signs in.

import { Problem, Session, callJson } from "./api.js";
import { Console } from "./console.js";
import { $, setText } from "./dom.js";
import { forgetDrafts } from "./kept.js";

const KEPT = "assent.sign-in";
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

function startSignedIn() {
  const kept = sessionStorage.getItem(KEPT);
  const ended = sessionStorage.getItem(ENDED);
  sessionStorage.removeItem(ENDED);
  if (kept) signInWith(JSON.parse(kept));
  else showSignIn(ended ?? "");
  $("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    signInWith({ practice: $("sign-in-practice").value.trim(), token: $("sign-in-token").value.trim() });
  });
  $("sign-out").addEventListener("click", () => {
    sessionStorage.removeItem(KEPT);
    forgetDrafts();
    location.reload();
  });
}

async function signInWith({ practice, token }) {
  if (!practice || !token) return showSignIn("Enter the practice and the token.");
  try {
    const known = await practiceOf(new Session({ practice, obtain: async () => token }), practice);
    sessionStorage.setItem(KEPT, JSON.stringify({ practice, token }));
    $("sign-in").hidden = true;
    $("sign-out").hidden = false;
    $("staff").hidden = true;
    document.querySelector("label[for=staff]").hidden = true;
    const tokens = [token];
    const obtain = async () => tokens.pop() ?? signOut("Your session has ended. Sign in again.");
    const page = new Console({
      practice: known,
      people: [],
      sessionOf: (_, onForbidden) => new Session({ practice, obtain, onForbidden }),
    });
    page.signIn(null);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sessionStorage.removeItem(KEPT);
    showSignIn(problem.message);
  }
}

async function practiceOf(session, id) {
  try {
    return await session.get("");
  } catch (problem) {
    // Not everyone may read the practice's own record; its id will do as a name.
    if (problem.status !== 403) throw problem;
    return { id, name: id, number: "" };
  }
}

function signOut(why) {
  sessionStorage.removeItem(KEPT);
  sessionStorage.setItem(ENDED, why);
  location.reload();
  throw new Problem({ status: 401, title: why });
}

function showSignIn(problem) {
  $("stride").hidden = true;
  $("sign-in").hidden = false;
  setText($("sign-in-problem"), problem);
  $("sign-in-practice").focus();
}

start();
