// Three charts with uPlot, which is loaded with the first one.
import { el, precise } from "./dom.js";

let loading = null;

function library() {
  loading ??= new Promise((resolve, reject) => {
    document.head.append(el("link", { rel: "stylesheet", href: "static/vendor/uPlot.min.css" }));
    const script = el("script", { src: "static/vendor/uPlot.iife.min.js" });
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => reject(new Error("the charting library cannot be loaded"));
    document.head.append(script);
  });
  return loading;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const day = (text) => Date.parse(`${String(text).slice(0, 10)}T00:00:00Z`) / 1000;
const axis = (more) => ({ stroke: () => colour("--quiet"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line") }, ...more });

// A chart as wide as its place, drawn anew in other colours when the theme changes.
async function drawn(make, data, signal, height = 260) {
  const Plot = await library();
  const place = el("div", { class: "chart" });
  let plot = null;
  const width = () => Math.max(280, place.clientWidth);
  const draw = () => {
    if (signal.aborted || !place.isConnected) return;
    plot?.destroy();
    plot = new Plot({ width: width(), height, ...make(Plot) }, data, place);
  };
  new ResizeObserver(() => (plot ? plot.setSize({ width: width(), height }) : draw())).observe(place);
  document.addEventListener("themechange", draw, { signal });
  return place;
}

// What was said day by day, beside what it was about. The last series is drawn on top: what was said is never hidden by
// the base rate that it may equal, and its points show a day that stands alone.
export function overTime(days, series, words, signal) {
  const at = new Map();
  const put = (time, column, value) => {
    if (!at.has(time)) at.set(time, [null, null, null]);
    at.get(time)[column] = value;
  };
  days.day.forEach((one, row) => { put(day(one), 0, days.base[row]); put(day(one), 2, days.value[row]); });
  series.days.forEach((one, row) => put(day(one), 1, series.values[row]));
  const times = [...at.keys()].sort((a, b) => a - b);
  const data = [times, ...[0, 1, 2].map((column) => times.map((time) => at.get(time)[column]))];
  const share = (_, value) => (value === null || value === undefined ? "" : `${(100 * value).toFixed(1)} %`);
  return drawn((Plot) => ({
    tzDate: (time) => Plot.tzDate(new Date(time * 1000), "Etc/UTC"),
    scales: { share: { range: (_, low, high) => [Math.max(0, (low ?? 0) - 0.02), Math.min(1, (high ?? 1) + 0.02)] }, other: {} },
    axes: [axis({}), axis({ scale: "share", size: 60, values: (_, ticks) => ticks.map((tick) => `${+(100 * tick).toFixed(2)} %`) }), axis({ scale: "other", side: 1, size: 60, grid: { show: false } })],
    series: [
      { label: "day", value: (_, time) => (time ? new Date(time * 1000).toISOString().slice(0, 10) : "") },
      { label: words.base, scale: "share", stroke: () => colour("--faint"), dash: [5, 4], width: 1, value: share, spanGaps: true, points: { show: days.day.length === 1, size: 9 } },
      { label: series.name, scale: "other", stroke: () => colour("--second"), width: 1.25, spanGaps: true, points: { show: false } },
      { label: words.value, scale: "share", stroke: () => colour("--series"), width: 2, value: share, points: { show: true, size: 5, fill: () => colour("--series") } },
    ],
  }), data, signal);
}

// What was said and how often it came true; on the diagonal the two are the same.
export function reliability(pools, signal) {
  const said = pools.map((pool) => pool.said);
  const low = Math.min(...said, ...pools.map((pool) => pool.came_true)), high = Math.max(...said, ...pools.map((pool) => pool.came_true));
  const from = Math.max(0, low - 0.05), to = Math.min(1, high + 0.05);
  const points = pools.map((pool) => [pool.said, pool.came_true]).sort((a, b) => a[0] - b[0]);
  const data = [[from, ...points.map(([x]) => x), to], [from, ...points.map(([x]) => x), to], [null, ...points.map(([, y]) => y), null]];
  const share = (_, value) => (value === null || value === undefined ? "" : `${(100 * value).toFixed(1)} %`);
  const ticks = (_, values) => values.map((value) => `${+(100 * value).toFixed(2)} %`);
  return drawn(() => ({
    scales: { x: { time: false, range: [from, to] }, y: { range: [from, to] } },
    axes: [axis({ values: ticks, label: "said", labelSize: 18, size: 34 }), axis({ values: ticks, label: "came true", labelSize: 18, size: 60 })],
    series: [
      { label: "said", value: share },
      { label: "as said", stroke: () => colour("--faint"), dash: [5, 4], value: share, points: { show: false } },
      { label: "came true", stroke: () => colour("--series"), width: 2, value: share, points: { show: true, size: 7 } },
    ],
  }), data, signal);
}

// Ticks of a time in UTC: hours by 24, and below the first of a day which day it is.
const moments = (_, ticks, __, ___, apart) => ticks.map((tick, at) => {
  const told = new Date(tick * 1000).toISOString(), today = told.slice(0, 10);
  if (apart >= 86400) return today;
  const fresh = !at || new Date(ticks[at - 1] * 1000).toISOString().slice(0, 10) !== today;
  return `${told.slice(11, apart < 60 ? 19 : 16)}${fresh ? `\n${today}` : ""}`;
});
const SHADES = ["--second", "--down4", "--bad"]; // of a mark, by how much
const NEAR = 6; // pixels from a mark at which a pointer is on it
const PAUSE = 200; // milliseconds after which a stretch that is looked at is asked for

// Values over time with what is usual behind them, and marks: numbered as in the list, shaded by how much.
// Args: marks as [{ number, from, to, rank, faint }], asked for at each drawing; more gives the points of a stretch.
// Returns the place, and what shows a stretch, or all.
export async function timeline({ points, lines, band }, marks, { onPoint, onPick, more }, signal) {
  let plot = null, asked = 0, timer;
  const part = (of) => [of.at, ...(band ? [of.low, of.high] : []), ...of.lines];
  const whole = part(points);
  const on = (found) => {
    const at = found.cursor.left;
    if (at === null || at < 0) return null;
    return marks().find(({ from, to }) => found.valToPos(from, "x") - NEAR <= at && at <= found.valToPos(to, "x") + NEAR) ?? null;
  };
  const closer = (low, high) => {
    if (!points.thinned) return;
    clearTimeout(timer);
    const turn = ++asked;
    timer = setTimeout(async () => {
      const found = await more(low, high).catch(() => null); // what is drawn stays
      if (found?.at.length && turn === asked) { plot.setData(part(found), false); plot.redraw(); }
    }, PAUSE);
  };
  const all = () => { asked += 1; clearTimeout(timer); plot?.setData(whole, true); };
  const show = (low, high) => { plot?.setScale("x", { min: low, max: high }); closer(low, high); };
  const value = (_, one) => precise(one);
  const place = await drawn((Plot) => ({
    tzDate: (time) => Plot.tzDate(new Date(time * 1000), "Etc/UTC"),
    scales: { x: { time: true } },
    axes: [axis({ values: moments }), axis({ size: 70 })],
    cursor: { drag: { x: true, y: false }, bind: { dblclick: () => () => { all(); return null; } } },
    bands: band ? [{ series: [2, 1], fill: () => `${colour("--up2")}99` }] : [],
    series: [
      { label: "UTC", value: (_, time) => (time ? new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ") : "") },
      ...(band ? ["from", "to"].map((word) => ({ label: `${band}, ${word}`, stroke: () => colour("--up3"), width: 0, value, points: { show: false } })) : []),
      ...lines.map((name, at) => ({ label: name, stroke: () => colour(at ? "--second" : "--series"), width: 1.5, value, points: { size: 4 } })),
    ],
    hooks: {
      ready: [(found) => { plot = found; found.over.addEventListener("click", () => { const one = on(found); if (one) onPick(one); }); }],
      drawAxes: [(found) => shade(found, marks())],
      setCursor: [(found) => onPoint(on(found))],
      setSelect: [(found) => { if (found.select.width > 0) closer(found.posToVal(found.select.left, "x"), found.posToVal(found.select.left + found.select.width, "x")); }],
    },
  }), whole, signal, 340);
  return { place, all, show, redraw: () => plot?.redraw(false) };
}

function shade(plot, marks) {
  const { ctx, bbox } = plot, unit = devicePixelRatio, end = bbox.left + bbox.width;
  let free = end + 99 * unit; // the newest is drawn first, and older numbers only where there is room left of it
  ctx.save();
  ctx.font = `600 ${11 * unit}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  for (const { number, from, to, rank, faint, chosen } of marks) {
    const left = plot.valToPos(from, "x", true), right = Math.max(plot.valToPos(to, "x", true), left + 3 * unit);
    if (right < bbox.left || left > end) continue;
    const start = Math.max(left, bbox.left), width = Math.min(right, end) - start;
    ctx.fillStyle = colour(faint ? "--faint" : SHADES[Math.min(rank, 2)]);
    ctx.globalAlpha = chosen ? 0.36 : 0.22;
    ctx.fillRect(start, bbox.top, width, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(start, bbox.top, width, 4 * unit);
    const middle = Math.min(Math.max(start + width / 2, bbox.left + 8 * unit), end - 8 * unit);
    if (free - middle > 16 * unit) { ctx.fillText(String(number), middle, bbox.top + 17 * unit); free = middle; }
  }
  ctx.restore();
}
