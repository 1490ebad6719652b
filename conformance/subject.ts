/** What a case is about, and whether it went well: endpoint, command or form of a DNS question. For the compatibility table and the test of coverage. */
import { find } from "../src/cli/commands.ts";
import { apiRoutes } from "../src/http/api.ts";
import { Router } from "../src/http/router.ts";
import type { Route } from "../src/http/routes.ts";
import type { Case, Family, Step } from "./case.ts";
import { caseId } from "./case.ts";
import { readRecording } from "./recording.ts";

/** `GET /v1/kv/{key}`, `kv get`, `<service>.service`. */
export type Subject = string;

export const endpointName = (route: Pick<Route, "method" | "pattern">): Subject =>
  `${route.method} ${route.pattern}`;

/** Forms of names that the DNS server knows, in the order in which they are tried. */
const DNS_FORMS: readonly (readonly [Subject, RegExp])[] = [
  ["<reversed IPv4>.in-addr.arpa", /\.in-addr\.arpa$/],
  ["<reversed IPv6>.ip6.arpa", /\.ip6\.arpa$/],
  ["the domain itself", /^(consul|alt\.test)$/],
  ["_<service>._<tag>.service[.<dc>]", /^_[^.]+\._[^.]+(\.service(\.[^.]+)?)?\.(consul|alt\.test)$/],
  ["<node>.node[.<dc>]", /(^|\.)node(\.[^.]+)?\.(consul|alt\.test)$/],
  ["<tag>.<service>.service[.<dc>]", /^[^.]+\.[^.]+\.service(\.[^.]+)?\.(consul|alt\.test)$/],
  ["<service>.service[.<dc>]", /(^|\.)service(\.[^.]+)*\.(consul|alt\.test)$/],
  ["<service>.connect[.<dc>]", /(^|\.)connect(\.[^.]+)?\.(consul|alt\.test)$/],
  ["<service>.ingress[.<dc>]", /(^|\.)ingress(\.[^.]+)?\.(consul|alt\.test)$/],
  ["<query>.query[.<dc>]", /(^|\.)query(\.[^.]+)?\.(consul|alt\.test)$/],
  ["<hex address>.addr[.<dc>]", /(^|\.)addr(\.[^.]+)?\.(consul|alt\.test)$/],
  ["other names of the domain", /\.(consul|alt\.test)$/],
  ["names elsewhere", /(?:)/],
];

/** Forms for which there is no good answer: unknown names, and names elsewhere without a recursor. */
export const DNS_ALWAYS_REFUSED: ReadonlySet<Subject> = new Set([
  "other names of the domain",
  "names elsewhere",
]);

export const dnsForms: readonly Subject[] = DNS_FORMS.map(([name]) => name);

export const dnsForm = (name: string): Subject => {
  const plain = name.toLowerCase().replace(/\.$/, "");
  return DNS_FORMS.find(([, form]) => form.test(plain))![0];
};

const router = new Router(apiRoutes);

const METHODS = ["GET", "PUT", "POST", "DELETE"] as const;

/** The endpoints of a path: the one with the method, or all of them when none has it. */
function endpoints(method: string, target: string): readonly Subject[] {
  const match = router.match(target.split("?")[0]!);
  if (match === undefined || match === "slash") return [];
  const found = match.endpoint.find(method, match.rest);
  if (found !== undefined) return [endpointName(found)];
  return METHODS.flatMap((m) => {
    const other = match.endpoint.find(m, match.rest);
    return other === undefined || other.method !== m ? [] : [endpointName(other)];
  });
}

/** None: a path or command that is none. Several: a path asked with a method that it does not take. */
export function stepSubjects(step: Step): readonly Subject[] {
  switch (step.kind) {
    case "http":
      return endpoints(step.method, step.path);
    case "dns":
      return [dnsForm(step.ask.name)];
    case "cli": {
      const [first = ""] = step.words;
      const name = /^--?v(ersion)?$/.test(first) ? "version" : find(step.words)?.name;
      return name === undefined ? [] : [name];
    }
    default:
      return step satisfies never;
  }
}

/** Whether an answer of the original, in normal form, is what one asks for, and not a refusal or nothing. */
export function wentWell(step: Step, answer: string): boolean {
  if (step.kind === "http") return /^status [123]/.test(answer);
  if (step.kind === "cli") return answer.startsWith("exit 0");
  return / rcode 0$/m.test(answer) && /^answer /m.test(answer);
}

/** Steps whose answers are compared, with the subject of each. */
const compared = (c: Case): readonly Step[] => c.steps.filter((s) => s.view !== "none");

/** What the compared steps of a case are about. */
export const subjectsOf = (c: Case): ReadonlySet<Subject> => new Set(compared(c).flatMap(stepSubjects));

export interface Played {
  readonly id: string;
  readonly subject: Subject;
  readonly good: boolean;
}

/** All that was recorded of the original, case by case; a case of several subjects comes once for each. */
export function playedSubjects(families: readonly Family[]): readonly Played[] {
  const out: Played[] = [];
  for (const f of families) {
    const recorded = readRecording(f.name);
    for (const c of f.cases) {
      const id = caseId(f, c);
      const steps = compared(c);
      const answers = (recorded.get(id) ?? "").split("\n--\n");
      for (const [i, step] of steps.entries()) {
        const answer = answers[i];
        if (answer === undefined || answer === "") continue;
        for (const subject of stepSubjects(step)) out.push({ id, subject, good: wentWell(step, answer) });
      }
    }
  }
  return out;
}
