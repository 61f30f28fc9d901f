// Sessions with their ephemerals, and watches, a page at a time.

import { ask, button, duration, element, number, table, trouble } from "./page.js";
import { link } from "./tree.js";

export function openSessions(main) {
  const place = element("div");
  main.append(
    element("h2", {}, "Sessions"),
    element("p", { class: "faint" }, "All sessions of the ensemble, and the addresses of those that are connected here. A leader, or a server that stands alone, knows when a session is due if nothing is heard of it."),
    place,
  );
  listSessions(place, [null]);
  return () => {};
}

async function listSessions(place, pages) {
  place.replaceChildren(element("p", { class: "faint" }, "The sessions are listed."));
  try {
    const told = await ask("sessions", { after: pages.at(-1) });
    const rows = told.sessions.map((session) => [
      session.session,
      session.address ?? "not here",
      duration(session.timeout_ms),
      session.due_in_ms === null ? "–" : duration(Math.max(0, session.due_in_ms)),
      ephemeralsOf(session),
    ]);
    const columns = [["Session", false], ["Connected from", false], ["Timeout", true], ["Due in", true], ["Ephemerals", false]];
    const list = rows.length === 0 ? element("p", {}, "There is no session: no client is connected to the ensemble.") : table("Sessions", columns, rows);
    const go = (pages) => listSessions(place, pages);
    place.replaceChildren(element("h3", {}, `${number(told.count)} sessions`), list, turns(pages, told.has_more, told.sessions.at(-1)?.session, go));
  } catch (error) {
    place.replaceChildren(trouble(error), button("Try again", () => listSessions(place, pages)));
  }
}

function ephemeralsOf({ session, ephemerals, paths }) {
  if (ephemerals === 0) return "none";
  const place = element("div");
  const parts = paths.map((path) => element("div", {}, link(path)));
  const all = () => listEphemerals(place, session, [null]);
  if (ephemerals > paths.length) parts.push(button(`All ${number(ephemerals)}`, all, { class: "link", "aria-label": `All ephemerals of ${session}` }));
  place.append(...parts);
  return place;
}

async function listEphemerals(place, session, pages) {
  try {
    const told = await ask("ephemerals", { session, after: pages.at(-1) });
    const paths = told.paths.map((path) => element("div", {}, link(path)));
    const go = (pages) => listEphemerals(place, session, pages);
    place.replaceChildren(element("p", { class: "faint" }, `${number(told.count)} ephemerals`), ...paths, turns(pages, told.has_more, told.paths.at(-1), go));
  } catch (error) {
    place.replaceChildren(trouble(error));
  }
}

// `pages` has where each page so far begins, the present one last.
function turns(pages, hasMore, last, go) {
  if (pages.length < 2 && !hasMore) return "";
  const former = button("Former page", () => go(pages.slice(0, -1)), { disabled: pages.length < 2 });
  const next = button("Next page", () => go([...pages, last]), { disabled: !hasMore });
  return element("div", { class: "row" }, former, next, `page ${pages.length}`);
}

export function openWatches(main) {
  const place = element("div");
  const prefix = element("input", { type: "search", name: "prefix" });
  const submit = (event) => {
    event.preventDefault();
    listWatches(place, prefix.value, [null]);
  };
  main.append(
    element("h2", {}, "Watches"),
    element("p", { class: "faint" }, "Paths whose data or existence is watched by sessions that are connected to this server. Watches of children are not listed, as by the word wchp."),
    element("form", { submit, role: "search" }, element("label", {}, "Paths that begin with", prefix), element("button", { type: "submit" }, "Show")),
    place,
  );
  listWatches(place, "", [null]);
  return () => {};
}

async function listWatches(place, prefix, pages) {
  place.replaceChildren(element("p", { class: "faint" }, "The watches are listed."));
  try {
    const told = await ask("watches", { prefix, after: pages.at(-1) });
    const rows = told.paths.map(({ path, watchers, sessions }) => {
      const rest = watchers > sessions.length ? ` and ${number(watchers - sessions.length)} more` : "";
      return [link(path), number(watchers), `${sessions.join(", ")}${rest}`];
    });
    const empty = prefix === "" ? "Nobody who is connected here watches any data." : "Nobody who is connected here watches a path that begins so.";
    const list = rows.length === 0 ? element("p", {}, empty) : table("Watches", [["Path", false], ["Watchers", true], ["Sessions", false]], rows);
    const go = (pages) => listWatches(place, prefix, pages);
    place.replaceChildren(list, turns(pages, told.has_more, told.paths.at(-1)?.path, go));
  } catch (error) {
    place.replaceChildren(trouble(error), button("Try again", () => listWatches(place, prefix, pages)));
  }
}
