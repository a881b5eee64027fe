// A value that pages can watch: the whole of the console's state management.
import { useEffect, useState } from "./vendor/preact.js";

/** @template T @param {T} value */
export function cell(value) {
  const watching = new Set();
  return {
    get value() { return value; },
    set value(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const tell of [...watching]) tell(next);
    },
    /** @param {(value: T) => void} tell @returns {() => void} ends it */
    watch(tell) {
      watching.add(tell);
      return () => watching.delete(tell);
    },
  };
}

/** The cell's value; the component is drawn anew when it changes. */
export function useCell(source) {
  const [, draw] = useState({});
  useEffect(() => {
    const seen = source.value;
    const end = source.watch(() => draw({}));
    // It may have changed between drawing and watching.
    if (!Object.is(seen, source.value)) draw({});
    return end;
  }, [source]);
  return source.value;
}
