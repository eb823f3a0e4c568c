/** What a model takes and gives, for the rooms within its frame. */

import { useQuery, type UseQueryReturnType } from "@tanstack/vue-query";
import { inject, type InjectionKey, type MaybeRefOrGetter, type Ref, toValue } from "vue";
import { get, type Schemas } from "@/api/http";
import { pathOf } from "@/api/places";
import type { Problem } from "@/api/problems";

export type Signature = Schemas["ModelSignature"];

export const SIGNATURE: InjectionKey<Ref<Signature>> = Symbol("signature");

/** Asks for the signature of a model, where it `isWanted`, and goes on asking while it is loaded. */
export function useSignatureOf(model: MaybeRefOrGetter<string>, isWanted: MaybeRefOrGetter<boolean> = true): UseQueryReturnType<Signature, Problem | Error> {
  return useQuery({
    queryKey: ["signature", model],
    queryFn: ({ signal }) => get<Signature>(pathOf("v2", "models", toValue(model), "signature"), {}, signal),
    enabled: () => toValue(isWanted),
    staleTime: 30_000,
  });
}

/** The signature of the model whose frame this room stands in. */
export function useSignature(): Ref<Signature> {
  const found = inject(SIGNATURE);
  if (!found) throw new Error("this room stands outside of a model's frame");
  return found;
}
