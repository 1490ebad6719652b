/**
 * From a query to its answer: which handler, which lookup, which records, which code. The records themselves are made in
 * records.ts, what fits is decided in trim.ts.
 */
import type { AgentApi } from "../agent/contract.ts";
import type { CheckServiceNode } from "../model/catalog.ts";
import type { Logger } from "../ports/log.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import { shuffled } from "../ports/random.ts";
import { parseDuration } from "../wire/duration.ts";
import { encodeReply } from "./encode.ts";
import { type AnswerWheel, KeptAnswers } from "./kept-answers.ts";
import { CNAME_DEPTH_MAX, CNAME_RECORDS_PLAIN, NAME_SERVERS_MAX } from "./limits.ts";
import { type Found, Lookups } from "./lookups.ts";
import {
  type Query,
  RCODE,
  type Reply,
  type ResourceRecord,
  subnetAddress,
  TYPE,
  typeOf,
} from "./message.ts";
import { parseQuestion, type Question, reverseAddress, stripDomain } from "./question.ts";
import {
  addressFor,
  cname,
  healthy,
  type Instance,
  instancesOf,
  nameServers,
  nodeAnswer,
  nodeName,
  type RecordRules,
  sameAddress,
  serviceAddresses,
  serviceSrv,
  serviceTtl,
  soaRecord,
} from "./records.ts";
import { forward, resolveName } from "./recursor.ts";
import { trimReply } from "./trim.ts";

export interface Client {
  readonly network: "udp" | "tcp";
  /** IP text; "" for a lookup of our own. */
  readonly address: string;
}

/** What a lookup inside the domain comes to. */
interface Answer {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  /** May be cut to fit. */
  readonly trim: boolean;
  /** The answer depends on where the client is (prepared queries): the whole subnet prefix counts. */
  readonly scoped: boolean;
  /** SOA goes to authority when nothing is left to answer. */
  readonly soaWhenEmpty: boolean;
  /** Holds records of further lookups, which may change by themselves. */
  readonly chased: boolean;
}

const plain = (part: Partial<Answer>): Answer => ({
  rcode: RCODE.noError,
  answers: [],
  authority: [],
  additional: [],
  trim: false,
  scoped: false,
  soaWhenEmpty: false,
  chased: false,
  ...part,
});
const IN_DOMAIN = { authoritative: true, edns: true } as const;
const SERVFAIL = plain({ rcode: RCODE.servFail });

/** How a lookup inside the domain was asked. */
interface Asked {
  /** As the client wrote it, with a final dot. */
  readonly name: string;
  readonly type: number;
  readonly client: Client;
  readonly edns: boolean;
  /** For prepared queries: the client's subnet address, else its own. */
  readonly sourceIp: string;
  /** CNAMEs followed so far. */
  readonly depth: number;
}

export class Resolver {
  readonly #agent: AgentApi;
  readonly #log: Logger;
  readonly #lookups: Lookups;
  readonly #kept = new KeptAnswers<Instance>();

  constructor(agent: AgentApi) {
    this.#agent = agent;
    this.#lookups = new Lookups(agent);
    this.#log = agent.log.named("agent.dns");
  }

  /** The answer's bytes. `message` is the query as it came, for recursors. Never rejects for what a client can send. */
  answer(query: Query, message: Buffer, client: Client): NowOrLater<Buffer> {
    const { config } = this.#agent;
    const lower = query.name.toLowerCase();
    const rest = stripDomain(lower, domainsOf(config));
    if (rest !== undefined) return this.#inDomain(query, rest, message, client);
    if (lower === "arpa." || lower.endsWith(".arpa.")) return this.#reverse(query, lower, message, client);
    if (config.recursors.length > 0) return this.#recurse(query, message, client);
    return this.#encode(query, plain({ rcode: RCODE.refused }), client, {
      authoritative: false,
      edns: false,
    });
  }

  get #rules(): RecordRules {
    const { config } = this.#agent;
    const { dns } = config;
    return {
      domain: config.domain,
      datacenter: config.datacenter,
      nodeTtl: Math.floor(dns.nodeTtlMs / 1000),
      nodeMetaTxt: dns.nodeMetaTxt,
      translateWanAddrs: config.translateWanAddrs,
      addressLimit: dns.aRecordLimit,
      soa: dns.soa,
    };
  }

  get #soa(): ResourceRecord {
    return soaRecord(Math.floor(this.#agent.clock.wall() / 1000), this.#rules);
  }

  #absent(): Answer {
    return plain({ rcode: RCODE.nxDomain, authority: [this.#soa] });
  }

  #inDomain(query: Query, rest: string, message: Buffer, client: Client): NowOrLater<Buffer> {
    const asked: Asked = {
      name: query.name,
      type: query.type,
      client,
      edns: query.edns !== undefined,
      sourceIp: (query.edns?.subnet && subnetAddress(query.edns.subnet)) || client.address,
      depth: 0,
    };
    if (asked.type !== TYPE.SOA && asked.type !== TYPE.NS && asked.type !== TYPE.AXFR) {
      const question = parseQuestion(rest, asked.type, this.#agent.config.datacenter);
      if (question.kind === "service") return this.#serviceReply(query, question, asked, message);
    }
    return this.#domainAnswer(rest, asked).then((answer) => this.#encode(query, answer, client, IN_DOMAIN));
  }

  /** A service's answer to a client: made ahead where the catalog's list is one that was answered from before. */
  #serviceReply(
    query: Query,
    question: Question & { kind: "service" },
    asked: Asked,
    message: Buffer,
  ): NowOrLater<Buffer> {
    const found = this.#lookups.service(question);
    return found instanceof Promise
      ? found.then((f) => this.#replyFrom(f, query, question, asked, message))
      : this.#replyFrom(found, query, question, asked, message);
  }

  #replyFrom(
    found: Found<readonly CheckServiceNode[]>,
    query: Query,
    question: Question & { kind: "service" },
    asked: Asked,
    message: Buffer,
  ): NowOrLater<Buffer> {
    const { config } = this.#agent;
    const { client } = asked;
    if (found.kind !== "found" || found.value.length === 0)
      return this.#encode(query, this.#notFound(found.kind), client, IN_DOMAIN);
    const list = found.value;
    // All of the packet but its id.
    const key = `${client.network} ${message.toString("latin1", 2)}`;
    const instances = (): readonly Instance[] => healthy(instancesOf(list), config.dns.onlyPassing);
    const wheel = this.#kept.wheel(list, config, key, instances);
    const ready = wheel?.next();
    if (ready !== undefined) {
      const answer = Buffer.allocUnsafe(ready.length);
      ready.copy(answer, 2, 2);
      answer.writeUInt16BE(query.id, 0);
      return answer;
    }
    return this.#freshReply(query, question, asked, wheel, instances);
  }

  async #freshReply(
    query: Query,
    question: Question & { kind: "service" },
    asked: Asked,
    wheel: AnswerWheel<Instance> | undefined,
    instances: () => readonly Instance[],
  ): Promise<Buffer> {
    const { config, random } = this.#agent;
    const { client } = asked;
    const ordered = wheel === undefined ? shuffled(random, instances()) : wheel.order(random);
    if (ordered.length === 0) return this.#encode(query, this.#absent(), client, IN_DOMAIN);
    const ttl = serviceTtl(question.service, config.dns.serviceTtlMs);
    const answer = await this.#records(ordered, ttl, asked, false);
    const bytes = this.#encode(query, answer, client, IN_DOMAIN);
    // What was looked up elsewhere, or tells the time, is made anew each time.
    if (wheel !== undefined && !answer.chased && answer.answers.length > 0) this.#kept.keep(wheel, bytes);
    return bytes;
  }

  #notFound(kind: "found" | "unknown" | "failed"): Answer {
    return kind === "failed" ? SERVFAIL : this.#absent();
  }

  async #domainAnswer(rest: string, asked: Asked): Promise<Answer> {
    switch (asked.type) {
      case TYPE.SOA: {
        const servers = await this.#nameServers();
        return plain({ answers: [this.#soa], authority: servers.ns, additional: servers.additional });
      }
      case TYPE.NS: {
        const servers = await this.#nameServers();
        return plain({ answers: servers.ns, additional: servers.additional });
      }
      case TYPE.AXFR:
        return plain({ rcode: RCODE.notImp });
      default:
        return this.#lookUp(parseQuestion(rest, asked.type, this.#agent.config.datacenter), rest, asked);
    }
  }

  async #lookUp(question: Question, rest: string, asked: Asked): Promise<Answer> {
    switch (question.kind) {
      case "invalid":
        this.#log.warn("QName invalid", { qname: rest === "" ? "" : `${rest}.` });
        return this.#absent();
      case "node":
        return this.#node(question, asked);
      case "service":
        return this.#service(question, asked);
      case "query":
        return this.#query(question, asked);
      case "address": {
        const { address } = question;
        if (address === undefined) return plain({});
        const rules = this.#rules;
        // Its owner is the lower-case name in the primary domain, whatever was asked (observed).
        const record = addressFor(`${rest}.${rules.domain}`, TYPE.ANY, rules.nodeTtl, address);
        return plain({ answers: record === undefined ? [] : [record] });
      }
    }
  }

  async #node(question: Question & { kind: "node" }, asked: Asked): Promise<Answer> {
    const { type } = asked;
    if (type !== TYPE.A && type !== TYPE.AAAA && type !== TYPE.ANY && type !== TYPE.TXT) return plain({});
    const found = await this.#lookups.node(question.datacenter, question.node);
    if (found.kind === "failed") return SERVFAIL;
    if (found.kind === "unknown" || found.value === undefined) return this.#absent();
    const made = nodeAnswer(asked.name, type, found.value, this.#rules);
    const chased = made.chase === undefined ? [] : await this.#chase(made.chase, asked);
    if (made.textsIn === "answer") return plain({ answers: [...made.answers, ...chased, ...made.texts] });
    return plain({ answers: [...made.answers, ...chased], additional: made.texts });
  }

  async #service(question: Question & { kind: "service" }, asked: Asked): Promise<Answer> {
    const { config, random } = this.#agent;
    const found = await this.#lookups.service(question);
    if (found.kind === "failed") return SERVFAIL;
    if (found.kind === "unknown") return this.#absent();
    const instances = healthy(instancesOf(found.value), config.dns.onlyPassing);
    if (instances.length === 0) return this.#absent();
    return this.#records(
      shuffled(random, instances),
      serviceTtl(question.service, config.dns.serviceTtlMs),
      asked,
      false,
    );
  }

  async #query(question: Question & { kind: "query" }, asked: Asked): Promise<Answer> {
    const { config } = this.#agent;
    const found = await this.#lookups.preparedQuery(question.datacenter, question.query, asked.sourceIp);
    if (found.kind === "failed") return SERVFAIL;
    if (found.kind === "unknown") return this.#absent();
    const reply = found.value;
    const instances = instancesOf(reply.Nodes).map((i) =>
      i.node.Datacenter === "" ? { ...i, node: { ...i.node, Datacenter: reply.Datacenter } } : i,
    );
    if (instances.length === 0) return this.#absent();
    return this.#records(
      instances,
      this.#queryTtl(reply.DNS.TTL) ?? serviceTtl(reply.Service, config.dns.serviceTtlMs),
      asked,
      true,
    );
  }

  #queryTtl(text: string): number | undefined {
    if (text === "") return undefined;
    try {
      return Math.max(0, Number(parseDuration(text) / 1_000_000_000n));
    } catch {
      this.#log.warn("Failed to parse TTL of a prepared query, ignoring it", { ttl: text });
      return undefined;
    }
  }

  async #records(
    instances: readonly Instance[],
    ttl: number,
    asked: Asked,
    scoped: boolean,
  ): Promise<Answer> {
    const rules = this.#rules;
    const shape = { trim: true, scoped, soaWhenEmpty: true };
    if (asked.type !== TYPE.SRV) {
      const made = serviceAddresses(asked.name, asked.type, instances, ttl, rules);
      if (made.chase === undefined) return plain({ answers: made.answers, ...shape });
      return plain({
        answers: [
          cname(asked.name, ttl, made.chase),
          ...(await this.#chaseForService(made.chase, ttl, asked)),
        ],
        ...shape,
        chased: true,
      });
    }
    const answers: ResourceRecord[] = [];
    const additional: ResourceRecord[] = [];
    let chased = false;
    for (const one of serviceSrv(asked.name, instances, ttl, rules)) {
      answers.push(one.srv);
      additional.push(...one.additional);
      if (one.chase !== undefined) {
        chased = true;
        additional.push(...(await this.#chaseForService(one.chase, ttl, asked)));
      }
      additional.push(...one.texts);
    }
    return plain({ answers, additional, ...shape, chased });
  }

  /** The records behind a CNAME's target: from the catalog when it lies in our domains, else from a recursor. */
  async #chase(target: string, asked: Asked): Promise<readonly ResourceRecord[]> {
    const { config, clock, random } = this.#agent;
    const rest = stripDomain(target, domainsOf(config));
    if (rest !== undefined) {
      if (asked.depth >= CNAME_DEPTH_MAX) {
        this.#log.error("Infinite recursion detected for name, won't perform any CNAME resolution.", {
          name: target,
        });
        return [];
      }
      const inner: Asked = {
        ...asked,
        name: target,
        type: TYPE.ANY,
        client: { network: "udp", address: "" },
        sourceIp: "",
        depth: asked.depth + 1,
      };
      return (await this.#domainAnswer(rest, inner)).answers;
    }
    if (config.recursors.length === 0) return [];
    return resolveName(config.recursors, target, config.dns.recursorTimeoutMs, { clock, random });
  }

  async #chaseForService(target: string, ttl: number, asked: Asked): Promise<readonly ResourceRecord[]> {
    const useful = (await this.#chase(target, asked)).filter((r) => {
      const type = typeOf(r);
      return type === TYPE.CNAME || type === TYPE.A || type === TYPE.AAAA;
    });
    return (asked.edns ? useful : useful.slice(0, CNAME_RECORDS_PLAIN)).map((r) => ({ ...r, ttl }));
  }

  async #nameServers(): Promise<{
    readonly ns: readonly ResourceRecord[];
    readonly additional: readonly ResourceRecord[];
  }> {
    const { config, random } = this.#agent;
    const found = await this.#lookups.service({
      datacenter: config.datacenter,
      service: "consul",
      tag: "",
      variant: "plain",
    });
    const instances = found.kind === "found" ? healthy(instancesOf(found.value), config.dns.onlyPassing) : [];
    if (instances.length === 0) this.#log.warn("no servers found");
    const servers = nameServers(shuffled(random, instances), NAME_SERVERS_MAX, this.#rules);
    for (const node of servers.skipped) this.#log.warn("Skipping invalid node for NS records", { node });
    return servers;
  }

  async #reverse(query: Query, lower: string, message: Buffer, client: Client): Promise<Buffer> {
    const { config } = this.#agent;
    const rules = this.#rules;
    const address = reverseAddress(lower);
    let target: string | undefined;
    if (address !== undefined) {
      const nodes = await this.#lookups.nodes();
      const node =
        nodes.kind === "found" ? nodes.value.find((n) => sameAddress(n.Address, address)) : undefined;
      if (node !== undefined) target = nodeName(node, rules);
      else {
        const services = await this.#lookups.servicesAt(canonical(address));
        const service =
          services.kind === "found"
            ? services.value.find((s) => sameAddress(s.ServiceAddress, address))
            : undefined;
        if (service !== undefined)
          target = `${service.ServiceName}.service.${service.Datacenter || config.datacenter}.${config.domain}`;
      }
    }
    if (target === undefined) return this.#recurse(query, message, client);
    const answers: readonly ResourceRecord[] = [
      { name: query.name, ttl: 0, data: { kind: "name", type: TYPE.PTR, target } },
    ];
    const authority = query.type === TYPE.SOA ? [this.#soa] : [];
    return this.#encode(query, plain({ answers, authority }), client, { authoritative: true, edns: true });
  }

  async #recurse(query: Query, message: Buffer, client: Client): Promise<Buffer> {
    const { config, clock, random } = this.#agent;
    const recursors =
      config.dns.recursorStrategy === "random" ? shuffled(random, config.recursors) : config.recursors;
    const relayed = await forward(
      recursors,
      message,
      client.network,
      config.dns.recursorTimeoutMs,
      { clock, random },
      (recursor, error) => this.#log.error("recurse failed", { error, recursor }),
    );
    if (relayed !== undefined) return relayed;
    this.#log.error("all resolvers failed for question from client", {
      name: query.name,
      client: client.address,
    });
    return this.#encode(query, SERVFAIL, client, {
      authoritative: false,
      edns: true,
      recursionAvailable: true,
    });
  }

  #encode(
    query: Query,
    answer: Answer,
    client: Client,
    how: { readonly authoritative: boolean; readonly edns: boolean; readonly recursionAvailable?: boolean },
  ): Buffer {
    const { config } = this.#agent;
    const compress = !config.dns.disableCompression;
    const subnet = query.edns?.subnet;
    const scope = answer.scoped && answer.rcode === RCODE.noError ? (subnet?.sourcePrefix ?? 0) : 0;
    let reply: Reply = {
      query,
      rcode: answer.rcode,
      authoritative: how.authoritative,
      truncated: false,
      recursionAvailable: how.recursionAvailable ?? config.recursors.length > 0,
      answers: answer.answers,
      authority: answer.authority,
      additional: answer.additional,
      edns:
        query.edns === undefined || !how.edns
          ? undefined
          : {
              udpBytes: query.edns.udpBytes,
              subnet: subnet === undefined ? undefined : { ...subnet, scope },
            },
    };
    if (answer.trim)
      reply = trimReply(reply, {
        network: client.network,
        compress,
        udpAnswerLimit: config.dns.udpAnswerLimit,
        enableTruncate: config.dns.enableTruncate,
      });
    if (answer.soaWhenEmpty && reply.answers.length === 0 && !reply.truncated)
      reply = { ...reply, authority: [this.#soa] };
    return encodeReply(reply, { compress });
  }
}

const domainsOf = (config: { readonly domain: string; readonly altDomain: string }): readonly string[] =>
  config.altDomain === "" || config.altDomain === "." ? [config.domain] : [config.domain, config.altDomain];

/** The usual text of an address: catalog entries are compared by text. */
const canonical = (address: string): string =>
  address.includes(":") ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;
