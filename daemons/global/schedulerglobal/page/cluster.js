/** The state of the cluster as the controller reports it, kept up to date. */

import { ApiError, call } from "./api.js";

const POLL_MS = 2_000;
const SLOWEST_MS = 30_000;
/** A poll that takes longer has failed: the controller hangs, or the network is cut. The first one,
 * which brings all hosts, may take as long as any request. */
const TIMEOUT_MS = 10_000;
/** What is shown is out of date once it is older: about three polls. */
const STALE_MS = 3 * POLL_MS;
const CLOCK_MS = 1_000;

/** What memory and CPUs a host, or all hosts together, have.
 * @typedef {Pick<ClusterHostReply, "cpus" | "cpus_free" | "memory_mib" | "memory_free_mib">} Size
 */

/** GiB per CPU of what is used; NaN where no CPU is used. @param {Size} size */
export const ratio = ({ memory_mib, memory_free_mib, cpus, cpus_free }) =>
  cpus > cpus_free ? (memory_mib - memory_free_mib) / 1024 / (cpus - cpus_free) : Number.NaN;

/** GiB per CPU of all that there is; NaN while a host has not answered. @param {Size} size */
export const idealRatio = ({ memory_mib, cpus }) => memory_mib / 1024 / cpus;

/**
 * Levels and their vNodes, ascending.
 * @param {ClusterHostReply} host
 * @returns {[number, LevelReply][]}
 */
export const levelsOf = (host) =>
  Object.entries(host.levels)
    .map(([level, vnode]) => /** @type {[number, LevelReply]} */ ([Number(level), vnode]))
    .sort(([one], [other]) => one - other);

/** CPUs that running unmanaged VMs are pinned to. @param {ClusterHostReply} host */
export const foreignCpus = (host) =>
  new Set(host.foreign.filter((vm) => vm.state === "running").flatMap((vm) => vm.cpu_list));

/**
 * Asks the controller regularly, and fires `tick` after every answer or failure, and each second
 * while what is known is out of date. A host that has changed is another object, one that has not
 * is the same.
 */
export class Cluster extends EventTarget {
  /** @type {Map<string, ClusterHostReply>} by name, in the cluster's order */
  hosts = new Map();
  /** @type {string | null} revision of the last answer; null: none came yet */
  revision = null;
  /** @type {ApiError | null} why there is no answer now */
  failure = null;
  answeredAt = 0;
  /** @type {HostsReply["ages"]} */
  #ages = {};
  #timer = 0;
  #failures = 0;
  #asking = false;
  #again = false;

  constructor() {
    super();
    setInterval(() => this.isStale && this.dispatchEvent(new Event("tick")), CLOCK_MS);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.failure?.status !== 401) this.poll();
    });
  }

  /** Whether what is shown is too old to be called the present state. */
  get isStale() {
    return this.answeredAt > 0 && Date.now() - this.answeredAt > STALE_MS;
  }

  /** Seconds since a host answered, as far as is known; null: it never did. @param {string} name */
  age(name) {
    const age = this.#ages[name] ?? null;
    return age === null ? null : age + (Date.now() - this.answeredAt) / 1000;
  }

  /** Asks now, and from then on at intervals. */
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
      const limit = this.revision === null ? {} : { timeoutMs: TIMEOUT_MS };
      const since = this.revision === null ? "" : `&since=${encodeURIComponent(this.revision)}`;
      const path = `/v1/hosts?topologies=digest${since}`;
      this.#take(await call("GET", path, undefined, limit));
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

  /** @param {HostsReply} reply */
  #take({ revision, hosts, topologies, ages }) {
    const changed = hosts.map((host) =>
      entry({ ...host, topology: topologies?.[host.topology_digest ?? ""] ?? host.topology ?? [] }),
    );
    const known = new Map([...this.hosts, ...changed]);
    const present = Object.keys(ages).map((name) => known.get(name));
    this.hosts = new Map(present.flatMap((host) => (host ? [entry(host)] : [])));
    this.#ages = ages;
    this.revision = revision;
  }
}

/** @param {ClusterHostReply} host @returns {[string, ClusterHostReply]} */
const entry = (host) => [host.name, host];
