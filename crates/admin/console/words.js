// Texts by key. English is complete; what another language lacks is shown in English.
import { cell } from "./cell.js";

const KEY = "wellspring.language";
export const LANGUAGES = { en: "English", zh: "中文" };
const preferred = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
export const language = cell(localStorage.getItem(KEY) ?? preferred);

let english = {};
let chosen = {};

const read = async (name) => (await fetch(`console/words/${name}.json`)).json();

export async function load() {
  const name = language.value;
  [english, chosen] = await Promise.all([read("en"), name === "en" ? {} : read(name)]);
  document.documentElement.lang = name;
}

export async function speak(name) {
  localStorage.setItem(KEY, name);
  chosen = name === "en" ? {} : await read(name);
  document.documentElement.lang = name;
  language.value = name;
}

/** The text of a key; `{name}` in it is replaced. @param {string} key @param {Record<string, unknown>} [values] */
export function t(key, values) {
  const text = chosen[key] ?? english[key] ?? key;
  return values ? text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all)) : text;
}

/** Whether a text exists. */
export const has = (key) => key in english;
