/** Numbers, lists and labels as people read them. */

const decimals = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const fixed = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
/** GiB without the unit. @param {number} mib */
export const gibs = (mib) => decimals.format(mib < 100 * 1024 ? mib / 1024 : Math.round(mib / 1024));

/** @param {number} value */
export const number = (value) => decimals.format(value);
/** @param {number} value */
export const ratioText = (value) => fixed.format(value);
/** @param {number} value */
export const score = (value) => precise.format(value);
/** @param {number} seconds since the epoch */
export const moment = (seconds) => moments.format(1000 * seconds);
/** @param {number} level */
export const levelName = (level) => `${level}:1`;
/** @param {number} count @param {string} one the noun in the singular */
export const counted = (count, one) => `${number(count)} ${one}${count === 1 ? "" : "s"}`;
/** @param {number} mib */
export const gib = (mib) => `${gibs(mib)} GiB`;
/** @param {number} usedMib @param {number} allMib */
export const gibOf = (usedMib, allMib) => `${gibs(usedMib)} of ${gibs(allMib)} GiB`;

/** @param {number} seconds */
export function ago(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

/** When a host answered. @param {number | null} seconds since then; null: it never did */
export const answered = (seconds) =>
  seconds === null ? "never answered" : `answered ${ago(seconds)}`;

/** CPUs as Linux lists them: `0-3,8`. @param {number[]} ids */
export function cpuList(ids) {
  /** @type {[number, number][]} */
  const runs = [];
  for (const id of [...ids].sort((one, other) => one - other)) {
    const last = runs.at(-1);
    if (last && last[1] === id - 1) last[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** Labels as `key=value`, sorted by key. @param {Record<string, string> | undefined} labels */
export const labelTexts = (labels) =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();

/**
 * Reads labels that are written `key=value, key=value`.
 * @param {string} text
 * @returns {Record<string, string>}
 * @throws {Error} a part is not written so
 */
export function readLabels(text) {
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  if (parts.some((part) => part.indexOf("=") < 1)) {
    throw new Error("Write labels as key=value, with commas between them.");
  }
  const pairs = parts.map((part) => {
    const at = part.indexOf("=");
    return [part.slice(0, at), part.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}

/** A word of a command line, quoted where a shell would change it. @param {string} word */
export const shellWord = (word) =>
  /^[\w.:/+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
