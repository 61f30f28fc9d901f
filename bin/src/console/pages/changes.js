// Changes of a znode: its data, new children, its end. They are shown to whoever may make them; what the ACLs say comes on top.

import { button, change, element, trouble } from "./page.js";

// The server takes no more, bytes.
const DATA_MAX = 8192;

// `data` are all bytes of the znode that are known. `done` is told the path to show when a change was made.
export function changing(path, stat, data, done) {
  const place = element("div");
  const open = (form) => place.replaceChildren(form(path, stat, data, done, close));
  const close = () => place.replaceChildren(element("div", { class: "row" },
    button("Change the data", () => open(setting)),
    button("New child", () => open(creating)),
    path === "/" ? null : button("Delete", () => open(deleting)),
  ));
  close();
  return element("div", {}, element("h3", {}, "Changes"), place);
}

// Asks for a change; what goes wrong is said below the form, and what was written stays.
function sending(said, ask) {
  let isSent = false;
  return async (event) => {
    event.preventDefault();
    if (isSent) return;
    isSent = true;
    said.replaceChildren("The server is asked.");
    try {
      await ask(event.target);
    } catch (error) {
      said.replaceChildren(trouble(error));
    }
    isSent = false;
  };
}

function buttons(text, close) {
  return element("div", { class: "row" }, element("button", { type: "submit" }, text), button("Leave it", close));
}

function setting(path, stat, data, done, close) {
  const text = editable(data, stat.dataLength);
  if (text === null) {
    const why = `Data that is no text, has lines with a carriage return, or is longer than ${DATA_MAX} bytes would not stay what it is here. Use paddock shell.`;
    return element("div", {}, element("p", {}, why), button("Leave it", close));
  }
  const area = element("textarea", { name: "data", rows: "8", spellcheck: "false" });
  area.value = text;
  const said = element("div", { "aria-live": "polite" });
  const submit = sending(said, async () => {
    await change("set", { path, version: stat.dataVersion }, bytesOf(area.value));
    done(path);
  });
  return element("form", { submit, "aria-label": "Change the data" }, element("label", { class: "wide" }, `Data of ${path}`, area), buttons("Save", close), said);
}

function creating(path, stat, data, done, close) {
  const name = element("input", { name: "name", required: true, autocomplete: "off", spellcheck: "false" });
  const area = element("textarea", { name: "data", rows: "4", spellcheck: "false" });
  const own = element("input", { name: "own", type: "checkbox" });
  const said = element("div", { "aria-live": "polite" });
  const submit = sending(said, async () => {
    const child = `${path === "/" ? "" : path}/${name.value}`;
    await change("create", { path: child, for: own.checked ? "me" : "everybody" }, bytesOf(area.value));
    done(child);
  });
  return element("form", { submit, "aria-label": "New child" },
    element("label", {}, `Name, below ${path}`, name),
    element("label", { class: "wide" }, "Data", area),
    element("label", { class: "check" }, own, "Only this login may do anything with it; otherwise everybody may do everything"),
    buttons("Create", close),
    said,
  );
}

function deleting(path, stat, data, done, close) {
  const said = element("div", { "aria-live": "polite" });
  const submit = sending(said, async () => {
    await change("delete", { path, version: stat.dataVersion }, new Uint8Array());
    done(path.slice(0, path.lastIndexOf("/")) || "/");
  });
  return element("form", { submit, "aria-label": "Delete" }, element("p", {}, `${path} is deleted for good.`), buttons("Delete it", close), said);
}

function bytesOf(text) {
  return new TextEncoder().encode(text);
}

// The text that becomes the same bytes again when it was in a field; null if there is none. A field has its own ends of lines.
function editable(data, length) {
  if (data.length !== length || length > DATA_MAX) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    return /[\u0000-\u0008\u000b-\u001f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}
