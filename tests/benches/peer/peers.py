"""What a Python user has instead, on one core: the shortest CPU seconds of nine runs, alone on the last line.

    peers.py faiss ROWS DIMENSION             the ten nearest of random vectors, by faiss.IndexFlatL2
    peers.py numba QUERY LENGTH SEQUENCES     scores of Hamming DTW on codes of 32 bits, by a compiled loop

Needs numpy and the one of faiss and numba that is asked for.
"""

import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

RANDOM = np.random.default_rng(0)


def best(run):
    run()
    seconds = []
    for _ in range(9):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds)


def faiss_flat(rows, dimension):
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(dimension)
    for _ in range(0, rows, 100_000):
        index.add(RANDOM.random((min(100_000, rows), dimension), dtype=np.float32))
    query = RANDOM.random((1, dimension), dtype=np.float32)
    print("faiss", faiss.__version__)
    return best(lambda: index.search(query, 10))


def hamming_dtw(length_of_query, length, count):
    import numba
    import numba.extending

    @numba.extending.intrinsic
    def bits(context, v):
        """The processor's own count of bits."""

        def generate(_context, builder, _signature, arguments):
            return builder.ctpop(arguments[0])

        return numba.types.int32(numba.types.uint32), generate

    @numba.njit
    def score(x, y, gully, penalty, cost, steps):
        """Steps right, down and diagonal; ends may be cut by 1 - gully; cost of the cheapest path by its length."""
        must = int(gully * min(len(x), len(y)))
        best = np.float32(np.inf)
        for j in range(len(y)):
            cost[j], steps[j] = bits(x[0] ^ y[j]), 1
        for i in range(1, len(x)):
            corner, corner_steps = cost[0], steps[0]
            cost[0], steps[0] = bits(x[i] ^ y[0]), 1
            for j in range(1, len(y)):
                to, so = corner, corner_steps
                if cost[j] + penalty < to:
                    to, so = cost[j] + penalty, steps[j]
                if cost[j - 1] + penalty < to:
                    to, so = cost[j - 1] + penalty, steps[j - 1]
                corner, corner_steps = cost[j], steps[j]
                cost[j], steps[j] = to + bits(x[i] ^ y[j]), so + 1
            if i >= must:
                best = min(best, np.float32(cost[-1]) / steps[-1])
        for j in range(must, len(y)):
            best = min(best, np.float32(cost[j]) / steps[j])
        return best

    @numba.njit
    def all_of(query, sequences, scores):
        cost, steps = np.empty(sequences.shape[1], np.int32), np.empty(sequences.shape[1], np.int32)
        for k in range(len(sequences)):
            scores[k] = score(query, sequences[k], 0.9, 15, cost, steps)

    query = RANDOM.integers(0, 2**32, length_of_query, dtype=np.uint32)
    sequences = RANDOM.integers(0, 2**32, (count, length), dtype=np.uint32)
    scores = np.empty(count, np.float32)
    print("numba", numba.__version__)
    return best(lambda: all_of(query, sequences, scores))


if __name__ == "__main__":
    systems = {"faiss": faiss_flat, "numba": hamming_dtw}
    print(systems[sys.argv[1]](*(int(number) for number in sys.argv[2:])))
