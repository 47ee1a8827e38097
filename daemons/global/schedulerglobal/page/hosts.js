/** All hosts: the cluster's totals, and a card for each. */

import { fillFrom, filters, keepFilters } from "./address.js";
import { hostStateText } from "./badges.js";
import { Card, MemoryUse } from "./card.js";
import { idealRatio, levelsOf, ratio } from "./cluster.js";
import { Bar, Listing, Table, byId, elementOf, fieldOf, h, linkTo, say } from "./elements.js";
import { FREE, levelTag, lookOf, swatch } from "./levels.js";
import { answered, counted, gibs, labelTexts, levelName, number, ratioText } from "./words.js";

/** From so many hosts on they are shown as a table, unless the user chooses otherwise. */
const MANY_HOSTS = 24;

/** @typedef {{level: number | null, owned: number, allocation: number, hosts: number, share: number}} Total */

/**
 * @template Item
 * @param {Item[]} items @param {(item: Item) => number} value
 */
const sum = (items, value) => items.reduce((total, item) => total + value(item), 0);

/** @param {ClusterHostReply} host */
const isTrouble = (host) => host.state !== "ready";

/** Distance of a host from its ideal memory per CPU, as a logarithm. @param {ClusterHostReply} host */
const imbalance = (host) => Math.abs(Math.log2(ratio(host) / idealRatio(host))) || 0;

/** @type {Record<string, (one: ClusterHostReply, other: ClusterHostReply) => number>} */
const ORDERS = {
  "": () => 0,
  name: (one, other) => one.name.localeCompare(other.name, "en", { numeric: true }),
  trouble: (one, other) =>
    Number(isTrouble(other)) - Number(isTrouble(one)) ||
    Number(other.cordoned) - Number(one.cordoned),
  cpus: (one, other) => other.cpus_free - one.cpus_free,
  memory: (one, other) => other.memory_free_mib - one.memory_free_mib,
  ratio: (one, other) => imbalance(other) - imbalance(one),
};

/** @type {Record<string, (host: ClusterHostReply) => boolean>} */
const STATES = {
  "": () => true,
  ready: (host) => !isTrouble(host),
  trouble: isTrouble,
  cordoned: (host) => host.cordoned,
};

/** Whether a word is in a host's name, a label of it or a VM's name. @param {ClusterHostReply} host @param {string} word */
const matches = (host, word) =>
  [host.name, ...host.vms, ...labelTexts(host.labels)].some((text) =>
    text.toLowerCase().includes(word),
  );

/** @param {number} value GiB per CPU; NaN: no CPU is used */
const perCpu = (value) => (Number.isNaN(value) ? "" : ratioText(value));

/** vNodes of a host in short: `1:1 12`, the level and its CPUs. @param {ClusterHostReply} host */
const levelTexts = (host) =>
  levelsOf(host)
    .filter(([, { owned }]) => owned > 0)
    .map(([level, { owned }]) => `${levelName(level)} ${number(owned)}`);

export class HostsView {
  title = "Hosts";
  isCompact = false;
  #form = elementOf("hosts-filter", HTMLFormElement);
  #words = fieldOf(this.#form, "words", HTMLInputElement);
  #state = fieldOf(this.#form, "state", HTMLSelectElement);
  #order = fieldOf(this.#form, "order", HTMLSelectElement);
  #view = fieldOf(this.#form, "view", HTMLSelectElement);
  /** @type {Map<number | null, Bar>} */
  #bars = new Map();
  /** @type {Listing<ClusterHostReply>} */
  #cards = new Listing(byId("hosts"), (host) => host.name, (host) => new Card(host, this));
  /** @type {Table<Total>} */
  #totals = new Table(
    "CPUs by level",
    ["Level", "Share of all CPUs", "#CPUs", "#vCPUs", "#vCPUs per CPU", "#Hosts"],
    ({ level }) => level,
    ({ level }) => {
      const bar = new Bar();
      bar.element.classList.add(`level-${level ? lookOf(level).colour : "free"}`);
      this.#bars.set(level, bar);
      return [level ? levelTag(level) : h("span.level", swatch(FREE), "free"), bar.element];
    },
    ({ level, owned, allocation, hosts, share }) => {
      this.#bars.get(level)?.fill(share);
      const all = ["", "", number(owned)];
      if (level) all.push(number(allocation), ratioText(allocation / owned), number(hosts));
      else all.push("", "", "");
      return all;
    },
  );
  #memory = new MemoryUse();
  /** @type {Table<ClusterHostReply>} */
  #table = new Table(
    "Hosts",
    [
      ...["Host", "State", "#VMs", "#CPUs free", "#CPUs", "#GiB free", "#GiB", "#GiB per CPU"],
      ...["#Ideal", "CPUs by level", "Answered", "Labels"],
    ],
    ({ name }) => name,
    ({ name }) => [linkTo("hosts", name)],
    (host) => [
      ...["", hostStateText(host), number(host.vms.length), number(host.cpus_free)],
      ...[number(host.cpus), gibs(host.memory_free_mib), gibs(host.memory_mib)],
      ...[perCpu(ratio(host)), perCpu(idealRatio(host)), levelTexts(host).join(" · ")],
      ...[answered(this.cluster.age(host.name)).replace("answered ", "")],
      labelTexts(host.labels).join(", "),
    ],
    {
      Host: ({ name }) => name,
      State: hostStateText,
      VMs: ({ vms }) => vms.length,
      "CPUs free": ({ cpus_free }) => cpus_free,
      CPUs: ({ cpus }) => cpus,
      "GiB free": ({ memory_free_mib }) => memory_free_mib,
      GiB: ({ memory_mib }) => memory_mib,
      "GiB per CPU": (host) => ratio(host) || 0,
      Ideal: (host) => idealRatio(host) || 0,
      Answered: (host) => this.cluster.age(host.name) ?? Infinity,
    },
    () => this.#filter(),
  );

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    byId("totals").append(this.#totals.element, h("div.panel", this.#memory.element));
    this.#table.element.classList.add("tall");
    byId("hosts-table").append(this.#table.element);
    this.#form.addEventListener("input", () => this.#filter());
  }

  /** Takes the filters from the address. */
  show() {
    fillFrom(this.#form);
    this.#table.sort = filters().get("sort") ?? "";
  }

  /** Keeps the filters in the address, and applies them. */
  #filter() {
    keepFilters("hosts", {
      words: this.#words.value,
      state: this.#state.value,
      order: this.#order.value,
      view: this.#view.value,
      sort: this.#table.sort,
    });
    this.update();
  }

  /** Draws what changed. */
  update() {
    const all = [...this.cluster.hosts.values()];
    byId("hosts-all").hidden = all.length === 0;
    const view = this.#view.value || (all.length > MANY_HOSTS ? "table" : "cards");
    this.isCompact = view === "compact";
    byId("hosts").classList.toggle("compact", this.isCompact);
    this.#showTotals(all);
    const word = this.#words.value.trim().toLowerCase();
    const shown = all
      .filter(STATES[this.#state.value])
      .filter((host) => matches(host, word))
      .sort(ORDERS[this.#order.value]);
    const isTable = view === "table";
    this.#cards.show(isTable ? [] : shown);
    this.#table.show(isTable ? this.#table.sorted(shown) : []);
    const part = `${shown.length} of ${counted(all.length, "host")}`;
    say(byId("hosts-shown"), shown.length < all.length ? part : "");
  }

  /** @param {ClusterHostReply[]} hosts */
  #showTotals(hosts) {
    const whole = {
      cpus: sum(hosts, (host) => host.cpus),
      cpus_free: sum(hosts, (host) => host.cpus_free),
      memory_mib: sum(hosts, (host) => host.memory_mib),
      memory_free_mib: sum(hosts, (host) => host.memory_free_mib),
    };
    const vnodes = hosts.flatMap(levelsOf).filter(([, vnode]) => vnode.owned > 0);
    const levels = [...new Set(vnodes.map(([level]) => level))].sort((one, other) => one - other);
    /** @type {Total[]} */
    const totals = levels.map((level) => {
      const its = vnodes.filter(([each]) => each === level).map(([, vnode]) => vnode);
      const owned = sum(its, (vnode) => vnode.owned);
      const allocation = sum(its, (vnode) => vnode.allocation);
      return { level, owned, allocation, hosts: its.length, share: owned / whole.cpus };
    });
    const [owned, share] = [whole.cpus_free, whole.cpus_free / whole.cpus];
    this.#totals.show([...totals, { level: null, owned, allocation: 0, hosts: 0, share }]);
    this.#memory.update(whole);
    const trouble = hosts.filter(STATES.trouble).length;
    const cordoned = hosts.filter(STATES.cordoned).length;
    const facts = [counted(hosts.length, "host"), trouble ? `${trouble} not ready` : "all ready"];
    if (cordoned) facts.push(`${cordoned} cordoned`);
    facts.push(counted(sum(hosts, (host) => host.vms.length), "VM"), counted(whole.cpus, "CPU"));
    const nothing = this.cluster.revision === null ? "" : "The cluster has no hosts yet.";
    say(byId("cluster-facts"), hosts.length ? facts.join(" · ") : nothing);
  }
}
