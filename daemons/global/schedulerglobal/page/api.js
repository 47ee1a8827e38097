/** What the controller is asked. */

import { askToken } from "./dialogs.js";

const TOKEN = "slackvm-token";
const SLOWEST_MS = 60_000;

/** The controller refused, or could not be reached (`status` 0). */
export class ApiError extends Error {
  /** @param {number} status @param {{code: string, message: string, field?: string}} detail */
  constructor(status, detail) {
    super(detail.message);
    this.status = status;
    this.field = detail.field;
  }
}

/** The token, kept until the tab is closed; null: none. */
export const token = () => sessionStorage.getItem(TOKEN);
export const useToken = (given) => sessionStorage.setItem(TOKEN, given);

/** @param {string} name of a VM */
export const vmPath = (name) => `/v1/vms/${encodeURIComponent(name)}`;

/**
 * Returns the controller's answer; asks the user for a token where it demands one.
 * @param {string} method @param {string} path @param {object} [body]
 * @throws {ApiError}
 */
export async function call(method, path, body) {
  for (;;) {
    const shown = token();
    const response = await send(method, path, body, shown);
    const answer = await response.json().catch(() => null);
    if (response.ok && answer) return answer;
    const message = `The controller answered ${response.status}.`;
    if (response.status !== 401) throw new ApiError(response.status, answer?.error ?? { message });
    if (token() !== shown) continue; // another request has got one meanwhile
    const refused = "This token is wrong: the controller refuses it.";
    const given = await askToken(shown ? refused : "The controller demands one.");
    if (given === null) throw new ApiError(401, { message: "The controller demands a token." });
    useToken(given);
  }
}

async function send(method, path, body, shown) {
  const headers = {
    ...(shown && { Authorization: `Bearer ${shown}` }),
    ...(body && { "Content-Type": "application/json" }),
  };
  const signal = AbortSignal.timeout(SLOWEST_MS);
  const text = body && JSON.stringify(body);
  try {
    return await fetch(path, { method, headers, body: text, signal, credentials: "omit" });
  } catch {
    throw new ApiError(0, { message: "The controller does not answer." });
  }
}
