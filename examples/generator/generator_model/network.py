"""The network, as it learns: whole stretches of text at once, and the gradient of their loss.

Each layer keeps a memory of what it has read, and looks at what the layers below say of the next character:

    seen = x / rms(x)
    update, output, new = sigmoid, sigmoid and tanh of (seen @ mix + bias)
    memory += update * (new - memory)
    x += (output * memory) @ back

What a layer adds depends on the past by its memory alone. So all but one line of this is done for a whole
stretch at once, and a text that is being written is its memories: (layers, units).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]
TINY = 1e-5  # keeps a division by nothing away


def begin(characters: int, units: int, layers: int, seed: int) -> Arrays:
    """Weights that have learned nothing: `embed`, `read`, and `mix`, `bias` and `back` of every layer."""
    random = np.random.default_rng(seed)

    def normal(*shape: int, scale: float) -> np.ndarray:
        return (random.standard_normal(shape) * scale).astype(np.float32)

    bias = np.zeros((layers, 3 * units), np.float32)
    bias[:, :units] = np.linspace(1, -4, units)  # some units remember letters, others lines
    return {
        "embed": normal(characters, units, scale=0.5),
        "mix": normal(layers, units, 3 * units, scale=units**-0.5),
        "bias": bias,
        "back": normal(layers, units, units, scale=(units * layers) ** -0.5),
        "read": normal(units, characters, scale=units**-0.5),
        "read_bias": np.zeros(characters, np.float32),
    }


@dataclass
class Layer:
    """What a layer did with a stretch, as its gradient wants it; all (steps, texts, units)."""

    seen: np.ndarray
    root: np.ndarray
    update: np.ndarray
    output: np.ndarray
    new: np.ndarray
    memory: np.ndarray
    before: np.ndarray
    kept: np.ndarray


def loss_of(
    weights: Arrays,
    characters: np.ndarray,
    following: np.ndarray,
    memories: np.ndarray,
    keep: np.ndarray | None = None,
) -> tuple[float, np.ndarray, Arrays | None]:
    """The mean loss of each next character in nats, the memories after the stretch, and the gradient.

    `characters` and `following` are numbers, (steps, texts); `memories` are (layers, texts, units). `keep` is
    what of each layer's output is kept (dropout), (layers, 1, texts, units); without it there is no gradient.
    """
    x = weights["embed"][characters]
    layers: list[Layer] = []
    after = np.empty_like(memories)
    for number, memory in enumerate(memories):
        layer = _forward(weights, number, x, memory, 1.0 if keep is None else keep[number])
        x = x + (layer.output * layer.memory * layer.kept) @ weights["back"][number]
        after[number] = layer.memory[-1]
        layers.append(layer)
    seen, root = normalised(x)
    logits = seen @ weights["read"] + weights["read_bias"]
    logits -= logits.max(axis=-1, keepdims=True)
    likely = np.exp(logits)
    likely /= likely.sum(axis=-1, keepdims=True)
    chosen = np.take_along_axis(likely, following[..., None], axis=-1)
    loss = float(-np.log(chosen + 1e-12).mean())
    if keep is None:
        return loss, after, None
    np.put_along_axis(likely, following[..., None], chosen - 1, axis=-1)
    return loss, after, _gradient(weights, characters, layers, (seen, root), likely / following.size)


def normalised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row at the size 1, and what it was divided by."""
    root = np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + TINY)
    return x / root, root


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _forward(
    weights: Arrays, number: int, x: np.ndarray, memory: np.ndarray, kept: np.ndarray | float
) -> Layer:
    seen, root = normalised(x)
    update, output, new = np.split(seen @ weights["mix"][number] + weights["bias"][number], 3, axis=-1)
    update, output, new = sigmoid(update), sigmoid(output), np.tanh(new)
    memories = np.empty((len(x) + 1, *memory.shape), np.float32)
    memories[0] = memory
    for step in range(len(x)):
        memories[step + 1] = memories[step] + update[step] * (new[step] - memories[step])
    return Layer(seen, root, update, output, new, memories[1:], memories[:-1], np.asarray(kept, np.float32))


def _gradient(
    weights: Arrays,
    characters: np.ndarray,
    layers: list[Layer],
    last: tuple[np.ndarray, np.ndarray],
    wrong: np.ndarray,
) -> Arrays:
    """The gradient of the loss by all weights; `wrong` is that by the logits."""
    found = {name: np.zeros_like(array) for name, array in weights.items()}
    seen, root = last
    found["read"] = _by_weights(seen, wrong)
    found["read_bias"] = wrong.sum(axis=(0, 1))
    x = _by_normalised(wrong @ weights["read"].T, seen, root)
    for number, layer in reversed(list(enumerate(layers))):
        found["back"][number] = _by_weights(layer.output * layer.memory * layer.kept, x)
        mixed = _by_layer(layer, (x @ weights["back"][number].T) * layer.kept)
        found["mix"][number] = _by_weights(layer.seen, mixed)
        found["bias"][number] = mixed.sum(axis=(0, 1))
        x = x + _by_normalised(mixed @ weights["mix"][number].T, layer.seen, layer.root)
    np.add.at(found["embed"], characters, x)
    return found


def _by_layer(layer: Layer, added: np.ndarray) -> np.ndarray:
    """The gradient by what a layer has mixed, from that by its output times memory."""
    memory = added * layer.output
    for step in range(len(memory) - 1, 0, -1):
        memory[step - 1] += memory[step] * (1 - layer.update[step])
    update = memory * (layer.new - layer.before) * layer.update * (1 - layer.update)
    output = added * layer.memory * layer.output * (1 - layer.output)
    new = memory * layer.update * (1 - np.square(layer.new))
    return np.concatenate([update, output, new], axis=-1)


def _by_normalised(wanted: np.ndarray, seen: np.ndarray, root: np.ndarray) -> np.ndarray:
    return (wanted - seen * (wanted * seen).mean(axis=-1, keepdims=True)) / root


def _by_weights(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The gradient by weights that make something of (steps, texts, given) and (steps, texts, wanted)."""
    return given.reshape(-1, given.shape[-1]).T @ wanted.reshape(-1, wanted.shape[-1])
