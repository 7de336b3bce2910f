// Members on a map, coloured by their group: a sample, so that a shop of any size is drawn at once.
import { el, number, svg } from "./dom.js";

const WIDTH = 760, HEIGHT = 420, LEFT = 58, BOTTOM = 44, TOP = 12, RIGHT = 14;
const EDGE = 0.99; // share of the members within the frame; who is further out stands on its edge
const NICE = [1, 2, 5], APART = [70, 36]; // pixels between two marks of an axis

export const colour = (at) => `g${at % 8}`;

// Args: points as [group, value of each axis]; groups in order; axes with name and root; which axis is x and which y.
export function scatter({ points, groups, axes }, x, y) {
  const known = points.filter((point) => point[x + 1] !== null && point[y + 1] !== null);
  if (!known.length) return el("p", { class: "quiet" }, `Nobody is known to have both ${axes[x].name} and ${axes[y].name}.`);
  const across = scale(known.map((point) => point[x + 1]), axes[x].root, LEFT, WIDTH - RIGHT);
  const up = scale(known.map((point) => point[y + 1]), axes[y].root, HEIGHT - BOTTOM, TOP);
  const place = new Map(groups.map((group, at) => [group.number, at]));
  const dots = known.map((point) => svg("circle", { cx: across.at(point[x + 1]).toFixed(1), cy: up.at(point[y + 1]).toFixed(1), r: 2.6, class: colour(place.get(point[0]) ?? 0) }));
  const middles = groups.map((group, at) => {
    const own = known.filter((point) => point[0] === group.number);
    if (!own.length) return null;
    const cx = across.at(median(own.map((point) => point[x + 1]))), cy = up.at(median(own.map((point) => point[y + 1])));
    return svg("g", {}, svg("title", {}, group.name), svg("circle", { cx, cy, r: 11, class: `middle ${colour(at)}` }), svg("text", { x: cx, y: cy + 4, class: "in" }, String(group.number)));
  });
  const picture = svg("svg", { class: "map", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${axes[x].name} against ${axes[y].name}, by group; the profiles below say the same in numbers` },
    across.marks(APART[0]).map(([value, at]) => svg("g", {}, svg("line", { x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM, class: "rule" }), svg("text", { x: at, y: HEIGHT - BOTTOM + 16, class: "mark" }, number(value)))),
    up.marks(APART[1]).map(([value, at]) => svg("g", {}, svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at, class: "rule" }), svg("text", { x: LEFT - 6, y: at + 4, class: "mark side" }, number(value)))),
    svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 8, class: "name" }, axes[x].name),
    svg("text", { x: 0, y: 0, class: "name", transform: `translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)` }, axes[y].name),
    svg("g", { class: "dots" }, dots), middles);
  return picture;
}

function scale(values, root, from, to) {
  const sorted = [...values].sort((a, b) => a - b), most = Math.max(sorted[Math.ceil(EDGE * (sorted.length - 1))], 1e-9);
  const least = Math.min(0, sorted[0]), even = (value) => (root ? Math.sqrt(Math.max(value, 0)) : value);
  const low = even(least), high = even(most);
  const at = (value) => from + (to - from) * (Math.min(even(value), high) - low) / (high - low);
  const marks = (apart) => {
    const found = [[least, at(least)]];
    for (let power = Math.floor(Math.log10(most)) - 3; power <= Math.log10(most); power += 1) {
      for (const step of NICE) {
        const value = step * 10 ** power;
        if (value > least && value <= most) found.push([value, at(value)]);
      }
    }
    if (!root) for (const part of [0.25, 0.5, 0.75]) found.push([part * most, at(part * most)]);
    return thinned(found, apart);
  };
  return { at, marks };
}

// The marks that stand clear of one another, the outermost first.
function thinned(marks, apart) {
  const kept = [];
  for (const mark of [marks[0], ...marks.slice(1).reverse()]) if (kept.every((other) => Math.abs(other[1] - mark[1]) >= apart)) kept.push(mark);
  return kept;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
