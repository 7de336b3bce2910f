// Light or dark before anything is painted: as Airflow's UI is set, else as the system is.
// Airflow keeps its choice under "theme" in the storage of this origin; another window's change is told by an event.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // no storage here
    }
  };
  const apply = () => {
    const theme = chosen();
    const dark = theme === "dark" || (theme !== "light" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.dispatchEvent(new Event("themechange"));
  };
  apply();
  addEventListener("storage", apply);
  system.addEventListener("change", apply);
})();
