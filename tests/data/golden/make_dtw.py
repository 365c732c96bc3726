"""Paths of numba and librosa for tests/golden/dtw.rs. Run in this folder: python make_dtw.py"""

import json

import librosa
import numba
import numpy as np


@numba.njit
def kernel(S, phi):
    """Recurrence of the published systems: free start on both edges, diagonal first, then the step from the row above."""
    D = S.copy()
    came = np.zeros(S.shape, np.int8)
    for i in range(1, S.shape[0]):
        for j in range(1, S.shape[1]):
            down, right = D[i - 1, j] + phi, D[i, j - 1] + phi
            least = D[i - 1, j - 1]
            if down < least:
                least, came[i, j] = down, 1
            if right < least:
                least, came[i, j] = right, 2
            D[i, j] = S[i, j] + least
    return D, came


def published(S, gully, phi):
    n, m = S.shape
    D, came = kernel(S, phi)
    g = int(gully * min(n, m))
    i, j = g + int(np.argmin(D[g:, -1])), g + int(np.argmin(D[-1, g:]))
    cell = (i, m - 1) if D[-1, j] > D[i, -1] else (n - 1, j)
    raw, path = D[cell], [cell]
    while cell[0] > 0 and cell[1] > 0:
        cell = (cell[0] - (came[cell] != 2), cell[1] - (came[cell] != 1))
        path.append(cell)
    path = np.array(path[::-1])
    (p0, q0), (p1, q1) = path[0], path[-1]
    return path, raw, S[p0 : p1 + 1, q0 : q1 + 1].mean(), S[p0:p1, q0:q1].mean()


def corner(S, weights_add, weights_mul):
    D, path = librosa.sequence.dtw(
        C=S, step_sizes_sigma=np.array([[1, 1], [1, 0], [0, 1]]), weights_add=weights_add, weights_mul=weights_mul
    )
    return path[::-1], D[-1, -1]


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


rng = np.random.default_rng(2016)
notes = np.repeat(rng.random((40, 48)) ** 4, rng.integers(2, 7, 40), axis=0)
x = unit(-notes - 0.1 * rng.random(notes.shape))
# The same music a tenth slower, with a lost beginning and other noise.
held = np.minimum(np.arange(12, 1.1 * len(notes)) / 1.1 + 1.5 * np.sin(np.arange(12, 1.1 * len(notes)) / 15), len(notes) - 1)
y = unit(-notes[held.astype(int)] - 0.2 * rng.random((len(held), 48)))
np.save("dtw_x.npy", x)
np.save("dtw_y.npy", y)

S = 1 - x.astype(np.float64) @ y.astype(np.float64).T
golden = {}
for name, gully, fraction in (("gen1", 0.95, 0.9), ("gen2", 0.96, 0.5)):
    phi = np.quantile(S, fraction)
    path, raw, mean_whole, mean_open = published(S, gully, phi)
    score = raw / len(path) / (mean_whole if name == "gen2" else mean_open)
    golden[name] = {"path": path.tolist(), "raw": raw, "penalty": phi, "score": score}
for name, add, mul in (
    ("corner_penalty", [0, 0.125, 0.125], [1, 1, 1]),
    ("corner_weights", [0, 0, 0], [2, 1.5, 1.5]),
):
    path, raw = corner(S, np.array(add, float), np.array(mul, float))
    golden[name] = {"path": path.tolist(), "raw": raw}
with open("dtw.json", "w") as out:
    json.dump(golden, out)
print({k: (len(v["path"]), v["path"][0], v["path"][-1], v["raw"], v.get("score")) for k, v in golden.items()}, S.shape)
print("numpy", np.__version__, "numba", numba.__version__, "librosa", librosa.__version__)
