/** Numbers and lists as people read them. */

const decimals = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const fixed = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const gibs = (mib) => decimals.format(mib < 100 * 1024 ? mib / 1024 : Math.round(mib / 1024));

export const number = (value) => decimals.format(value);
export const ratioText = (value) => fixed.format(value);
export const score = (value) => precise.format(value);
export const moment = (seconds) => moments.format(1000 * seconds);
export const levelName = (level) => `${level}:1`;
export const counted = (count, one) => `${number(count)} ${one}${count === 1 ? "" : "s"}`;
export const gib = (mib) => `${gibs(mib)} GiB`;
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
  const runs = [];
  for (const id of [...ids].sort((one, other) => one - other)) {
    const last = runs.at(-1);
    if (last && last[1] === id - 1) last[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** A word of a command line, quoted where a shell would not take it as it is. */
export const shellWord = (word) =>
  /^[\w.:/+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
