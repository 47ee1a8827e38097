/** Short words that tell a state, by shape and text as well as by hue. */

import { h } from "./elements.js";

const STATES = {
  ready: ["good", "✓ ready"],
  not_ready: ["bad", "✕ not ready"],
  overcommitted: ["warn", "▲ overcommitted"],
  unknown: ["bad", "? unknown"],
  running: ["good", "▶ running"],
  stopped: ["", "■ stopped"],
  paused: ["warn", "‖ paused"],
  crashed: ["bad", "✕ crashed"],
};

/** @param {string} state of a host or of a VM */
export const stateText = (state) => STATES[state]?.[1] ?? state;

export const stateBadge = (state) => badge(STATES[state]?.[0] ?? "", stateText(state));

/** @param {import("./cluster.js").Host} host */
export function hostBadges(host) {
  const badges = [stateBadge(host.state)];
  if (host.cordoned) badges.push(badge("warn", "‖ cordoned"));
  if (host.hypervisor === "memory") badges.push(badge("simulated", "simulated"));
  return badges;
}

const badge = (kind, text) => h("span", text, { className: `badge ${kind}` });
