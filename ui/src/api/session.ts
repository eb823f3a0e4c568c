/** Who uses the page, and what they may do: rooms and buttons that they may not use are not shown. */

import { computed, ref, shallowRef } from "vue";
import { get, send, unknownCaller, type Schemas } from "./http";
import { Problem } from "./problems";

export type Scope = Schemas["Grant"]["scopes"][number];

/** Who it is; `null` until that is known. */
export const me = shallowRef<Schemas["Me"] | null>(null);
/** Whether this server asks for a log-in that has not happened. */
export const mustLogIn = ref(false);
/** Whether there is anybody to log out. */
export const isLoggedIn = computed(() => me.value !== null && me.value.kind !== "anybody");

/** Finds out who uses the page. Throws `Problem` where the server cannot say. */
export async function findOut(): Promise<void> {
  try {
    me.value = await get<Schemas["Me"]>("/v2/me");
    mustLogIn.value = false;
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    me.value = null;
    mustLogIn.value = true;
  }
}

/** Looks again who it is: in another tab somebody else may have logged in, and this page is made for whom it knew. */
export async function findOutAgain(): Promise<void> {
  const before = me.value;
  await findOut();
  const now = me.value;
  if (before && now && (before.kind !== now.kind || before.id !== now.id)) location.reload();
}

/** Whether these hold a scope: who administrates may do everything. */
const hold = (scopes: Scope[], scope: Scope): boolean => scopes.includes(scope) || scopes.includes("admin");

/** Whether they may do this with a model; without one, with all models. */
export function may(scope: Scope, model?: string): boolean {
  const who = me.value;
  if (who === null) return false;
  return [{ scopes: who.scopes, models: who.models }, ...who.others].some(
    (grant) =>
      hold(grant.scopes, scope) && (grant.models === null || (model !== undefined && grant.models.includes(model))),
  );
}

/** Whether they may do this with any model at all. */
export function mayAnywhere(scope: Scope): boolean {
  const who = me.value;
  return who !== null && (hold(who.scopes, scope) || who.others.some((grant) => hold(grant.scopes, scope)));
}

/** Logs in by a cookie that no script can read. Throws `Problem` for a wrong password. */
export async function logIn(name: string, password: string): Promise<void> {
  await send("POST", "/v2/login", { username: name, password } satisfies Schemas["Login"]);
  await findOut();
}

export async function logOut(): Promise<void> {
  await send("POST", "/v2/logout");
  await findOut();
}

unknownCaller.addEventListener("refused", () => {
  if (!mustLogIn.value) void findOut().catch(() => undefined);
});
