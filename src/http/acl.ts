/** /v1/acl while access control is off: every endpoint says so. */
import { HttpError, REFUSALS } from "./errors.ts";
import { type HttpMethod, type Route, route } from "./routes.ts";

const disabled = (): never => {
  throw new HttpError(401, REFUSALS.aclDisabled);
};

const endpoints: readonly (readonly [
  pattern: string,
  summary: string,
  acl: string,
  ...methods: HttpMethod[],
])[] = [
  ["/v1/acl/bootstrap", "Makes the first token.", "none", "PUT"],
  ["/v1/acl/create", "Makes a legacy token.", "acl:write", "PUT"],
  ["/v1/acl/update", "Changes a legacy token.", "acl:write", "PUT"],
  ["/v1/acl/destroy/{id}", "Removes a legacy token.", "acl:write", "PUT"],
  ["/v1/acl/info/{id}", "A legacy token.", "none", "GET"],
  ["/v1/acl/clone/{id}", "Copies a legacy token.", "acl:write", "PUT"],
  ["/v1/acl/list", "All legacy tokens.", "acl:read", "GET"],
  ["/v1/acl/login", "Exchanges a bearer token for a token.", "none", "POST"],
  ["/v1/acl/logout", "Removes a token got by login.", "none", "POST"],
  ["/v1/acl/replication", "State of the replication of tokens and policies.", "acl:read", "GET"],
  ["/v1/acl/policies", "All policies.", "acl:read", "GET"],
  ["/v1/acl/policy", "Makes a policy.", "acl:write", "PUT"],
  ["/v1/acl/policy/{id}", "A policy.", "acl:read", "GET", "PUT", "DELETE"],
  ["/v1/acl/policy/name/{name}", "A policy by its name.", "acl:read", "GET"],
  ["/v1/acl/roles", "All roles.", "acl:read", "GET"],
  ["/v1/acl/role", "Makes a role.", "acl:write", "PUT"],
  ["/v1/acl/role/name/{name}", "A role by its name.", "acl:read", "GET"],
  ["/v1/acl/role/{id}", "A role.", "acl:read", "GET", "PUT", "DELETE"],
  ["/v1/acl/binding-rules", "All binding rules.", "acl:read", "GET"],
  ["/v1/acl/binding-rule", "Makes a binding rule.", "acl:write", "PUT"],
  ["/v1/acl/binding-rule/{id}", "A binding rule.", "acl:read", "GET", "PUT", "DELETE"],
  ["/v1/acl/auth-methods", "All auth methods.", "acl:read", "GET"],
  ["/v1/acl/auth-method", "Makes an auth method.", "acl:write", "PUT"],
  ["/v1/acl/auth-method/{name}", "An auth method.", "acl:read", "GET", "PUT", "DELETE"],
  ["/v1/acl/rules/translate", "Legacy rules in the present form.", "acl:read", "POST"],
  ["/v1/acl/rules/translate/{accessor}", "A legacy token's rules in the present form.", "acl:read", "GET"],
  ["/v1/acl/tokens", "All tokens.", "acl:read", "GET"],
  ["/v1/acl/token", "Makes a token.", "acl:write", "PUT"],
  ["/v1/acl/token/self", "The token of the request.", "none", "GET"],
  ["/v1/acl/token/{accessor}", "A token.", "acl:read", "GET", "PUT", "DELETE"],
  ["/v1/acl/token/{accessor}/clone", "Copies a token.", "acl:write", "PUT"],
  ["/v1/internal/acl/authorize", "What a token may do.", "none", "POST"],
];

export const aclRoutes: readonly Route[] = endpoints.flatMap(([pattern, summary, acl, ...methods]) =>
  methods.map((method) => route(method, pattern, { summary, acl }, disabled)),
);
