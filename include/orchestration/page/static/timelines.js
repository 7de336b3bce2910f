// Who has a timeline, first those with most to look at, and the units they belong to.
import { address, ask, count, el, fill, otherPages, plural, problem, several, table, when } from "./dom.js";

const PAUSE = 200; // milliseconds without a key until it is asked
let kept = ""; // the filter, while other views are shown

export function showTimelines(main, found, signal) {
  const { words, units } = found;
  const bar = (...more) => el("div", { class: "bar" }, el("h1", {}, found.title), ...more, otherPages(found));
  if (!units.length) return main.replaceChildren(bar(), el("p", {}, `No ${words.unit} is published yet. `, el("code", {}, "brain doctor"), " says what is missing in settings and catalogue; the next run looks at the first ones."));
  const place = el("div"), counts = el("p", { class: "counts", "aria-live": "polite" });
  const field = el("input", { type: "search", id: "filter", placeholder: `Filter by ${words.member}`, "aria-label": `Filter by ${words.member}`, value: kept, autocomplete: "off", spellcheck: "false" });
  const show = (told) => { counts.textContent = sums(told, found); fill(place, [members(told, found)]); };
  let timer, turn = 0;
  const whole = () => !kept || found.there === found.members.length;
  const look = async () => {
    const now = ++turn;
    if (whole()) return show(here(found));
    try {
      const told = await ask("api/members", { part: kept }, signal);
      if (now === turn) show(told);
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(problem(error));
    }
  };
  field.addEventListener("input", () => { kept = field.value.trim(); clearTimeout(timer); timer = setTimeout(look, PAUSE); if (whole()) look(); });
  main.replaceChildren(
    bar(field, counts),
    ...units.filter((one) => one.stale).map((one) => el("p", { class: "problem" }, `Stale: ${one.unit}, ${one.reason ?? "no reason is given"}`)),
    el("section", {}, place),
    el("section", {}, el("h2", {}, capital(plural(words.unit))), table(plural(words.unit), [words.unit, "newest data", "what is missing"],
      units.map((one) => [one.unit, when(one.as_of), one.lacking.length ? one.lacking.map((of) => el("div", {}, `${of.meaning.replace(/;.*$/, "")}: ${of.told}`)) : "nothing"]))));
  show(here(found));
  if (kept) look();
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
const sum = (all, name) => all.reduce((total, one) => total + one[name], 0);

// All are here: no need to ask.
function here(found) {
  const wanted = kept.toLowerCase(), members = kept ? found.members.filter((one) => one.member.toLowerCase().includes(wanted)) : found.members;
  return { members, there: kept ? members.length : found.there };
}

function sums({ members: all, there }, { words, marked }) {
  const open = sum(all, "open"), unjudged = sum(all, "unjudged");
  const listed = all.length < there ? `the ${several(all.length, words.member)} with most to look at, of ${count(there)}: filter to find the others` : several(there, words.member);
  return marked ? `${listed}; ${several(open, words.item)} going on, ${several(unjudged, words.item)} that nobody has judged` : listed;
}

function members({ members: all }, { words, units, maker, marked }) {
  const many = units.length > 1;
  const head = [words.member, ...(many ? [words.unit] : []), ...(marked ? ["going on", "not judged", `all ${plural(words.item)}`, `newest ${words.item}`] : []), ...(maker ? [`${maker}s that watch`] : [])];
  const newest = (one) => (one.newest ? el("span", {}, `${when(one.newest)}: ${one.kind} `, degree(one.degree)) : "none");
  const watch = (one) => (one.made_by ? `${count(one.made_by)} of ${count(one.makers)}` : one.makers ? el("span", { class: "quiet" }, `none of ${count(one.makers)}`) : "");
  return table(plural(words.member), head, all.map((one) => [
    el("a", { href: address("of", one.unit, one.member) }, one.member), ...(many ? [one.unit] : []),
    ...(marked ? [one.open ? el("strong", {}, count(one.open)) : "0", count(one.unjudged), count(one.marks), newest(one)] : []), ...(maker ? [watch(one)] : [])]),
  kept ? `No ${words.member} with “${kept}” in its name.` : `No ${words.member} is watched yet.`);
}

// How much, as a word with a colour: the word says it, too.
export const degree = (word, rank = { low: 0, medium: 1, high: 2 }[word] ?? 0) => el("span", { class: `badge rank${Math.min(rank, 2)}` }, word);
