/** All hosts: the cluster's totals, and a card for each. */

import { Card, MemoryUse } from "./card.js";
import { idealRatio, levelsOf, ratio } from "./cluster.js";
import { Listing, Table, bar, byId, fill, h, say } from "./elements.js";
import { FREE, levelTag, lookOf, swatch } from "./levels.js";
import { counted, number, ratioText } from "./words.js";

/** @typedef {import("./cluster.js").Host} Host */

const MANY_HOSTS = 24;

const sum = (hosts, value) => hosts.reduce((total, host) => total + value(host), 0);
const isTrouble = (host) => host.state !== "ready";

/** How far a host is from its ideal memory per CPU, as a factor's logarithm. @param {Host} host */
const imbalance = (host) => Math.abs(Math.log2(ratio(host) / idealRatio(host))) || 0;

const ORDERS = {
  cluster: () => 0,
  name: (one, other) => one.name.localeCompare(other.name, "en", { numeric: true }),
  trouble: (one, other) => isTrouble(other) - isTrouble(one) || other.cordoned - one.cordoned,
  cpus: (one, other) => other.cpus_free - one.cpus_free,
  memory: (one, other) => other.memory_free_mib - one.memory_free_mib,
  ratio: (one, other) => imbalance(other) - imbalance(one),
};

const STATES = {
  any: () => true,
  ready: (host) => !isTrouble(host),
  trouble: isTrouble,
  cordoned: (host) => host.cordoned,
};

export class HostsView {
  title = "Hosts";
  isCompact = false;
  #form = byId("hosts-filter");
  #choseDensity = false;
  #cards = new Listing(byId("hosts"), (host) => host.name, (host) => new Card(host, this));
  #totals = new Table(
    "CPUs by level",
    ["Level", "Share of all CPUs", "#CPUs", "#vCPUs", "#vCPUs per CPU", "#Hosts"],
    ({ level }) => level ?? "free",
    ({ level }) => [
      level ? levelTag(level) : h("span.level", swatch(FREE), "free"),
      Object.assign(bar(), { className: `bar level-${level ? lookOf(level).colour : "free"}` }),
    ],
    ({ level, owned, allocation, hosts, share }, row) => {
      fill(row.querySelector(".bar"), share);
      const all = ["", "", number(owned)];
      if (level) all.push(number(allocation), ratioText(allocation / owned), number(hosts));
      return all;
    },
  );
  #memory = new MemoryUse();

  /** @param {import("./cluster.js").Cluster} cluster */
  constructor(cluster) {
    this.cluster = cluster;
    byId("totals").append(this.#totals.element, h("div.panel", this.#memory.element));
    this.#form.addEventListener("input", ({ target }) => {
      if (target === this.#form.elements.compact) this.#choseDensity = true;
      this.update();
    });
  }

  /** Draws what changed. */
  update() {
    const all = [...this.cluster.hosts.values()];
    byId("hosts-all").hidden = all.length === 0;
    const { words, state, order, compact } = this.#form.elements;
    if (!this.#choseDensity) compact.checked = all.length > MANY_HOSTS;
    this.isCompact = compact.checked;
    byId("hosts").classList.toggle("compact", this.isCompact);
    this.#showTotals(all);
    const text = words.value.trim().toLowerCase();
    const has = (name) => name.toLowerCase().includes(text);
    const isMeant = (host) => has(host.name) || (text && host.vms.some(has));
    const shown = all.filter(STATES[state.value]).filter(isMeant).sort(ORDERS[order.value]);
    this.#cards.show(shown);
    const part = `${shown.length} of ${counted(all.length, "host")}`;
    say(byId("hosts-shown"), shown.length < all.length ? part : "");
  }

  /** @param {Host[]} hosts */
  #showTotals(hosts) {
    const fields = ["cpus", "cpus_free", "memory_mib", "memory_free_mib"];
    const sums = fields.map((field) => [field, sum(hosts, (host) => host[field])]);
    const whole = Object.fromEntries(sums);
    const vnodes = hosts.flatMap(levelsOf).filter(([, vnode]) => vnode.owned > 0);
    const levels = [...new Set(vnodes.map(([level]) => level))].sort((one, other) => one - other);
    const totals = levels.map((level) => {
      const its = vnodes.filter(([each]) => each === level).map(([, vnode]) => vnode);
      const owned = sum(its, (vnode) => vnode.owned);
      const allocation = sum(its, (vnode) => vnode.allocation);
      return { level, owned, allocation, hosts: its.length, share: owned / whole.cpus };
    });
    this.#totals.show([...totals, { owned: whole.cpus_free, share: whole.cpus_free / whole.cpus }]);
    this.#memory.update(whole);
    const trouble = hosts.filter(STATES.trouble).length;
    const cordoned = hosts.filter(STATES.cordoned).length;
    const facts = [counted(hosts.length, "host"), trouble ? `${trouble} not ready` : "all ready"];
    if (cordoned) facts.push(`${cordoned} cordoned`);
    facts.push(counted(sum(hosts, (host) => host.vms.length), "VM"), counted(whole.cpus, "CPU"));
    const nothing = this.cluster.revision === null ? "" : "No host is part of the cluster yet.";
    say(byId("cluster-facts"), hosts.length ? facts.join(" · ") : nothing);
  }
}
