// The console: which part is open, who is logged in, and the figures that are asked for each second.

import * as clients from "./clients.js";
import * as ensemble from "./ensemble.js";
import * as log from "./log.js";
import { ask, login, repeatedly, setLogin } from "./page.js";
import * as server from "./server.js";
import * as stages from "./stages.js";
import * as tree from "./tree.js";

const PARTS = {
  server: server.open,
  ensemble: ensemble.open,
  stages: stages.open,
  tree: tree.open,
  sessions: clients.openSessions,
  watches: clients.openWatches,
  log: log.open,
};

const main = document.getElementById("main");
const state = document.getElementById("state");
const trouble = document.getElementById("trouble");
let close = () => {};

function route() {
  const [, name, argument] = /^#?([a-z]*)(?:=(.*))?$/.exec(location.hash) ?? [];
  // A link to the content itself opens nothing.
  if (name === "main") return;
  const part = Object.hasOwn(PARTS, name) ? name : "server";
  close();
  main.replaceChildren();
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === `#${part}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  close = PARTS[part](main, unescaped(argument ?? ""));
}

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

// A text that stays is not said again by whoever reads the page aloud.
function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

async function figures() {
  try {
    const told = await ask("figures");
    server.take(told);
    say(state, told.state || "serves no clients");
    state.classList.toggle("bad", !told.serves);
    trouble.hidden = true;
  } catch (error) {
    server.miss();
    say(state, "not known");
    state.classList.add("bad");
    say(trouble, error.message);
    trouble.hidden = false;
  }
  server.draw();
}

async function showVisitor() {
  const said = document.getElementById("visitor");
  const logout = document.getElementById("logout");
  logout.hidden = login() === null;
  try {
    const { ids } = await ask("visitor");
    said.textContent = login() === null ? `Not logged in (${ids.join(", ")})` : `Logged in (${ids.join(", ")})`;
  } catch (error) {
    said.textContent = `Not known: ${error.message}`;
  }
}

document.querySelector("#login form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  setLogin(`${form.elements.user.value}:${form.elements.password.value}`);
  form.reset();
  document.getElementById("login").open = false;
  showVisitor();
  route();
});

document.getElementById("logout").addEventListener("click", () => {
  setLogin(null);
  showVisitor();
  route();
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

window.addEventListener("hashchange", route);
route();
showVisitor();
repeatedly(1000, figures);
