// What the log says: its last lines, and new ones as they come.

import { ask, element, number, repeatedly, trouble } from "./page.js";

const LINES_MAX = 2000;

export function open(main) {
  const remark = element("div", { class: "faint" });
  const lines = element("pre", { tabindex: "0", role: "log", "aria-label": "Lines of the log" });
  main.append(element("h2", {}, "What the log says"), remark, lines);
  let place = 0;
  return repeatedly(1000, async () => {
    try {
      const told = await ask("log", { after: place });
      // A server that was started anew counts from the beginning.
      if (told.place < place) lines.replaceChildren();
      place = told.place;
      take(lines, told);
      const none = lines.childNodes.length === 0 ? "The log has said nothing yet." : "The newest line is the last one.";
      remark.replaceChildren(none);
    } catch (error) {
      remark.replaceChildren(trouble(error));
    }
  });
}

function take(lines, told) {
  const isAtEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 4;
  if (told.missed > 0) lines.append(`... ${number(told.missed)} lines are not kept here\n`);
  lines.append(...told.lines.map((line) => `${line}\n`));
  while (lines.childNodes.length > LINES_MAX) lines.firstChild.remove();
  if (isAtEnd) lines.scrollTop = lines.scrollHeight;
}
