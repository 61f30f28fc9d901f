// The server: what it is, how much it does, and how long that takes.

import { bytes, duration, element, facts, micros, number } from "./page.js";
import { plot, POINTS_MAX } from "./plots.js";
import { point } from "./samples.js";

const points = [];
let former = null;

// Takes what the server has told, whichever part is open.
export function take(figures) {
  if (former !== null) points.push(point(former, figures));
  if (points.length > POINTS_MAX) points.shift();
  former = figures;
}

// A second in which nothing was heard.
export function miss() {
  points.push(null);
  if (points.length > POINTS_MAX) points.shift();
  former = null;
}

let redraw = () => {};

export function draw() {
  redraw();
}

export function open(main) {
  const perSecond = (value) => `${number(value)}/s`;
  const plots = [
    plot("Throughput", [["reads", "reads and pings"], ["writes", "writes"]], perSecond),
    plot("Latency of writes", [["write50", "p50"], ["write99", "p99"]], micros),
    plot("Latency of reads that waited", [["read50", "p50"], ["read99", "p99"]], micros),
    plot("Syncs of the log", [["syncs", "syncs"]], perSecond),
    plot("Time of a sync", [["sync50", "p50"], ["sync99", "p99"]], micros),
    plot("Connections", [["connections", "connections"], ["outstanding", "requests not answered"]], number),
  ];
  const told = element("div", { class: "card" }, element("p", { class: "faint" }, "The first figures come in a moment."));
  main.append(
    element("h2", {}, "This server"),
    told,
    element("h2", {}, "The last minutes"),
    element("p", { class: "faint" }, "Each second is what came in it. Latencies are measured in the server, from the request to its answer; reads that are answered at once have none."),
    element("div", { class: "grid" }, ...plots.map((each) => each.card)),
  );
  redraw = () => {
    plots.forEach((each) => each.draw(points));
    if (former !== null) told.replaceChildren(...described(former));
  };
  redraw();
  return () => {
    redraw = () => {};
  };
}

function described(figures) {
  const waits = figures.log_waits ? element("p", { class: "trouble", role: "alert" }, "Writes wait for the log: its disk is full or does not take them. The log of the server says which; make room, or look after the disk.") : null;
  const pairs = [
    ["State", figures.state || "serves no clients"],
    ["Version", figures.version],
    ["In this state for", duration(figures.uptime_ms)],
    ["Newest transaction", `${figures.zxid} (epoch ${figures.epoch})`],
    ["Znodes", `${number(figures.znodes)}, ${number(figures.ephemerals)} of them ephemeral, with ${bytes(figures.data_bytes)}`],
    ["Sessions", number(figures.sessions + figures.local_sessions)],
    ["Connections here", number(figures.connections)],
    ["Watches here", number(figures.watches)],
  ];
  return [waits, facts(pairs)].filter((each) => each !== null);
}
