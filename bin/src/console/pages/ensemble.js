// The ensemble: each member as it says itself.

import { ask, element, facts, micros, number, repeatedly, trouble } from "./page.js";

export function open(main) {
  const place = element("div", { class: "grid" }, element("p", { class: "faint" }, "The members are asked."));
  main.append(
    element("h2", {}, "The ensemble"),
    element("p", { class: "faint" }, "This server asks the others at their client ports once a second. Lag counts transactions behind the leader; they are asked at slightly different moments, so that some of it is none under load."),
    place,
  );
  return repeatedly(1000, async () => {
    try {
      const { members } = await ask("ensemble");
      place.replaceChildren(...members.map(card));
    } catch (error) {
      place.replaceChildren(trouble(error));
    }
  });
}

function card({ id, is_me, votes, peer, said }) {
  const name = id === null ? "This server stands alone" : `server.${id}${is_me ? " (this one)" : ""}`;
  const role = said?.role ?? (said?.error ? "not known" : "asked");
  const badge = element("span", { class: said?.error ? "badge bad" : "badge" }, role);
  const parts = [element("h3", {}, `${name} `, badge)];
  if (said?.error) parts.push(element("p", { class: "trouble" }, said.error));
  if (said?.role) {
    parts.push(facts([
      ["Votes", id === null ? "–" : votes ? "yes" : "no"],
      ["Epoch", String(said.epoch ?? "–")],
      ["Zxid", said.zxid ?? "–"],
      ["Lag", said.lag === null ? "–" : number(said.lag)],
      ["Mean sync", micros(said.sync_us)],
      ["Clients", number(said.clients)],
      ["Not answered", number(said.outstanding)],
      ["Version", said.version ?? "–"],
    ]));
  }
  const address = id === null ? null : `Clients: ${said?.address ?? "not said"}; servers: ${peer ?? "not said"}`;
  if (address !== null) parts.push(element("p", { class: "faint" }, address));
  return element("section", { class: is_me ? "card me" : "card", "aria-label": name }, ...parts);
}
