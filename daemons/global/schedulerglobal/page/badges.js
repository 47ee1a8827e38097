/** Short words that show a state, by shape and text as well as by hue; and labels. */

import { h } from "./elements.js";
import { labelTexts } from "./words.js";

/** Kind of badge and text of each known state; a word of a later release is shown as it is. */
const STATES = new Map([
  ["ready", ["good", "✓ ready"]],
  ["not_ready", ["bad", "✕ not ready"]],
  ["overcommitted", ["warn", "▲ overcommitted"]],
  ["unknown", ["bad", "? unknown"]],
  ["running", ["good", "▶ running"]],
  ["stopped", ["", "■ stopped"]],
  ["paused", ["warn", "‖ paused"]],
  ["crashed", ["bad", "✕ crashed"]],
  ["lost", ["bad", "✕ lost"]],
  ["fenced", ["warn", "‖ fenced"]],
  ["lost", ["bad", "✕ lost"]],
]);

/** @param {string} state of a host or of a VM */
export const stateText = (state) => STATES.get(state)?.[1] ?? state;

/** @param {string} state of a host or of a VM */
export const stateBadge = (state) => badge(STATES.get(state)?.[0] ?? "", stateText(state));

/** The state of a host in words, with whether it is cordoned. @param {ClusterHostReply} host */
export const hostStateText = (host) =>
  stateText(host.state) + (host.cordoned ? ", ‖ cordoned" : "");

/** @param {ClusterHostReply} host */
export function hostBadges(host) {
  const badges = [stateBadge(host.state)];
  if (host.cordoned) badges.push(badge("warn", "‖ cordoned"));
  if (host.suspect) badges.push(badge("warn", "? suspect"));
  if (host.hypervisor === "memory") badges.push(badge("simulated", "simulated"));
  return badges;
}

/** @param {Record<string, string> | undefined} labels */
export const labelTags = (labels) => labelTexts(labels).map((text) => h("span.label", text));

/** @param {string} kind @param {string} text */
const badge = (kind, text) => h("span", text, { className: `badge ${kind}` });
