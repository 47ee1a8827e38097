/** The page: which view is shown, and whether the controller answers. */

import { token, useToken } from "./api.js";
import { CapacityView } from "./capacity.js";
import { Cluster } from "./cluster.js";
import { askToken, notify } from "./dialogs.js";
import { byId, say } from "./elements.js";
import { EventsView } from "./events.js";
import { HostView } from "./host.js";
import { HostsView } from "./hosts.js";
import { DeployView } from "./plan.js";
import { VmView } from "./vm.js";
import { VmsView } from "./vms.js";

const cluster = new Cluster();
/** @typedef {{title: string, show?: (name: string) => void, update?: () => unknown}} View */

/** @type {Record<string, View>} */
const views = {
  hosts: new HostsView(cluster),
  host: new HostView(cluster),
  vms: new VmsView(cluster),
  vm: new VmView(cluster),
  deploy: new DeployView(cluster),
  capacity: new CapacityView(),
  events: new EventsView(cluster),
  nothing: { title: "No such page" },
};
/** How far each address was scrolled. @type {Map<string, number>} */
const scrolled = new Map();
let current = "";

/**
 * The view that an address names, and the host or VM that it shows.
 * @param {string} hash @returns {[string, string?]}
 */
function viewOf(hash) {
  const [path] = hash.split("?");
  const named = path.match(/^#\/(hosts|vms|deploy|capacity|events)(?:\/([^/]+))?$/);
  const [, first = "hosts", name] = named ?? [];
  if (path && path !== "#/" && !path.startsWith(`#/${first}`)) return ["nothing"];
  if (!name) return [first];
  const isOneOfMany = first === "hosts" || first === "vms";
  try {
    return isOneOfMany ? [first.slice(0, -1), decodeURIComponent(name)] : ["nothing"];
  } catch {
    return ["nothing"];
  }
}

/** @param {HashChangeEvent} [event] */
function go(event) {
  if (event) scrolled.set(new URL(event.oldURL).hash, scrollY);
  const isFirst = current === "";
  const [view, name] = viewOf(location.hash);
  current = view;
  for (const section of byId("main").getElementsByTagName("section")) {
    if (section.parentElement?.id === "main") section.hidden = section.id !== `view-${view}`;
  }
  for (const link of document.links) {
    if (link.closest("nav")) link.ariaCurrent = link.hash.startsWith(`#/${view}`) ? "page" : null;
  }
  views[view].show?.(name ?? "");
  views[view].update?.();
  document.title = `${views[view].title} · SlackVM`;
  if (isFirst) return;
  byId(`view-${view}`).getElementsByTagName("h1")[0].focus({ preventScroll: true });
  scrollTo(0, view === "hosts" || view === "vms" ? (scrolled.get(location.hash) ?? 0) : 0);
}

function tick() {
  const { failure, answeredAt, isStale } = cluster;
  const hosts = [...cluster.hosts.values()];
  const simulated = hosts.filter((host) => host.hypervisor === "memory").length;
  const isAll = simulated === hosts.length;
  byId("simulated").hidden = simulated === 0;
  say(byId("simulated"), isAll ? "simulated hosts" : "some hosts are simulated");
  const time = new Date(answeredAt).toLocaleTimeString();
  const isLive = !failure && !isStale;
  say(byId("link"), isLive ? "live" : answeredAt ? `not live since ${time}` : "not connected");
  byId("link").classList.toggle("wrong", !isLive);
  document.body.classList.toggle("stale", isStale);
  byId("lost").hidden = isLive;
  const why = failure?.message ?? "The controller does not answer.";
  if (!isLive) say(byId("lost-text"), `${why} ${answeredAt ? `This page shows the state at ${time}.` : ""}`);
  views[current].update?.();
}

for (const form of document.querySelectorAll("main form")) {
  form.addEventListener("submit", (event) => event.preventDefault());
}
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // its address would be another view's
  byId("main").focus();
});
byId("lost-retry").addEventListener("click", () => cluster.poll());
byId("token-button").addEventListener("click", async () => {
  const given = await askToken("Use another token, for instance one that may make changes.");
  if (given === null) return;
  useToken(given);
  notify("");
  cluster.poll();
});
byId("token-button").hidden = token() === null;
cluster.addEventListener("tick", tick);
addEventListener("hashchange", go);
history.scrollRestoration = "manual";
go();
cluster.poll();
