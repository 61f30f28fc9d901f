// What all parts share: elements, questions, and how numbers are written. Nothing that a server says becomes markup.

const LOGIN = "paddock-console-login";

// An element with these attributes. A function is a listener, a text a text, true an attribute without a value.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function login() {
  return sessionStorage.getItem(LOGIN);
}

// `text` is USER:PASSWORD, or null.
export function setLogin(text) {
  if (text === null) sessionStorage.removeItem(LOGIN);
  else sessionStorage.setItem(LOGIN, text);
}

// The bytes of a header are those of UTF-8.
function headerBytes(text) {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

// Asks the server; an error says what is wrong in words for people.
export function ask(question, parameters = {}) {
  return send("GET", question, parameters, {});
}

// Has the server change something. The data goes in a header, which no page of another site can have a browser send.
export function change(name, parameters, data) {
  const base64 = btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""));
  return send("POST", name, parameters, { "x-paddock-data": base64 });
}

async function send(method, name, parameters, more) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  const headers = login() === null ? more : { ...more, authorization: headerBytes(`digest ${login()}`) };
  // So that browsers say whose page asks.
  const options = { method, headers, referrerPolicy: "same-origin", cache: "no-store", signal: AbortSignal.timeout(30000) };
  let answer;
  try {
    answer = await fetch(`api/${name}${query ? `?${query}` : ""}`, options);
  } catch {
    throw new Error("The server does not answer. It may have been stopped, or the way to it is cut; this page goes on asking.");
  }
  let told;
  try {
    told = await answer.json();
  } catch {
    throw new Error(`The server answers ${answer.status} and nothing that can be read; it may have too much to do. Try again.`);
  }
  if (!answer.ok) throw new Error(sentence(told.error ?? `The server answers ${answer.status}.`));
  return told;
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

export function trouble(error) {
  return element("p", { class: "trouble", role: "alert" }, error.message);
}

export function number(value) {
  return value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en");
}

// Microseconds for people.
export function micros(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1000) return `${value < 10 ? value.toFixed(1) : Math.round(value)} µs`;
  if (value < 1e6) return `${(value / 1000).toFixed(value < 1e5 ? 1 : 0)} ms`;
  return `${(value / 1e6).toFixed(1)} s`;
}

export function bytes(value) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}

export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

// Names and values beside each other.
export function facts(pairs) {
  return element("dl", {}, ...pairs.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

// Columns are [name, is it a number]; cells are texts or elements.
export function table(label, columns, rows) {
  const kind = (column) => (columns[column][1] ? { class: "number" } : {});
  const head = columns.map(([name], column) => element("th", { scope: "col", ...kind(column) }, name));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell, column) => element("td", kind(column), cell))));
  const made = element("table", { "aria-label": label }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, made);
}

export function button(text, press, attributes = {}) {
  return element("button", { type: "button", click: press, ...attributes }, text);
}

// Calls again and again, each time so long after the last one has ended, until the part is closed.
export function repeatedly(ms, work) {
  let isOpen = true;
  let timer;
  const turn = async () => {
    if (!document.hidden) await work();
    if (isOpen) timer = setTimeout(turn, ms);
  };
  turn();
  return () => {
    isOpen = false;
    clearTimeout(timer);
  };
}
