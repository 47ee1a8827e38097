/** One host: its grid at large, vNodes, VMs, and whether it shall get new ones. */

import { call } from "./api.js";
import { hostBadges } from "./badges.js";
import { Legend, MemoryUse, hostFacts, reasonOf } from "./card.js";
import { levelsOf } from "./cluster.js";
import { confirmed, tell } from "./dialogs.js";
import { Table, byId, h, say } from "./elements.js";
import { Grid, LARGE, ownerOf } from "./grid.js";
import { levelTag } from "./levels.js";
import { VmTable } from "./vms.js";
import { cpuList, gib, number, ratioText } from "./words.js";

/** @typedef {import("./cluster.js").Host} Host */

export class HostView {
  title = "";
  /** @type {Host | null} */
  #host = null;
  #heading = h("h1", { tabIndex: -1 });
  #badges = h("span.badges");
  #facts = h("p.facts");
  #reason = h("p.reason");
  #cordon = h("button", { type: "button", onclick: () => this.#toggle() });
  #pointed = h("p.pointed.facts");
  #grid = new Grid(LARGE, this.#pointed);
  #legend = new Legend();
  #memory = new MemoryUse();
  #vms;
  #vnodes = new Table(
    "vNodes",
    [
      ...["Level", "#CPUs", "#vCPUs", "#vCPUs per CPU", "#Largest VM", "#Memory"],
      ...["Its CPUs", "Its VMs may use"],
    ],
    ([level]) => level,
    ([level]) => [levelTag(level)],
    ([, { owned, allocation, largest, memory_mib, cpu_list, pin_list }]) => [
      ...["", number(owned), number(allocation), owned ? ratioText(allocation / owned) : ""],
      ...[number(largest), gib(memory_mib), cpuList(cpu_list), cpuList(pin_list)],
    ],
  );
  #foreign = new Table(
    "VMs of somebody else",
    ["Name", "State", "#vCPUs", "#Memory", "Pinned to"],
    (vm) => vm.name,
    () => [],
    (vm) => [
      ...[vm.name, vm.state, number(vm.vcpus), gib(vm.memory_mib)],
      cpuList(vm.cpu_list) || "any CPU",
    ],
  );
  #cpus = new Table(
    "CPUs",
    ["#CPU", "Owner", "#Core", "#L3", "#NUMA node"],
    (cpu) => cpu.cpu_id,
    () => [],
    ({ cpu_id, core, l3, numa_node }) =>
      [cpu_id, ownerOf(this.#host, cpu_id), core, l3, numa_node].map(String),
  );
  #details = h("details", h("summary", "Every CPU as a table"), this.#cpus.element, {
    ontoggle: () => this.#showCpus(),
  });
  #body;

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    this.#vms = new VmTable(cluster, () => ({ host: this.title }));
    const use = [this.#grid.element, this.#pointed, this.#legend.element, this.#memory.element];
    const tables = [this.#vnodes, this.#vms, this.#foreign].map((table) => table.element);
    this.#body = h("div", this.#reason, h("div.panel", ...use), ...tables, this.#details);
    const head = h("header", this.#heading, this.#badges, h("span.push", this.#cordon));
    byId("view-host").append(head, this.#facts, this.#body);
  }

  /** @param {string} name */
  show(name) {
    this.title = name;
    this.#host = null;
    say(this.#heading, name);
  }

  update() {
    const host = this.cluster.hosts.get(this.title);
    this.#body.hidden = this.#cordon.hidden = this.#badges.hidden = !host;
    if (!host) {
      return say(this.#facts, this.cluster.revision ? "There is no host of this name." : "");
    }
    say(this.#facts, `${hostFacts(host, this.cluster.age(host.name))} · ${host.url}`);
    this.#vms.update();
    if (host === this.#host) return;
    this.#host = host;
    this.#badges.replaceChildren(...hostBadges(host));
    say(this.#reason, reasonOf(host));
    say(this.#cordon, host.cordoned ? "Uncordon" : "Cordon…");
    this.#grid.show(host);
    this.#legend.update(host);
    this.#memory.update(host);
    this.#vnodes.show(levelsOf(host));
    this.#foreign.show(host.foreign);
    this.#showCpus();
  }

  #showCpus() {
    if (this.#details.open && this.#host) this.#cpus.show(this.#host.topology);
  }

  async #toggle() {
    const { name, cordoned } = this.#host;
    const text = "It gets no new VMs until it is uncordoned. Those that are there stay.";
    if (!cordoned && !(await confirmed(`Cordon ${name}?`, text, "Cordon"))) return;
    const verb = cordoned ? "uncordon" : "cordon";
    try {
      await call("POST", `/v1/hosts/${encodeURIComponent(name)}/${verb}`);
      tell(cordoned ? `${name} gets VMs again.` : `${name} gets no new VMs.`);
    } catch (error) {
      tell(`${name}: ${error.message}`, { wrong: true });
    }
    this.cluster.poll();
  }
}
