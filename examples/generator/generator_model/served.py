"""The network, as it writes: a step of many texts at once, each of which comes out as it would alone.

Matrices are whole numbers of 8 bits with a scale a column, and what they are multiplied with is rounded to
whole numbers, too. Sums of such products are exact in float32, in whichever order they are made. Other sums
are not: how they are rounded depends on the size of the batch, and with it would each text.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generator_model.network import Arrays, normalised, sigmoid
from generator_model.verse import Alphabet

WHOLE = 127  # the largest whole number
# For each matrix: as so many whole numbers 1 is written in what it is multiplied with.
STEPS = {"mix": 32, "back": WHOLE, "read": 32}


@dataclass(frozen=True)
class Network:
    """A trained network and its alphabet.

    `arrays` are those of `network.begin`; each matrix is in whole numbers, of which NAME_scale says what the
    products are worth.
    """

    alphabet: Alphabet
    arrays: Arrays

    @classmethod
    def of(cls, alphabet: Alphabet, weights: Arrays) -> Network:
        """What was trained, rounded."""
        arrays = dict(weights)
        for name, steps in STEPS.items():
            scale = np.abs(weights[name]).max(axis=-2, keepdims=True) / WHOLE + 1e-12
            arrays[name] = np.rint(weights[name] / scale)
            arrays[f"{name}_scale"] = scale[..., 0, :] / steps
        return cls(alphabet, arrays)

    def save(self, path: Path) -> None:
        """Write it to a file of numpy, without pickles."""
        whole = {name: self.arrays[name].astype(np.int8) for name in STEPS}
        np.savez_compressed(path, alphabet=np.array(self.alphabet.characters), **(self.arrays | whole))

    @classmethod
    def load(cls, path: Path) -> Network:
        """Read a file that `save` has written. Raises `ValueError` for any other."""
        try:
            with np.load(path, allow_pickle=False) as found:
                arrays = {name: found[name] for name in found.files}
            alphabet = Alphabet(str(arrays.pop("alphabet")))
            network = cls(alphabet, {name: array.astype(np.float32) for name, array in arrays.items()})
            logits = network.step(network.memories(1), np.zeros(1, np.intp))
        except (KeyError, ValueError, IndexError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not the file of a generator: {error}") from error
        if logits.shape != (1, len(alphabet)):
            raise ValueError(f"{path} is not the file of a generator: it has another alphabet")
        return network

    def memories(self, texts: int) -> np.ndarray:
        """Those of texts of which nothing was read: (layers, texts, units)."""
        layers, units, _ = self.arrays["back"].shape
        return np.zeros((layers, texts, units), np.float32)

    def step(self, memories: np.ndarray, characters: np.ndarray) -> np.ndarray:
        """Read one character of each text; returns the logits of what follows: (texts, characters).

        `memories` are (layers, texts, units), and are changed.
        """
        x = self.arrays["embed"][characters]
        units = x.shape[-1]
        for number, memory in enumerate(memories):
            mixed = self._times(normalised(x)[0], "mix", number) + self.arrays["bias"][number]
            gates = sigmoid(mixed[:, : 2 * units])
            memory += gates[:, :units] * (np.tanh(mixed[:, 2 * units :]) - memory)
            x += self._times(gates[:, units:] * memory, "back", number)
        return self._times(normalised(x)[0], "read") + self.arrays["read_bias"]

    def _times(self, rows: np.ndarray, name: str, layer: int | None = None) -> np.ndarray:
        """Rows times a matrix, in whole numbers; what is out of their range (4 of `seen`) is cut off."""
        whole = np.clip(np.rint(rows * STEPS[name]), -WHOLE, WHOLE)
        matrix, scale = self.arrays[name], self.arrays[f"{name}_scale"]
        return whole @ matrix * scale if layer is None else whole @ matrix[layer] * scale[layer]


def sampled(logits: np.ndarray, temperatures: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """A character for each row of logits, (texts, characters), by a number of [0, 1) for each text."""
    scaled = logits.astype(np.float64) / temperatures[:, None]
    likely = np.exp(scaled - scaled.max(axis=1, keepdims=True)).cumsum(axis=1)
    return (likely < draws[:, None] * likely[:, -1:]).sum(axis=1)
