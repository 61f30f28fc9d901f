// The tree: the children of a znode a page at a time, a search, and what a znode holds.

import { changing } from "./changes.js";
import { ask, bytes, button, element, facts, login, number, table, trouble } from "./page.js";

// Of data that is not text no more is written as hex at first, bytes.
const HEX_MAX = 4096;
const ENTRY_PERMISSIONS = [[1, "READ"], [2, "WRITE"], [4, "CREATE"], [8, "DELETE"], [16, "ADMIN"]];

export function open(main, argument) {
  const place = element("div", { class: "two" });
  const found = element("section", { "aria-label": "Found paths", "aria-live": "polite" });
  main.append(element("h2", {}, "The tree"), searchForm(found), found, place);
  show(place, argument || "/");
  return () => {};
}

export function link(path) {
  return element("a", { href: `#tree=${encodeURIComponent(path)}` }, path);
}

function searchForm(found) {
  const text = element("input", { type: "search", name: "text", maxlength: "300", required: true });
  const submit = (event) => {
    event.preventDefault();
    const state = { text: text.value, from: null, paths: [], looked: 0 };
    found.replaceChildren(element("p", { class: "faint" }, "Looking."));
    goOn(found, state);
  };
  return element("form", { submit, role: "search" }, element("label", {}, "A part of a path", text), element("button", { type: "submit" }, "Search"));
}

async function goOn(found, state) {
  try {
    const told = await ask("search", { text: state.text, from: state.from });
    state.paths = told.paths;
    state.looked += told.looked_at;
    state.from = told.next;
    const where = `looked at ${number(Math.min(state.looked, told.of))} of ${number(told.of)} znodes`;
    const said = state.paths.length === 0 ? "No path has it here" : `${number(state.paths.length)} paths`;
    const end = state.from === null ? "That was all." : "";
    const more = state.from === null ? null : button("Look further", () => goOn(found, state));
    const list = element("ul", {}, ...state.paths.map((path) => element("li", {}, link(path))));
    found.replaceChildren(element("p", { class: "faint" }, `${said}; ${where}. ${end}`), list, more ?? "");
  } catch (error) {
    found.replaceChildren(trouble(error));
  }
}

function show(place, path) {
  const children = element("section", { class: "card", "aria-label": "Children" });
  const znode = element("section", { class: "card", "aria-label": "Znode" });
  place.replaceChildren(children, znode);
  const done = (next) => {
    if (next === path) show(place, path);
    else location.hash = `#tree=${encodeURIComponent(next)}`;
  };
  listChildren(children, path, "", [null]);
  showZnode(znode, path, done);
}

function parents(path) {
  const names = path === "/" ? [] : path.slice(1).split("/");
  const links = names.map((name, depth) => {
    const at = `/${names.slice(0, depth + 1).join("/")}`;
    return element("a", { href: `#tree=${encodeURIComponent(at)}` }, name);
  });
  const root = element("a", { href: "#tree=%2F" }, "/");
  return element("nav", { "aria-label": "Path" }, root, ...links);
}

// `pages` has where each page so far begins, the present one last.
async function listChildren(place, path, prefix, pages) {
  place.replaceChildren(element("p", { class: "faint" }, "The children are listed."));
  try {
    const told = await ask("children", { path, prefix, after: pages.at(-1) });
    const input = element("input", { type: "search", name: "prefix", value: prefix });
    const submit = (event) => {
      event.preventDefault();
      listChildren(place, path, input.value, [null]);
    };
    const form = element("form", { submit, role: "search" }, element("label", {}, "Names that begin with", input), element("button", { type: "submit" }, "Show"));
    const above = path === "/" ? "" : path;
    const rows = told.children.map((child) => {
      const name = element("a", { href: `#tree=${encodeURIComponent(`${above}/${child.name}`)}` }, child.name);
      return [name, child.is_ephemeral ? "ephemeral" : number(child.children), bytes(child.bytes)];
    });
    const heading = element("h3", {}, `${number(told.count)} children`);
    const matching = prefix === "" ? "" : `${number(told.found)} begin with it.`;
    const empty = told.count === 0 ? "This znode has no children." : "No child's name begins so; names are told apart by upper and lower case.";
    const list = rows.length === 0 ? element("p", {}, empty) : table("Children", [["Name", false], ["Children", true], ["Data", true]], rows);
    const former = button("Former page", () => listChildren(place, path, prefix, pages.slice(0, -1)), { disabled: pages.length < 2 });
    const next = button("Next page", () => listChildren(place, path, prefix, [...pages, told.children.at(-1)?.name ?? null]), { disabled: !told.has_more });
    const turns = pages.length > 1 || told.has_more ? element("div", { class: "row" }, former, next, `page ${pages.length}`) : "";
    place.replaceChildren(parents(path), heading, told.count > 0 ? form : "", matching, list, turns);
  } catch (error) {
    place.replaceChildren(parents(path), trouble(error));
  }
}

// `done` is told which path to show when something was changed.
async function showZnode(place, path, done) {
  place.replaceChildren(element("p", { class: "faint" }, "The znode is read."));
  try {
    const visitor = login() === null ? { may_change: false } : ask("visitor");
    const [told, { may_change: mayChange }] = await Promise.all([ask("znode", { path }), visitor]);
    const data = told.data?.bytes ? unpacked(told.data.bytes) : new Uint8Array();
    place.replaceChildren(
      element("h3", {}, path),
      element("p", { class: "faint" }, `${told.kind}, as of zxid ${told.zxid}`),
      element("h3", {}, "Data"),
      dataOf(path, told),
      mayChange ? changing(path, told.stat, data, done) : "",
      element("h3", {}, "Stat"),
      facts(Object.entries(told.stat).map(([name, value]) => [name, statText(name, value)])),
      element("h3", {}, "ACL"),
      aclOf(told.acl),
    );
  } catch (error) {
    place.replaceChildren(element("h3", {}, path), trouble(error));
  }
}

function statText(name, value) {
  return name === "ctime" || name === "mtime" ? `${value} (${timeText(value)})` : String(value);
}

function timeText(ms) {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? "no time" : time.toISOString();
}

function aclOf(acl) {
  if (acl === null) return element("p", {}, "The list is shown to whoever has READ or ADMIN here; log in as such a user.");
  const rows = acl.entries.map(({ perms, scheme, id }) => {
    const names = ENTRY_PERMISSIONS.filter(([bit]) => (perms & bit) !== 0).map(([, name]) => name);
    return [`${scheme}:${id}`, names.length === 0 ? "nothing" : names.join(", ")];
  });
  const rest = acl.count > rows.length ? element("p", { class: "faint" }, `and ${number(acl.count - rows.length)} more`) : "";
  return element("div", {}, table("ACL", [["Who", false], ["May", false]], rows), rest);
}

function dataOf(path, told) {
  if (told.data === null) return element("p", {}, "The data is shown to whoever has READ here; log in as such a user.");
  if (told.data.bytes === null) return element("p", {}, "It has no data: null, which is not the same as empty.");
  const length = told.stat.dataLength;
  if (length === 0) return element("p", {}, "Its data is empty.");
  const state = { all: unpacked(told.data.bytes), length };
  const place = element("div");
  drawData(place, path, state, null);
  return place;
}

function unpacked(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function drawData(place, path, state, wished) {
  const texts = { Text: asText(state.all), JSON: asJson(state.all), Hex: asHex(state.all) };
  const chosen = wished ?? (texts.JSON !== null ? "JSON" : texts.Text !== null ? "Text" : "Hex");
  const forms = Object.entries(texts).map(([name, text]) => {
    const attributes = { "aria-pressed": String(name === chosen), disabled: text === null };
    return button(name, () => drawData(place, path, state, name), attributes);
  });
  const isCut = state.all.length < state.length;
  const more = isCut ? button("Read more", () => readMore(place, path, state, chosen)) : "";
  const size = isCut ? `the first ${bytes(state.all.length)} of ${bytes(state.length)}` : bytes(state.length);
  const shown = element("pre", { class: chosen === "Hex" ? "hex" : "text", tabindex: "0", "aria-label": `Data as ${chosen}` }, texts[chosen] ?? texts.Hex);
  place.replaceChildren(element("div", { class: "row" }, ...forms, element("span", { class: "faint" }, size)), shown, more);
}

async function readMore(place, path, state, chosen) {
  try {
    const told = await ask("znode", { path, offset: state.all.length });
    const more = told.data?.bytes ? unpacked(told.data.bytes) : new Uint8Array();
    const all = new Uint8Array(state.all.length + more.length);
    all.set(state.all);
    all.set(more, state.all.length);
    state.all = all;
    state.length = more.length === 0 ? all.length : told.stat.dataLength;
    drawData(place, path, state, chosen);
  } catch (error) {
    place.append(trouble(error));
  }
}

// null where it is no text. The last character may be cut.
function asText(data) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data, { stream: true });
    return /[\u0000-\u0008\u000e-\u001f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

// null where it is no JSON. Numbers stay as they were written: only the layout is changed where nothing is lost by that.
function asJson(data) {
  const text = asText(data);
  if (text === null || !/^\s*[[{]/.test(text)) return null;
  try {
    const value = JSON.parse(text);
    return /\d{16}/.test(text) ? text : JSON.stringify(value, null, 2);
  } catch {
    return null;
  }
}

function asHex(data) {
  const lines = [];
  const end = Math.min(data.length, HEX_MAX);
  for (let at = 0; at < end; at += 16) {
    const row = data.subarray(at, Math.min(at + 16, end));
    const digits = Array.from(row, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = Array.from(row, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${digits.padEnd(47)}  ${letters}`);
  }
  if (data.length > end) lines.push(`and ${number(data.length - end)} bytes more`);
  return lines.join("\n");
}
