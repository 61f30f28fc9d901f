// A plot of the last minutes: lines over seconds, drawn anew with each point.

import { element, shape } from "./page.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [360, 130, 58, 16, 8];
// Points of a plot, one a second.
export const POINTS_MAX = 180;

// `lines` are [name in a point, name for people]; `write` makes a text of a value.
export function plot(title, lines, write) {
  const drawing = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  const keys = lines.map(([, name], line) => element("span", { class: `key key-${line}` }, name));
  const now = element("p", { class: "faint" });
  const card = element("section", { class: "card", "aria-label": title }, element("h3", {}, title), drawing, now);
  const draw = (points) => {
    const values = points.flatMap((each) => lines.map(([key]) => each?.[key] ?? null)).filter((value) => value !== null);
    const top = nice(Math.max(1, ...values));
    drawing.replaceChildren(...axes(top, write), ...lines.flatMap(([key], line) => traces(points, key, line, top)));
    const last = points.at(-1);
    now.replaceChildren(...keys.flatMap((key, line) => [key, ` ${said(last, lines[line][0], write)}   `]));
    drawing.setAttribute("aria-label", `${title}: ${lines.map(([key, name]) => `${name} ${said(last, key, write)}`).join(", ")}`);
  };
  return { card, draw };
}

function said(point, key, write) {
  const value = point?.[key] ?? null;
  return value === null ? "none" : write(value);
}

// The next of 1, 2 or 5 times a power of ten.
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((part) => part * power).find((step) => step >= value) ?? value;
}

function axes(top, write) {
  const bottom = HEIGHT - BOTTOM;
  return [
    shape("path", { class: "axis", d: `M${LEFT} ${TOP}V${bottom}H${WIDTH} M${LEFT} ${TOP}H${WIDTH}` }),
    shape("text", { x: LEFT - 4, y: TOP + 6, "text-anchor": "end" }, write(top)),
    shape("text", { x: LEFT - 4, y: bottom, "text-anchor": "end" }, "0"),
    shape("text", { x: LEFT, y: HEIGHT - 3 }, `${POINTS_MAX / 60} min ago`),
    shape("text", { x: WIDTH, y: HEIGHT - 3, "text-anchor": "end" }, "now"),
  ];
}

// One line for each run of points that have a value.
function traces(points, key, line, top) {
  const runs = [[]];
  points.forEach((each, index) => {
    const value = each?.[key] ?? null;
    if (value === null) runs.push([]);
    else runs.at(-1).push(`${x(index - points.length + POINTS_MAX).toFixed(1)} ${y(value, top).toFixed(1)}`);
  });
  const drawn = runs.filter((run) => run.length > 0);
  return drawn.map((run) => shape("path", { class: `plot-line stroke-${line}`, d: `M${run.join("L")}${run.length === 1 ? "h2" : ""}` }));
}

function x(index) {
  return LEFT + ((WIDTH - LEFT) * index) / (POINTS_MAX - 1);
}

function y(value, top) {
  return HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * value) / top;
}
