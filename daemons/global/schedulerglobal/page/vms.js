/** All VMs, with a search; and the table that shows VMs. */

import { call, messageOf } from "./api.js";
import { stateText } from "./badges.js";
import { levelsOf } from "./cluster.js";
import { Table, byId, elementOf, fieldOf, h, linkTo, say } from "./elements.js";
import { levelTag } from "./levels.js";
import { counted, gib, labelTexts, levelName, number, readLabels } from "./words.js";

const AT_ONCE = 200;

/** The VMs that a query of `/v1/vms` finds, at first as many as can be read at once. */
export class VmTable {
  /** @type {Table<VMReply>} */
  #table = new Table(
    "VMs",
    ["Name", "State", "Level", "#vCPUs", "#Memory", "Host", "Addresses", "Labels", "Image"],
    (vm) => [vm.host, vm.name, vm.level].join(),
    ({ name, level, host }) =>
      [linkTo("vms", name), null, levelTag(level), null, null, linkTo("hosts", host)],
    (vm) => [
      ...["", stateText(vm.state), "", number(vm.vcpus), gib(vm.memory_mib), ""],
      ...[vm.addresses.join(", "), labelTexts(vm.labels).join(", "), vm.image],
    ],
  );
  #problem = h("p.error", { role: "alert" });
  #more = h("button", "Show more", { type: "button", onclick: () => this.#showMore() });
  element = h("div", this.#problem, this.#table.element, this.#more);
  #limit = AT_ONCE;
  #asked = "";

  /** @param {import("./cluster.js").Cluster} cluster @param {() => Record<string, string>} query may throw an error to show */
  constructor(cluster, query) {
    this.cluster = cluster;
    this.query = query;
    this.#more.hidden = true;
  }

  /** Asks again where a host or the query has changed since the last answer. */
  async update() {
    const { revision } = this.cluster;
    let query = "";
    try {
      query = `${new URLSearchParams({ ...this.query(), limit: `${this.#limit}` })}`;
    } catch (error) {
      this.#asked = "";
      return say(this.#problem, messageOf(error));
    }
    const asked = `${revision} ${query}`;
    if (revision === null || asked === this.#asked) return;
    this.#asked = asked;
    let problem = "";
    try {
      /** @type {ClusterVMsReply} */
      const { vms, total } = await call("GET", `/v1/vms?${query}`);
      if (asked !== this.#asked) return;
      const all = counted(total, "VM");
      this.#table.show(vms, vms.length < total ? `${vms.length} of ${all}` : all);
      this.#more.hidden = vms.length === total;
      if (total === 0) problem = "No VMs.";
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#asked = "";
      problem = messageOf(error);
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
  #form = elementOf("vms-filter", HTMLFormElement);
  #search = fieldOf(this.#form, "search", HTMLInputElement);
  #label = fieldOf(this.#form, "label", HTMLInputElement);
  #level = fieldOf(this.#form, "level", HTMLSelectElement);
  /** The labels to filter by: a label that is half typed is not a filter yet. */
  #labels = "";
  #table;

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    this.#table = new VmTable(cluster, () => this.#query());
    byId("view-vms").append(this.#table.element);
    this.#form.addEventListener("input", ({ target }) => {
      if (target !== this.#label || this.#label.value === "") this.#filter();
    });
    this.#label.addEventListener("change", () => this.#filter());
  }

  #filter() {
    this.#labels = this.#label.value.trim();
    this.update();
  }

  update() {
    const known = new Set([...this.#level.options].map((option) => option.value));
    const levels = [...this.cluster.hosts.values()].flatMap(levelsOf).map(([each]) => each);
    const added = [...new Set(levels)].filter((each) => !known.has(`${each}`));
    added.sort((one, other) => one - other);
    this.#level.append(...added.map((each) => h("option", levelName(each), { value: `${each}` })));
    this.#table.update();
  }

  #query() {
    return {
      search: this.#search.value.trim(),
      ...(this.#level.value && { level: this.#level.value }),
      ...(this.#labels && { label: labelTexts(readLabels(this.#labels)).join() }),
    };
  }
}
