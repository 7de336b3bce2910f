// The heat map: a real table, painted in pieces so that the first screen is there at once.
import { airflowLink, cellAddress, count, el, otherPages, percent, signed, when } from "./dom.js";

const PROVEN = 1, STALE = 2, FAILED = 4;
const STEPS = [0.005, 0.015, 0.03, 0.06, 0.1]; // limits of the colours: distance from the base rate
const FIRST_ROWS = 40, MORE_ROWS = 80;
let kept = { filter: "", by: null, down: true, unit: null, target: null, top: 0 }; // while other views are shown

export async function showOverview(main, asked, signal) {
  const found = await asked;
  if (signal.aborted) return;
  document.getElementById("published").textContent = found.published_at ? `Published ${when(found.published_at)}` : "";
  if (found.kind === "lists") return (await import("./lists.js")).showLists(main, found, signal);
  if (found.kind === "groups") return (await import("./groups.js")).showGroups(main, found, signal);
  if (found.kind === "timelines") return (await import("./timelines.js")).showTimelines(main, found, signal);
  if (!found.rows.length) return main.replaceChildren(...empty());
  new Overview(found, signal).show(main);
}

function empty() {
  return [
    el("h1", {}, "Nothing is published yet"),
    el("p", {}, "Four steps lead to the first numbers:"),
    el("ol", {},
      el("li", {}, el("code", {}, "brain doctor"), " says what is missing in settings and catalogue."),
      el("li", {}, "Switch on ", airflowLink("dags/extract_assets", "extract_assets"), ", ", airflowLink("dags/train_models", "train_models"),
        ", ", airflowLink("dags/publish_probabilities", "publish_probabilities"), " and ", airflowLink("dags/evaluate_probabilities", "evaluate_probabilities"), "."),
      el("li", {}, "Trigger ", airflowLink("dags/extract_assets", "extract_assets"), "; the others follow by themselves."),
      el("li", {}, "When ", airflowLink("dags/publish_probabilities", "publish_probabilities"), " has ended, load this page again.")),
  ];
}

class Overview {
  constructor(found, signal) {
    Object.assign(this, found);
    this.signal = signal;
    this.lines = new Map(); // row -> its <tr>
    this.rowOf = new WeakMap(); // and back
    this.active = null;
  }

  show(main) {
    const { words } = this;
    this.body = el("tbody");
    this.told = el("p", { id: "told", "aria-live": "polite", class: "told" }, "Move with the arrow keys, open a cell with Enter.");
    this.frame = el("div", { class: "frame" }, this.makeTable());
    const filter = el("input", { type: "search", id: "filter", placeholder: `Filter by ${words.unit}`, "aria-label": `Filter by ${words.unit}`, value: kept.filter, autocomplete: "off" });
    filter.addEventListener("input", () => { kept.filter = filter.value; this.paint(); });
    main.replaceChildren(
      el("div", { class: "bar" }, el("h1", {}, this.title), filter, this.numbers(), otherPages(this)),
      legend(words), this.frame, this.told);
    this.paint();
    this.listen();
    if (kept.unit !== null) this.goBack();
  }

  numbers() {
    const { units, cells, proven, stale, failed } = this.counts;
    this.matching = el("span", { class: "quiet", "aria-live": "polite" });
    const days = this.days.length === 1 ? `as of ${this.days[0]}` : `as of ${[...this.days].sort()[0]} to ${[...this.days].sort().at(-1)}`;
    return el("p", { class: "counts" },
      `${count(units)} ${this.words.unit}s, ${count(cells)} cells, ${count(proven)} with proven skill, ${count(stale)} stale, ${count(failed)} failed; ${this.days.length ? days : "no data yet"} `,
      this.matching);
  }

  makeTable() {
    const head = (target) => el("th", { scope: "col", "aria-sort": "none" },
      el("button", { type: "button", title: `Sort by ${this.words.target} ${target}` }, `${target}${this.words.short}`));
    const name = el("th", { scope: "col", class: "name", "aria-sort": "ascending" },
      el("button", { type: "button", title: `Sort by ${this.words.unit}` }, this.words.unit));
    this.heads = [name, ...this.targets.map(head)];
    this.heads.forEach((one, column) => one.firstChild.addEventListener("click", () => this.sortBy(column - 1)));
    const made = el("table", { class: "heat", role: "grid", "aria-describedby": "told" },
      el("caption", { class: "hidden" }, `${this.title}: a row for each ${this.words.unit}, a column for each ${this.words.target}`),
      el("colgroup", {}, el("col", { class: "name" }), this.targets.map(() => el("col"))),
      el("thead", {}, el("tr", {}, this.heads)), this.body);
    made.setAttribute("aria-rowcount", this.rows.length + 1);
    made.style.width = `${160 + 52 * this.targets.length}px`; // a fixed layout needs one: no cell is measured
    return made;
  }

  sortBy(column) {
    if (column === -1) { kept.down = kept.by === null ? !kept.down : false; kept.by = null; }
    else { kept.down = kept.by === column ? !kept.down : true; kept.by = column; }
    this.frame.scrollTop = 0;
    this.paint();
  }

  ordered() {
    const wanted = kept.filter.trim().toLowerCase();
    const rows = wanted ? this.rows.filter((row) => String(row.unit).toLowerCase().includes(wanted)) : [...this.rows];
    if (kept.by === null || kept.by >= this.targets.length) return kept.by === null && !kept.down ? rows.reverse() : rows;
    const of = (row) => row.value[kept.by] ?? (kept.down ? -1 : 2); // those without a number come last
    return rows.sort((a, b) => (kept.down ? of(b) - of(a) : of(a) - of(b)));
  }

  paint() {
    const rows = this.ordered();
    this.heads.forEach((head, column) => {
      const here = column === 0 ? kept.by === null : kept.by === column - 1;
      const up = column === 0 ? kept.down : !kept.down; // names ascend at first, numbers descend
      head.setAttribute("aria-sort", here ? (up ? "ascending" : "descending") : "none");
    });
    this.matching.textContent = kept.filter.trim() ? `(${count(rows.length)} shown)` : "";
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const piece = (from, to) => rows.slice(from, to).map((row, at) => this.line(row, from + at));
    this.body.replaceChildren(...piece(0, FIRST_ROWS));
    this.offer();
    this.finish = () => this.body.append(...piece(this.body.rows.length, rows.length));
    const more = () => {
      if (turn !== this.turn || this.signal.aborted || this.body.rows.length >= rows.length) return;
      const from = this.body.rows.length;
      this.body.append(...piece(from, from + MORE_ROWS));
      setTimeout(() => requestAnimationFrame(more));
    };
    requestAnimationFrame(() => setTimeout(more)); // after the first paint
  }

  line(row, index) {
    let made = this.lines.get(row);
    if (!made) {
      made = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = name.title = row.unit;
      made.append(name);
      for (let column = 0; column < this.targets.length; column += 1) made.append(cell(row, column));
      this.lines.set(row, made);
      this.rowOf.set(made, row);
    }
    made.setAttribute("aria-rowindex", index + 2);
    return made;
  }

  // One cell can be reached by the Tab key: the active one.
  offer() {
    if (this.active?.isConnected) return;
    const first = this.body.querySelector("td");
    if (first) this.activate(first, false);
  }

  activate(cell, focus = true) {
    this.active?.removeAttribute("tabindex");
    this.active = cell;
    cell.tabIndex = 0;
    if (focus) { cell.focus(); this.tell(cell); }
  }

  listen() {
    const cellAt = (event) => event.target.closest("tbody td");
    this.frame.addEventListener("click", (event) => { const at = cellAt(event); if (at) this.open(at); });
    this.frame.addEventListener("mouseover", (event) => { const at = cellAt(event); if (at) this.tell(at, true); });
    this.frame.addEventListener("focusin", (event) => { const at = cellAt(event); if (at && at !== this.active) this.activate(at); });
    this.frame.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const from = event.target.closest("tbody td");
    if (!from || event.altKey || event.metaKey) return;
    const line = from.parentNode, column = from.cellIndex;
    const ends = event.ctrlKey;
    let to = null;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); return this.open(from); }
    if (["ArrowDown", "PageDown", "End"].includes(event.key)) this.finish(); // what is below may not be painted yet
    const lines = this.body.rows, at = line.sectionRowIndex;
    const row = (index) => lines[Math.max(0, Math.min(lines.length - 1, index))];
    if (event.key === "ArrowRight") to = line.cells[Math.min(column + 1, line.cells.length - 1)];
    else if (event.key === "ArrowLeft") to = line.cells[Math.max(column - 1, 1)];
    else if (event.key === "ArrowDown") to = row(at + 1).cells[column];
    else if (event.key === "ArrowUp") to = row(at - 1).cells[column];
    else if (event.key === "PageDown") to = row(at + 20).cells[column];
    else if (event.key === "PageUp") to = row(at - 20).cells[column];
    else if (event.key === "Home") to = (ends ? row(0) : line).cells[1];
    else if (event.key === "End") to = (ends ? row(lines.length) : line).cells[line.cells.length - 1];
    if (to) { event.preventDefault(); this.activate(to); }
  }

  tell(cell, asTitle = false) {
    const row = this.rowOf.get(cell.parentNode), column = cell.cellIndex - 1;
    const { words } = this, mark = row.mark[column];
    const parts = [`${row.unit}, ${words.target} ${this.targets[column]}`];
    if (mark === null) parts.push("not in the catalogue");
    else {
      if (row.value[column] !== null) {
        parts.push(`${words.value} ${percent(row.value[column])}`);
        parts.push(mark & PROVEN ? `${words.base} ${percent(row.base[column])}, proven skill ${signed(row.skill[column], 2)}` : `it is the ${words.base}: no skill is proven`);
      }
      if (row.as_of[column] >= 0) parts.push(`as of ${this.days[row.as_of[column]]}`);
      if (mark & (STALE | FAILED)) parts.push(`${mark & STALE ? "stale" : "failed"}: ${this.reasons[row.reason[column]] ?? "no reason is given"}`);
    }
    const text = parts.join("; ");
    if (asTitle) cell.title = text;
    this.told.textContent = text;
  }

  open(cell) {
    const row = this.rowOf.get(cell.parentNode), column = cell.cellIndex - 1;
    if (row.mark[column] === null) return;
    Object.assign(kept, { unit: row.unit, target: this.targets[column], top: this.frame.scrollTop });
    location.hash = cellAddress(row.unit, this.targets[column]);
  }

  goBack() {
    const row = this.rows.find((one) => one.unit === kept.unit), column = this.targets.indexOf(kept.target);
    kept.unit = null;
    if (!row || column < 0) return;
    this.finish();
    const line = this.lines.get(row);
    if (!line?.isConnected) return;
    this.frame.scrollTop = kept.top;
    this.activate(line.cells[column + 1]);
  }
}

function cell(row, column) {
  const made = document.createElement("td");
  const mark = row.mark[column], value = row.value[column];
  if (mark === null) { made.className = "none"; return made; }
  if (mark & FAILED) { made.className = "failed"; made.textContent = "failed"; return made; }
  made.textContent = (100 * value).toFixed(1);
  let name = mark & PROVEN ? shade(value - row.base[column]) : "muted";
  if (mark & STALE) { name += " stale"; made.append("*"); }
  made.className = name;
  return made;
}

function shade(distance) {
  const step = STEPS.filter((limit) => Math.abs(distance) >= limit).length;
  return step === 0 ? "level" : `${distance > 0 ? "up" : "down"}${step}`;
}

function legend(words) {
  const swatch = (name, text) => el("span", { class: "swatch" }, el("i", { class: name }), text);
  const limits = STEPS.map((limit) => `${100 * limit}`);
  const scale = [...STEPS.keys()].reverse().map((step) => el("i", { class: `down${step + 1}` }));
  const right = [...STEPS.keys()].map((step) => el("i", { class: `up${step + 1}` }));
  return el("p", { class: "legend" },
    el("span", { class: "swatch" }, `below the ${words.base} `, ...scale, el("i", { class: "level" }), ...right, ` above it, from ${limits.join(", ")} points`),
    swatch("muted", `no proven skill: it is the ${words.base}`), swatch("stale", "* stale: kept, or from old data"), swatch("failed", "failed: no number"));
}
