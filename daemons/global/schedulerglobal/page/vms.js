/** All VMs, with a search; and the table that shows VMs. */

import { call } from "./api.js";
import { stateText } from "./badges.js";
import { levelsOf } from "./cluster.js";
import { Table, byId, h, linkTo, say } from "./elements.js";
import { levelTag } from "./levels.js";
import { counted, gib, levelName, number } from "./words.js";

/**
 * A VM as it is told, see `/openapi.json`: VMReply.
 * @typedef {{name: string, vcpus: number, memory_mib: number, level: number, image: string,
 *   clone: boolean, state: string, host: string, cpu_list: number[], created: number,
 *   addresses: string[]}} Vm
 */

const AT_ONCE = 200;

/** The VMs that a query of `/v1/vms` finds, at first as many as can be read at once. */
export class VmTable {
  #table = new Table(
    "VMs",
    ["Name", "State", "Level", "#vCPUs", "#Memory", "Host", "Addresses", "Image"],
    (/** @type {Vm} */ vm) => [vm.host, vm.name, vm.level].join(),
    ({ name, level, host }) =>
      [linkTo("vms", name), null, levelTag(level), null, null, linkTo("hosts", host)],
    (vm) => [
      ...["", stateText(vm.state), "", number(vm.vcpus), gib(vm.memory_mib), ""],
      ...[vm.addresses.join(", "), vm.image],
    ],
  );
  #problem = h("p.error", { role: "alert" });
  #more = h("button", "Show more", { type: "button", onclick: () => this.#showMore() });
  element = h("div", this.#problem, this.#table.element, this.#more);
  #limit = AT_ONCE;
  #asked = "";

  /** @param {import("./cluster.js").Cluster} cluster @param {() => object} query */
  constructor(cluster, query) {
    this.cluster = cluster;
    this.query = query;
    this.#more.hidden = true;
  }

  /** Asks anew where a host has changed since, or another question is to be answered. */
  async update() {
    const { revision } = this.cluster;
    const query = `${new URLSearchParams({ ...this.query(), limit: this.#limit })}`;
    const asked = `${revision} ${query}`;
    if (revision === null || asked === this.#asked) return;
    this.#asked = asked;
    let problem = "";
    try {
      const { vms, total } = await call("GET", `/v1/vms?${query}`);
      if (asked !== this.#asked) return;
      const all = counted(total, "VM");
      this.#table.show(vms, vms.length < total ? `${vms.length} of ${all}` : all);
      this.#more.hidden = vms.length === total;
      if (total === 0) problem = "There are none.";
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#asked = "";
      problem = error.message;
    }
    say(this.#problem, problem);
  }

  #showMore() {
    this.#limit += AT_ONCE;
    this.update();
  }
}

export class VmsView {
  title = "VMs";
  #fields = byId("vms-filter").elements;
  #table;

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    this.#table = new VmTable(cluster, () => this.#query());
    byId("view-vms").append(this.#table.element);
    byId("vms-filter").addEventListener("input", () => this.update());
  }

  update() {
    const { level } = this.#fields;
    const known = new Set([...level.options].map((option) => option.value));
    const levels = [...this.cluster.hosts.values()].flatMap(levelsOf).map(([each]) => each);
    const added = [...new Set(levels)].filter((each) => !known.has(`${each}`));
    added.sort((one, other) => one - other);
    level.append(...added.map((each) => h("option", levelName(each), { value: `${each}` })));
    this.#table.update();
  }

  #query() {
    const { search, level } = this.#fields;
    return { search: search.value.trim(), ...(level.value && { level: level.value }) };
  }
}
