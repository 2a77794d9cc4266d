// The switch between the system's colours, light and dark; the choice outlives the page where it may. What has drawn
// with computed colours, as a canvas does, draws again on the document's event "evengrad-theme".
import {h} from "./dom";

const themes = ["auto", "light", "dark"] as const;
const tell = () => document.dispatchEvent(new Event("evengrad-theme"));

export function themeSwitch(): HTMLElement {
  const root = document.documentElement;
  const button = h("button.quiet.theme", {type: "button"});
  const set = (theme: string) => {
    root.dataset.theme = theme;
    button.textContent = theme === "auto" ? "◐ Auto" : theme === "light" ? "☀ Light" : "☾ Dark";
    button.setAttribute("aria-label", `Colours: ${theme}. Change`);
    tell();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
  let current = "auto";
  try {
    current = localStorage.getItem("evengrad-theme") ?? "auto";
  } catch {
    // A page without storage begins with the system's colours.
  }
  set(current);
  button.addEventListener("click", () => {
    current = themes[(themes.indexOf(current as "auto") + 1) % themes.length]!;
    set(current);
    try {
      localStorage.setItem("evengrad-theme", current);
    } catch {
      // The choice then lasts as long as the page.
    }
  });
  return button;
}
