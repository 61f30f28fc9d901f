// Where the time of a write goes: its stages one behind the other, as long as their percentiles.

import { ask, element, micros, number, repeatedly, shape, table, trouble } from "./page.js";

const QUANTILES = ["p50", "p90", "p99", "p999"];
const NAMES = { p50: "p50", p90: "p90", p99: "p99", p999: "p99.9" };
const [WIDTH, ROW, LEFT, RIGHT] = [720, 34, 52, 76];

export function open(main) {
  const place = element("div", {}, element("p", { class: "faint" }, "The figures come in a moment."));
  main.append(
    element("h2", {}, "The path of a write"),
    element("p", { class: "faint" }, "Since this server was started, or its figures begun anew. Percentiles of stages do not add up to that of the whole: a write that is slow in one stage is seldom slow in all."),
    place,
  );
  return repeatedly(2000, async () => {
    try {
      place.replaceChildren(...picture(await ask("stages")));
    } catch (error) {
      place.replaceChildren(trouble(error));
    }
  });
}

function picture({ stages: all, whole }) {
  // A server that orders has other stages than one that does not. Each keeps its colour.
  const stages = all.map((stage, colour) => ({ ...stage, colour })).filter((stage) => stage.count > 0);
  if (stages.length === 0) {
    return [element("p", {}, "No write has come to this server since its start. As soon as one has, its stages are here.")];
  }
  const keys = stages.map((stage) => element("span", { class: `key key-${stage.colour}`, title: stage.what }, stage.name));
  const rows = [...stages, whole].map((stage) => {
    const name = element("div", {}, stage.name, element("div", { class: "faint" }, stage.what));
    const mean = stage.count === 0 ? null : stage.sum_us / stage.count;
    return [name, number(stage.count), micros(mean), ...QUANTILES.map((quantile) => micros(stage[quantile]))];
  });
  const columns = [["Stage", false], ["Count", true], ["Mean", true], ...QUANTILES.map((quantile) => [NAMES[quantile], true])];
  return [
    element("div", { class: "card" }, drawing(stages), element("p", { class: "row faint" }, ...keys)),
    element("h2", {}, "In numbers"),
    table("Stages of a write", columns, rows),
  ];
}

function drawing(stages) {
  const sums = QUANTILES.map((quantile) => stages.reduce((sum, stage) => sum + stage[quantile], 0));
  const scale = (WIDTH - LEFT - RIGHT) / Math.max(1, ...sums);
  const rows = QUANTILES.flatMap((quantile, row) => {
    let at = LEFT;
    const bars = stages.map((stage) => {
      const width = stage[quantile] * scale;
      const title = shape("title", {}, `${stage.name}: ${micros(stage[quantile])}`);
      const bar = shape("rect", { class: `fill-${stage.colour}`, x: at, y: row * ROW + 5, width, height: ROW - 10 }, title);
      at += width;
      return bar;
    });
    const middle = row * ROW + ROW / 2 + 4;
    const name = shape("text", { x: LEFT - 6, y: middle, "text-anchor": "end" }, NAMES[quantile]);
    return [name, ...bars, shape("text", { x: at + 6, y: middle }, micros(sums[row]))];
  });
  const label = QUANTILES.map((quantile, row) => `${NAMES[quantile]} ${micros(sums[row])}`).join(", ");
  return shape("svg", { viewBox: `0 0 ${WIDTH} ${ROW * QUANTILES.length}`, role: "img", "aria-label": `Stages of a write: ${label}` }, ...rows);
}
