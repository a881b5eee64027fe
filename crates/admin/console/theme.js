// Light, dark, or as the system has it.
import { cell } from "./cell.js";

const KEY = "wellspring.theme";
export const theme = cell(localStorage.getItem(KEY) ?? "auto");

export function applyTheme() {
  const chosen = theme.value;
  const dark = chosen === "dark" || (chosen === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

export function chooseTheme(name) {
  theme.value = name;
  localStorage.setItem(KEY, name);
  applyTheme();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);
