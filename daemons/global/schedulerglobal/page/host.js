/** One host: its grid, vNodes and VMs; it is cordoned and uncordoned here. */

import { call, messageOf } from "./api.js";
import { hostBadges, labelTags } from "./badges.js";
import { busyWith, once } from "./busy.js";
import { Legend, MemoryUse, hostFacts, reasonOf } from "./card.js";
import { levelsOf } from "./cluster.js";
import { confirmed, notify } from "./dialogs.js";
import { Table, byId, h, say } from "./elements.js";
import { Grid, LARGE, ownerOf } from "./grid.js";
import { levelTag } from "./levels.js";
import { VmTable } from "./vms.js";
import { cpuList, gib, number, ratioText } from "./words.js";

export class HostView {
  title = "";
  /** @type {ClusterHostReply | null} */
  #host = null;
  #heading = h("h1", { tabIndex: -1 });
  #badges = h("span.badges");
  #facts = h("p.facts");
  #labels = h("p.labels");
  #reason = h("p.reason");
  #cordon = h("button", { type: "button", onclick: () => this.#toggle() });
  #pointed = h("p.pointed.facts");
  #grid = new Grid(LARGE, this.#pointed);
  #legend = new Legend();
  #memory = new MemoryUse();
  #vms;
  /** @type {Table<[number, LevelReply]>} */
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
  /** @type {Table<ForeignReply>} */
  #foreign = new Table(
    "Unmanaged VMs",
    ["Name", "State", "#vCPUs", "#Memory", "Pinned to"],
    (vm) => vm.name,
    () => [],
    (vm) => [
      ...[vm.name, vm.state, number(vm.vcpus), gib(vm.memory_mib)],
      cpuList(vm.cpu_list) || "any CPU",
    ],
  );
  /** @type {Table<CPUReply>} */
  #cpus = new Table(
    "CPUs",
    ["#CPU", "Owner", "#Core", "#L3", "#NUMA node"],
    (cpu) => cpu.cpu_id,
    () => [],
    ({ cpu_id, core, l3, numa_node }) => {
      const owner = this.#host ? ownerOf(this.#host, cpu_id) : "";
      return [cpu_id, owner, core, l3, numa_node].map(String);
    },
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
    byId("view-host").append(head, this.#facts, this.#labels, this.#body);
  }

  /** @param {string} name */
  show(name) {
    this.title = name;
    this.#host = null;
    say(this.#heading, name);
  }

  update() {
    const host = this.cluster.hosts.get(this.title);
    for (const part of [this.#body, this.#cordon, this.#badges, this.#labels]) part.hidden = !host;
    if (!host) {
      return say(this.#facts, this.cluster.revision ? "There is no host of this name." : "");
    }
    say(this.#facts, `${hostFacts(host, this.cluster.age(host.name))} · ${host.url}`);
    this.#vms.update();
    const busy = busyWith(`hosts/${host.name}`);
    this.#cordon.disabled = busy !== "";
    this.#cordon.ariaBusy = busy ? "true" : null;
    if (host === this.#host) return;
    this.#host = host;
    this.#badges.replaceChildren(...hostBadges(host));
    this.#labels.replaceChildren(...labelTags(host.labels));
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
    if (this.#details.open && this.#host) this.#cpus.show(this.#host.topology ?? []);
  }

  async #toggle() {
    if (!this.#host) return;
    const { name, cordoned } = this.#host;
    const text = "The host gets no new VMs until it is uncordoned. Its VMs stay.";
    if (!cordoned && !(await confirmed(`Cordon ${name}?`, text, "Cordon"))) return;
    const verb = cordoned ? "uncordon" : "cordon";
    const work = async () => {
      try {
        await call("POST", `/v1/hosts/${encodeURIComponent(name)}/${verb}`);
        notify(cordoned ? `${name} gets new VMs again.` : `${name} gets no new VMs.`);
      } catch (error) {
        notify(`${name}: ${messageOf(error)}`, { isError: true });
      }
    };
    await once(`hosts/${name}`, verb, work, () => this.update());
    this.cluster.poll();
  }
}
