/** All VMs, with a search; and the table that shows VMs. */

import { fillFrom, filters, keepFilters } from "./address.js";
import { call, messageOf } from "./api.js";
import { stateText } from "./badges.js";
import { levelsOf } from "./cluster.js";
import { Table, byId, elementOf, fieldOf, h, linkTo, say } from "./elements.js";
import { levelTag } from "./levels.js";
import { counted, gib, labelTexts, levelName, moment, number, readLabels } from "./words.js";

const AT_ONCE = 200;
const LARGEST_PAGE = 10_000;

/** The VMs that a query of `/v1/vms` finds, at first as many as can be read at once. */
export class VmTable {
  /** @type {Table<ClusterVMReply>} */
  #table = new Table(
    "VMs",
    [
      ...["Name", "State", "Level", "#vCPUs", "#Memory", "Host", "Owner", "Created", "Addresses"],
      ...["Labels", "Image"],
    ],
    (vm) => [vm.host, vm.name, vm.level, vm.created].join(),
    ({ name, level, host }) =>
      [linkTo("vms", name), null, levelTag(level), null, null, linkTo("hosts", host)],
    (vm) => [
      ...["", stateText(vm.state), "", number(vm.vcpus), gib(vm.memory_mib), "", vm.owner ?? ""],
      ...[moment(vm.created), vm.addresses.join(", "), labelTexts(vm.labels).join(", "), vm.image],
    ],
    {
      Name: ({ name }) => name,
      State: ({ state }) => state,
      Level: ({ level }) => level,
      vCPUs: ({ vcpus }) => vcpus,
      Memory: ({ memory_mib }) => memory_mib,
      Host: ({ host }) => host,
      Owner: ({ owner }) => owner ?? "",
      Created: ({ created }) => created,
    },
    () => this.onsort(),
  );
  #problem = h("p.error", { role: "alert" });
  #more = h("button", "Show more", { type: "button", onclick: () => this.#showMore() });
  element = h("div", this.#problem, this.#table.element, this.#more);
  #limit = AT_ONCE;
  #asked = "";
  /** Called after the user has sorted the table. */
  onsort = () => {
    this.update();
  };

  /** What the VMs are sorted by, as `Table.sort`. */
  get sort() {
    return this.#table.sort;
  }

  set sort(sort) {
    this.#table.sort = sort;
  }

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
      query = `${new URLSearchParams(this.query())}`;
    } catch (error) {
      this.#asked = "";
      return say(this.#problem, messageOf(error));
    }
    const asked = `${revision} ${query} ${this.#limit} ${this.sort}`;
    if (revision === null || asked === this.#asked) return;
    this.#asked = asked;
    let problem = "";
    try {
      // They come by name: for any other order all of them are needed.
      const isByName = ["", "Name"].includes(this.sort);
      const { vms, total } = await found(query, isByName ? this.#limit : Infinity);
      if (asked !== this.#asked) return;
      const shown = this.#table.sorted(vms).slice(0, this.#limit);
      const all = counted(total, "VM");
      this.#table.show(shown, shown.length < total ? `${number(shown.length)} of ${all}` : all);
      this.#more.hidden = shown.length === total;
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

/**
 * The VMs that a query finds, page by page.
 * @param {string} query @param {number} limit how many are needed
 * @returns {Promise<{vms: ClusterVMReply[], total: number}>}
 */
async function found(query, limit) {
  /** @type {ClusterVMReply[]} */
  const vms = [];
  let after = "";
  for (;;) {
    const page = new URLSearchParams(query);
    page.set("limit", `${Math.min(limit - vms.length, LARGEST_PAGE)}`);
    if (after) page.set("after", after);
    /** @type {ClusterVMsReply} */
    const reply = await call("GET", `/v1/vms?${page}`);
    vms.push(...reply.vms);
    after = reply.after ?? "";
    if (!after || vms.length >= limit) return { vms, total: reply.total };
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
    this.#table.onsort = () => this.#filter();
  }

  /** Takes the filters from the address. */
  show() {
    const level = filters().get("level") ?? "";
    this.#addLevels(level ? [Number(level)] : []);
    fillFrom(this.#form);
    this.#labels = this.#label.value.trim();
    this.#table.sort = filters().get("sort") ?? "";
  }

  /** Keeps the filters in the address, and applies them. */
  #filter() {
    this.#labels = this.#label.value.trim();
    keepFilters("vms", {
      search: this.#search.value,
      level: this.#level.value,
      label: this.#labels,
      sort: this.#table.sort,
    });
    this.update();
  }

  update() {
    const vnodes = [...this.cluster.hosts.values()].flatMap(levelsOf);
    this.#addLevels(vnodes.filter(([, { owned }]) => owned > 0).map(([level]) => level));
    this.#table.update();
  }

  /** Offers levels to filter by. @param {number[]} levels */
  #addLevels(levels) {
    const known = new Set([...this.#level.options].map((option) => option.value));
    const added = [...new Set(levels)].filter((each) => !known.has(`${each}`));
    added.sort((one, other) => one - other);
    this.#level.append(...added.map((each) => h("option", levelName(each), { value: `${each}` })));
  }

  #query() {
    return {
      search: this.#search.value.trim(),
      ...(this.#level.value && { level: this.#level.value }),
      ...(this.#labels && { label: labelTexts(readLabels(this.#labels)).join() }),
    };
  }
}
