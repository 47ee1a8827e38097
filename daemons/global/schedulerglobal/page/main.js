/** The page: which view is shown, and whether the controller answers. */

import { token, useToken } from "./api.js";
import { Cluster } from "./cluster.js";
import { askToken, notify } from "./dialogs.js";
import { byId, say } from "./elements.js";
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
  nothing: { title: "No such page" },
};
/** How far each address was scrolled. @type {Map<string, number>} */
const scrolled = new Map();
let current = "";
let address = "";

/**
 * The view that an address names, and the host or VM that it shows.
 * @param {string} hash @returns {[string, string?]}
 */
function viewOf(hash) {
  const [, first = "hosts", name] = hash.match(/^#\/(hosts|vms|deploy)(?:\/([^/]+))?$/) ?? [];
  if (hash && hash !== "#/" && !hash.startsWith(`#/${first}`)) return ["nothing"];
  if (!name) return [first];
  try {
    return first === "deploy" ? ["nothing"] : [first.slice(0, -1), decodeURIComponent(name)];
  } catch {
    return ["nothing"];
  }
}

function go() {
  scrolled.set(address, scrollY);
  const isFirst = current === "";
  const [view, name] = viewOf(location.hash);
  [current, address] = [view, location.hash];
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
  scrollTo(0, view === "hosts" || view === "vms" ? (scrolled.get(address) ?? 0) : 0);
}

function tick() {
  const { failure, answeredAt } = cluster;
  const hosts = [...cluster.hosts.values()];
  const simulated = hosts.filter((host) => host.hypervisor === "memory").length;
  const isAll = simulated === hosts.length;
  byId("simulated").hidden = simulated === 0;
  say(byId("simulated"), isAll ? "simulated hosts" : "some hosts are simulated");
  say(byId("link"), failure ? "not connected" : "live");
  byId("link").classList.toggle("wrong", failure !== null);
  byId("lost").hidden = failure === null;
  const last = `This page shows the state at ${new Date(answeredAt).toLocaleTimeString()}.`;
  if (failure) say(byId("lost-text"), `${failure.message} ${answeredAt ? last : ""}`);
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
