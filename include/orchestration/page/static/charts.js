// Two charts with uPlot, which is loaded with the first one.
import { el } from "./dom.js";

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
async function drawn(make, data, signal) {
  const Plot = await library();
  const place = el("div", { class: "chart" });
  const height = 260;
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
