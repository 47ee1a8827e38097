/** One operation at a time on a VM or a host: its buttons rest while one is under way. */

/** The operation that is under way about an object, `vms/web`. @type {Map<string, string>} */
const under = new Map();

/** What is under way about an object; empty: nothing. @param {string} key */
export const busyWith = (key) => under.get(key) ?? "";

/**
 * Does an operation on an object, unless one is under way about it already.
 * @param {string} key `vms/web`
 * @param {string} verb
 * @param {() => Promise<void>} work
 * @param {() => void} draw shows again which buttons can be pressed
 */
export async function once(key, verb, work, draw) {
  if (under.has(key)) return;
  under.set(key, verb);
  draw();
  try {
    await work();
  } finally {
    under.delete(key);
    draw();
  }
}
