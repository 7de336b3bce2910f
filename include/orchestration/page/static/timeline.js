// One timeline: what it reads with marks on it, each mark with its reason, and what looks for marks.
import { timeline } from "./charts.js";
import { address, ask, count, el, fill, later, number, plural, precise, problem, say, several, shown, table, when } from "./dom.js";
import { degree } from "./timelines.js";

const AROUND = 12 * 3600; // seconds shown before and after a mark, at least; twice its own length where that is more

export async function showTimeline(main, [unit, member], signal) {
  const back = () => el("p", {}, el("a", { href: address() }, "← Overview"));
  main.replaceChildren(back(), el("h1", {}, member), el("p", { class: "quiet" }, "Loading …"));
  const whose = { unit, member };
  const found = await ask("api/timeline", whose, signal);
  if (signal.aborted) return;
  const { words, of } = found;
  const view = new View(found, whose, signal);
  fill(main, [
    back(),
    el("div", { class: "bar" }, el("h1", {}, `${capital(words.member)} ${found.member}`), el("p", { class: "counts" }, `${words.unit} ${found.unit}${of ? `, data up to ${when(of.as_of)}` : ""}`)),
    of?.stale ? el("p", { class: "problem" }, `Stale: ${of.reason ?? "no reason is given"}`) : null,
    el("section", {}, view.drawing()),
    found.marks ? el("section", {}, el("h2", {}, capital(plural(words.item))), view.list) : null,
    found.makers ? el("section", {}, el("h2", {}, `${capital(found.makers.word)}s`), makers(found)) : null,
  ]);
  main.scrollTop = 0;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
const seconds = (moment) => Date.parse(moment) / 1000;

class View {
  constructor(found, whose, signal) {
    Object.assign(this, { found, whose, signal, chosen: null, places: new Map(), all: found.marks?.marks ?? [] });
    this.told = el("p", { class: "told", "aria-live": "polite" });
    this.list = el("div", { class: "marks" });
    if (found.marks) this.fillList();
  }

  // The marks as they are drawn, the newest first.
  drawnMarks() {
    return this.all.map((one, at) => ({ number: at + 1, from: seconds(one.start), to: seconds(one.end), rank: one.rank, faint: this.dismissed !== null && this.verdict(one) === this.dismissed, chosen: one === this.chosen, one }));
  }

  get dismissed() { return this.found.feedback?.answers.at(-1)?.verdict ?? null; }
  said(one) { return this.found.feedback?.said?.[one.mark]; }
  verdict(one) { return this.said(one)?.verdict ?? one.verdict; }

  drawing() {
    const { points, words } = this.found;
    if (!points.there) return el("p", { class: "quiet" }, `None of its bars was looked at in the last run, so nothing is drawn.`);
    const place = el("div", { class: "chart", role: "img", "aria-label": `${this.found.lines.join(", ")} over time, with ${plural(words.item)} as marks; they are in the list below, and the numbers in a table` });
    const told = { onPoint: (mark) => this.point(mark?.one), onPick: (mark) => this.choose(mark.one, true), more: (since, until) => ask("api/points", { ...this.whose, since, until }, this.signal) };
    timeline(this.found, () => this.drawnMarks(), told, this.signal).then((chart) => { this.chart = chart; place.replaceChildren(chart.place); }).catch((error) => place.replaceChildren(problem(error)));
    this.point(null);
    return [place, this.told, this.hint(), this.asTable()];
  }

  hint() {
    const { points, words, marks } = this.found;
    const whole = points.thinned ? `Of ${count(points.there)} points, the lowest and the highest of each stretch are drawn; closer, all of them are. ` : "";
    const first = points.at[0], older = marks ? this.all.filter((one) => seconds(one.end) < first).length : 0;
    const before = older ? ` ${several(older, words.item)} of the list lie before what is drawn: the last run looked from ${when(new Date(first * 1000).toISOString())} on.` : "";
    return el("p", { class: "quiet" }, `${whole}Drag over a stretch to look closer. `, el("button", { type: "button", class: "link", onclick: () => this.chart?.all() }, "Show all"), before);
  }

  asTable() {
    const { points, lines, band } = this.found;
    const place = el("div");
    const show = () => { if (!place.hasChildNodes()) place.append(table("Points", ["UTC", ...lines, ...(band ? [`${band}, from`, "to"] : [])],
      points.at.map((at, row) => [when(new Date(at * 1000).toISOString()), ...points.lines.map((line) => precise(line[row])), ...(band ? [precise(points.low[row]), precise(points.high[row])] : [])]).reverse())); };
    return el("details", { ontoggle: show }, el("summary", {}, `As a table: ${several(points.at.length, "point")}`), place);
  }

  point(one) {
    this.told.textContent = one ? `${this.all.indexOf(one) + 1}: ${one.kind}, ${one.degree}. ${one.told}` : this.all.length ? "A mark under the pointer says here what it is; the numbers are those of the list." : "";
  }

  choose(one, scroll) {
    this.chosen = one;
    for (const [other, place] of this.places) place.toggleAttribute("aria-current", other === one);
    if (scroll) this.places.get(one).scrollIntoView({ block: "nearest" });
    this.chart?.redraw();
  }

  look(one) {
    const from = seconds(one.start), to = seconds(one.end), around = Math.max(AROUND, 2 * (to - from));
    this.choose(one, false);
    this.chart?.show(from - around, to + around);
    this.told.scrollIntoView({ block: "nearest" });
  }

  fillList() {
    const { words, marks, feedback } = this.found;
    if (!this.all.length) return fill(this.list, [el("p", { class: "quiet" }, `None: nothing of this ${words.member} was strange so far.`)]);
    this.places = new Map(this.all.map((one, at) => [one, this.article(one, at + 1)]));
    const left = marks.there - this.all.length;
    const more = el("button", { type: "button", onclick: () => this.older(more) }, `Show older ones (${count(left)} more)`);
    fill(this.list, [
      feedback ? el("p", { class: "quiet" }, feedback.told) : null,
      left ? el("p", { class: "quiet" }, `The newest ${count(this.all.length)} of ${count(marks.there)} are drawn and listed.`) : null,
      [...this.places.values()], left ? more : null]);
  }

  async older(button) {
    button.disabled = true;
    try {
      const { marks, feedback } = await ask("api/marks", { ...this.whose, skip: this.all.length }, this.signal);
      const known = new Set(this.all.map((one) => one.mark));
      this.all = [...this.all, ...marks.filter((one) => !known.has(one.mark))];
      if (this.found.feedback) Object.assign(this.found.feedback.said, feedback.said);
      if (!marks.length) this.found.marks.there = this.all.length;
      this.fillList();
      this.chart?.redraw();
    } catch (error) {
      if (error.name !== "AbortError") button.replaceWith(problem(error));
    }
  }

  article(one, at) {
    const { columns } = this.found.marks, { points } = this.found;
    const here = points.there && seconds(one.end) >= points.at[0] && seconds(one.start) <= points.at.at(-1);
    const facts = columns.map(({ name, kind }, place) => [name, one.found[place], kind]).filter(([, value]) => value !== null && value !== undefined);
    return el("article", { class: "mark" },
      el("h3", {}, el("span", { class: "number" }, String(at)), ` ${one.kind} `, degree(one.degree, one.rank), " ", one.open ? el("span", { class: "badge" }, one.status) : null),
      el("p", { class: "quiet" }, one.start === one.end ? when(one.start) : `${when(one.start)} to ${when(one.end)}`, here ? [" · ", el("button", { type: "button", class: "link", onclick: () => this.look(one) }, "Look closer")] : ""),
      el("p", {}, one.told),
      el("p", { class: "quiet" }, facts.map(([name, value, kind]) => `${name.replaceAll("_", " ")} ${kind === "number" ? number(value) : shown(value, kind)}`).join(" · ")),
      this.feedback(one));
  }

  feedback(one) {
    const place = el("div", { class: "say" });
    this.fillFeedback(place, one);
    return place;
  }

  fillFeedback(place, one, trouble = null) {
    const { feedback } = this.found, said = this.said(one);
    const by = said?.by ? ` by ${said.by}${said.at ? `, ${when(said.at)}` : ""}` : "", note = (said ? said.note : one.note) ? `: “${said ? said.note : one.note}”` : "";
    const verdict = said ? said.verdict : one.verdict;
    const pending = said && (said.verdict ?? null) !== (one.verdict ?? null) ? " It counts from the next run on." : "";
    const told = el("p", { "aria-live": "polite" }, verdict ? el("span", { class: "badge good" }, verdict) : el("span", { class: "badge" }, "nobody has judged it"), verdict ? `${by}${note}.` : "", pending);
    if (!feedback?.may) return fill(place, [told]);
    const field = el("input", { type: "text", maxlength: feedback.longest, placeholder: "note, if you like", "aria-label": `Note on ${one.kind} of ${when(one.start)}`, value: said?.note ?? "" });
    const button = (answer) => el("button", { type: "button", title: answer.meaning, "aria-pressed": String(verdict === answer.verdict), onclick: () => this.answer(place, one, answer.verdict, field.value) }, answer.ask);
    fill(place, [told, el("div", { class: "bar" }, feedback.answers.map(button), verdict ? el("button", { type: "button", title: "As if nobody had said anything.", onclick: () => this.answer(place, one, "", "") }, "Take back") : null, field), trouble]);
  }

  async answer(place, one, verdict, note) {
    for (const button of place.querySelectorAll("button")) button.disabled = true;
    try {
      this.found.feedback.said[one.mark] = await say("api/feedback", { mark: one.mark, verdict, note });
      this.fillFeedback(place, one);
      this.chart?.redraw();
    } catch (error) {
      this.fillFeedback(place, one, problem(error));
    }
  }
}

function makers({ makers: { word, columns, makers: all }, words }) {
  const used = all.filter((one) => one.claim).length;
  const figure = (one, at) => (columns[at].kind === "number" && one.figures[at] !== null ? number(one.figures[at]) : shown(one.figures[at], columns[at].kind));
  return [
    el("p", {}, used ? `${count(used)} of ${several(all.length, word)} watch this ${words.member}: those that add something on its own past.` : `No ${word} watches this ${words.member}.`),
    table(`${word}s`, [word, "", "what it notices", "why", ...columns.map((one) => one.name.replaceAll("_", " "))],
      all.map((one) => [one.name, el("span", { class: one.claim ? "badge good" : "badge" }, one.claim ? "watches" : "stays out"), one.about ?? "", one.why ?? "", ...columns.map((_, at) => figure(one, at))])),
    el("details", {}, el("summary", {}, "What the figures mean"), table("Meanings", ["figure", "meaning"], columns.map((one) => [one.name.replaceAll("_", " "), one.meaning]))),
  ];
}
