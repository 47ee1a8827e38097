/** The cluster as the controller tells it, kept up to date. */

import { ApiError, call } from "./api.js";

/**
 * A host as it is told, see `/openapi.json`: ClusterHostReply.
 * @typedef {{name: string, url: string, state: string, reason: string, cordoned: boolean,
 *   hypervisor: string | null, cpus: number, cpus_free: number, memory_mib: number,
 *   memory_free_mib: number, offered: number[] | null, pending: string[], vms: string[],
 *   levels: Record<string, {owned: number, allocation: number, largest: number,
 *     memory_mib: number, cpu_list: number[], pin_list: number[]}>,
 *   topology: {cpu_id: number, core: number, l3: number, numa_node: number}[],
 *   foreign: {name: string, vcpus: number, memory_mib: number, state: string,
 *     cpu_list: number[]}[], foreign_unpinned: number}} Host
 */

const POLL_MS = 2_000;
const SLOWEST_MS = 30_000;

/** GiB per CPU of what is used; NaN where no CPU is. @param {Host} host */
export const ratio = ({ memory_mib, memory_free_mib, cpus, cpus_free }) =>
  cpus > cpus_free ? (memory_mib - memory_free_mib) / 1024 / (cpus - cpus_free) : Number.NaN;

/** GiB per CPU of all that a host has; NaN where it has never told. @param {Host} host */
export const idealRatio = ({ memory_mib, cpus }) => memory_mib / 1024 / cpus;

/** Levels and their vNodes, ascending. @param {Host} host */
export const levelsOf = (host) =>
  Object.entries(host.levels)
    .map(([level, vnode]) => [Number(level), vnode])
    .sort(([one], [other]) => one - other);

/** Which CPUs running VMs of somebody else are pinned to. @param {Host} host */
export const foreignCpus = (host) =>
  new Set(host.foreign.filter((vm) => vm.state === "running").flatMap((vm) => vm.cpu_list));

/**
 * Asks again and again, and fires `tick` after every answer or failure. A host that has changed is
 * another object, one that has not is the same.
 */
export class Cluster extends EventTarget {
  /** @type {Map<string, Host>} by name, in the cluster's order */
  hosts = new Map();
  /** @type {string | null} what the controller called what it told last; null: it never did */
  revision = null;
  /** @type {ApiError | null} why there is no answer now */
  failure = null;
  answeredAt = 0;
  #ages = {};
  #timer = 0;
  #failures = 0;
  #asking = false;
  #again = false;

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.failure?.status !== 401) this.poll();
    });
  }

  /** Seconds since a host answered, as far as is known; null: it never did. @param {string} name */
  age(name) {
    const age = this.#ages[name] ?? null;
    return age === null ? null : age + (this.failure ? (Date.now() - this.answeredAt) / 1000 : 0);
  }

  /** Asks now, and from then on as often as it makes sense. */
  async poll() {
    this.#again = true;
    if (this.#asking) return;
    clearTimeout(this.#timer);
    this.#asking = true;
    while (this.#again) {
      this.#again = false;
      await this.#ask();
    }
    this.#asking = false;
    if (this.failure?.status === 401) return; // only the user can help
    const wait = document.hidden ? SLOWEST_MS : Math.min(POLL_MS * 2 ** this.#failures, SLOWEST_MS);
    this.#timer = setTimeout(() => this.poll(), wait);
  }

  async #ask() {
    try {
      const since = this.revision === null ? "" : `?since=${encodeURIComponent(this.revision)}`;
      this.#take(await call("GET", `/v1/hosts${since}`));
      this.failure = null;
      this.#failures = 0;
      this.answeredAt = Date.now();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.failure = error;
      this.#failures += 1;
    }
    this.dispatchEvent(new Event("tick"));
  }

  #take({ revision, hosts, ages }) {
    for (const host of hosts) this.hosts.set(host.name, host);
    const known = Object.keys(ages).filter((name) => this.hosts.has(name));
    this.hosts = new Map(known.map((name) => [name, this.hosts.get(name)]));
    this.#ages = ages;
    this.revision = revision;
  }
}
