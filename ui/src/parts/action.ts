/** Something that a button does: it runs once at a time, and what goes wrong is said. */

import { ref, type Ref } from "vue";
import { sayProblem } from "./toasts";

export interface Action {
  isRunning: Ref<boolean>;
  /** Runs `work`; whether it went well. */
  run(work: () => Promise<unknown>): Promise<boolean>;
}

export function useAction(): Action {
  const isRunning = ref(false);

  async function run(work: () => Promise<unknown>): Promise<boolean> {
    isRunning.value = true;
    try {
      await work();
      return true;
    } catch (error) {
      sayProblem(error);
      return false;
    } finally {
      isRunning.value = false;
    }
  }

  return { isRunning, run };
}
