/** Requests to the controller's REST interface. */

import { askToken } from "./dialogs.js";

const TOKEN = "slackvm-token";
const TIMEOUT_MS = 60_000;

/** @typedef {{timeoutMs?: number}} CallOptions */

/** The controller refused a request, or could not be reached (`status` 0). */
export class ApiError extends Error {
  /** @param {number} status @param {{message: string, field?: string | null}} detail */
  constructor(status, detail) {
    super(detail.message);
    this.status = status;
    this.field = detail.field ?? "";
  }
}

/** The message of whatever was thrown. @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : `${error}`);

/** The token, kept until the tab is closed; null: none. */
export const token = () => sessionStorage.getItem(TOKEN);
/** @param {string} given */
export const useToken = (given) => sessionStorage.setItem(TOKEN, given);

/** @param {string} name of a VM */
export const vmPath = (name) => `/v1/vms/${encodeURIComponent(name)}`;

/**
 * Returns the controller's answer; asks the user for a token where the controller requires one.
 * @param {string} method @param {string} path @param {object} [body] @param {CallOptions} [options]
 * @returns {Promise<any>} for the caller to declare: a type of `rest.d.ts`
 * @throws {ApiError}
 */
export async function call(method, path, body, options = {}) {
  for (;;) {
    const used = token();
    const response = await send(method, path, body, used, options);
    const answer = await response.json().catch(() => null);
    if (response.ok && answer) return answer;
    const message = `The controller answered ${response.status}.`;
    if (response.status !== 401) throw new ApiError(response.status, answer?.error ?? { message });
    if (token() !== used) continue; // another request has got one meanwhile
    const refused = "The controller refuses this token.";
    const given = await askToken(used ? refused : "The controller requires a token.");
    if (given === null) throw new ApiError(401, { message: "The controller requires a token." });
    useToken(given);
  }
}

/**
 * @param {string} method @param {string} path @param {object | undefined} body
 * @param {string | null} bearer @param {CallOptions} options
 */
async function send(method, path, body, bearer, { timeoutMs = TIMEOUT_MS }) {
  const headers = {
    ...(bearer && { Authorization: `Bearer ${bearer}` }),
    ...(body && { "Content-Type": "application/json" }),
  };
  const signal = AbortSignal.timeout(timeoutMs);
  const text = body && JSON.stringify(body);
  try {
    return await fetch(path, { method, headers, body: text, signal, credentials: "omit" });
  } catch {
    throw new ApiError(0, { message: "The controller does not answer." });
  }
}
