// The views by the address behind "#": it works below any path, and in Airflow's frame as by itself.
import { address, ask, el, place, problem } from "./dom.js";
import { showOverview } from "./overview.js";

const main = document.getElementById("main");
let leaving = new AbortController();
const begun = place().chosen;
let first = ask("api/overview"); // asked for before anything else is known
first.catch(() => {});

// In Airflow's frame the address of the window names the view, too: Airflow opens it again after a reload.
function nameView() {
  try {
    const { history, location: { pathname, search } } = parent;
    if (parent !== window && pathname.includes("/plugin/")) history.replaceState(history.state, "", `${pathname}${search}${location.hash}`);
  } catch { /* framed by somebody else */ }
}

async function show() {
  nameView();
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const { view, rest } = place();
  const [overview, health] = document.querySelectorAll("header nav a");
  overview.href = address();
  health.href = address("health");
  overview.toggleAttribute("aria-current", view !== "health");
  health.toggleAttribute("aria-current", view === "health");
  try {
    if (view === "health") {
      const { showHealth } = await import("./health.js");
      if (!signal.aborted) await showHealth(main, signal);
    } else if (view === "model" && rest.length === 2) {
      const { showModel } = await import("./model.js");
      if (!signal.aborted) await showModel(main, rest, signal);
    } else if (view === "of" && rest.length === 1) {
      const { showMember } = await import("./member.js");
      if (!signal.aborted) await showMember(main, rest, signal);
    } else if (view === "of" && rest.length === 2) {
      const { showTimeline } = await import("./timeline.js");
      if (!signal.aborted) await showTimeline(main, rest, signal);
    } else if (view === "") {
      const asked = place().chosen === begun && first ? first : ask("api/overview", {}, signal);
      first = null;
      await showOverview(main, asked, signal);
    } else {
      main.replaceChildren(el("h1", {}, "Nothing here"), el("p", {}, el("a", { href: address() }, "Go to the overview.")));
    }
  } catch (error) {
    if (error.name !== "AbortError") main.replaceChildren(problem(error));
  }
}

addEventListener("hashchange", () => { show(); main.focus({ preventScroll: true }); });
show();
