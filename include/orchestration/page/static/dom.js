// Small pieces that every view uses. Text is always set as text: no name from a table is ever read as markup.

export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export const fill = (place, children) => place.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));

const SVG = "http://www.w3.org/2000/svg";
export function svg(tag, properties = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// The address behind "#": the use case as "@name", where one is chosen, then the view and what it is of.
export function place() {
  const [, ...parts] = location.hash.split("/");
  const chosen = parts[0]?.startsWith("@") ? decodeURIComponent(parts.shift().slice(1)) : "";
  return { chosen, view: parts[0] ?? "", rest: parts.slice(1).map(decodeURIComponent) };
}
export const addressIn = (use, ...parts) => `#/${[...(use ? [`@${encodeURIComponent(use)}`] : []), ...parts.map(encodeURIComponent)].join("/")}`;
export const address = (...parts) => addressIn(place().chosen, ...parts);

export class Problem extends Error {}

export async function ask(path, parameters = {}, signal = undefined, how = {}) {
  const { chosen } = place();
  const query = new URLSearchParams({ ...parameters, ...(chosen ? { use_case: chosen } : {}) }).toString();
  let answer;
  try {
    answer = await fetch(query ? `${path}?${query}` : path, { headers: { Accept: "application/json" }, signal, ...how });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("Airflow's API server does not answer. Look whether it runs, then load the page again.");
  }
  if (answer.status === 401) throw new Problem("You are not logged in to Airflow any more. Log in, then load the page again.");
  if (answer.status === 403 && !how.method) throw new Problem("Your Airflow user may not see this page. Ask who administers Airflow for a role that may view the UI.");
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(told.problem ?? `The page got the answer ${answer.status}. Load it again.`);
  return told;
}

// What a person says. The header is one that no other site may send: a browser asks first, and is refused.
export const say = (path, said) => ask(path, {}, undefined, {
  method: "POST", body: JSON.stringify(said), headers: { Accept: "application/json", "Content-Type": "application/json", "X-Brain-Page": "1" },
});

export function problem(error) {
  const text = error instanceof Problem ? error.message : `The page itself has failed (${error.message}). Report it.`;
  return el("p", { class: "problem", role: "alert" }, text);
}

// A section whose content comes later, and says by itself when it cannot; without content it goes away.
export function later(title, promise, show, note = "") {
  const body = el("div", {}, el("p", { class: "quiet" }, "Loading …"));
  promise
    .then((found) => { const made = show(found); if (made === null) section.remove(); else fill(body, [made]); })
    .catch((error) => { if (error.name !== "AbortError") body.replaceChildren(problem(error)); });
  const section = el("section", {}, el("h2", {}, title), note ? el("p", { class: "quiet" }, note) : null, body);
  return section;
}

export function table(caption, heads, rows, none = "none") {
  if (!rows.length) return el("p", { class: "quiet" }, none);
  return el("div", { class: "wide" }, el("table", { class: "plain" },
    el("caption", { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, heads.map((head, column) => el("th", { scope: "col", class: rows.every((row) => !row[column] || numeric(row[column])) ? "number" : null }, head)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", { class: numeric(cell) ? "number" : short(cell) ? "short" : null }, cell ?? "")))))));
}

const numeric = (cell) => typeof cell === "string" && /^[+−-]?[\d,.]+( %)?$/.test(cell);
const short = (cell) => typeof cell === "string" && cell.length < 24;

// Published columns with what they mean; `value` is what one says.
export function facts(caption, columns, value) {
  return el("div", { class: "facts" }, table(caption, ["column", "value", "meaning"], columns.map((one, at) => [el("code", {}, one.name), shown(value(one, at), one.kind), one.meaning])));
}

export function list(pairs) {
  return el("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

export const percent = (share, digits = 1) => share === null || share === undefined ? "" : `${(100 * share).toFixed(digits)} %`;
export const signed = (share, digits = 1) => share === null || share === undefined ? "" : `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(digits)} %`;
export const count = (number) => number === null || number === undefined ? "" : Number(number).toLocaleString("en");
export const when = (moment) => moment ? `${String(moment).slice(0, 16).replace("T", " ")} UTC` : "";
export const cellAddress = (unit, target) => address("model", unit, target);

// A number of unknown size, as people write it.
export function number(value) {
  const size = Math.abs(value), digits = size >= 100 || size === 0 ? 0 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits }).replace("-", "−");
}

export const plural = (word) => (/[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`);
export const several = (size, word) => `${count(size)} ${size === 1 ? word : plural(word)}`;

// A value of a published column, by its kind.
export function shown(value, kind) {
  if (value === null || value === undefined) return "";
  if (kind === "share") return percent(value);
  if (kind === "number") return number(value);
  if (kind === "count") return count(value);
  if (kind === "flag") return value ? "yes" : "no";
  if (kind === "moment") return when(value);
  return String(value);
}

// A value as it was measured: as many digits as tell it apart from the next one.
export const precise = (value) => (value === null || value === undefined ? "" : Number(value).toLocaleString("en", { maximumSignificantDigits: 6 }).replace("-", "−"));

// The use cases that have a page, where there are several.
export function otherPages(found) {
  const links = found.use_cases.filter((one) => one.name !== found.use_case).map((one) => el("a", { href: addressIn(one.name) }, one.title));
  return links.length ? el("nav", { class: "others", "aria-label": "Other pages" }, links) : null;
}

// Airflow's iframe may not navigate its parent; a link in the parent's own document may.
export function airflowLink(path, text) {
  const address = new URL(`../${path}`, document.baseURI).href;
  const follow = (event) => {
    if (parent === window) return;
    event.preventDefault();
    const link = parent.document.createElement("a");
    link.href = address;
    parent.document.body.append(link);
    link.click();
    link.remove();
  };
  return el("a", { href: address, onclick: follow }, text);
}
