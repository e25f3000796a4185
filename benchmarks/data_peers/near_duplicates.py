"""Near-duplicate texts: `split.similar_texts` beside datasketch's MinHash with LSH.

    python benchmarks/data_peers/near_duplicates.py [--texts 100000] [--no-peer]

One tenth of the texts are another one with a word replaced. Both tools are asked for pairs of
words' Jaccard similarity at least 0.6, in their usual settings; recall is over all planted pairs
that reach it. datasketch runs in an environment of its own, made under .venv-peers when missing,
on the same texts, and only its own work is timed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environments import python_of

THRESHOLD = 0.6
PEER = """
import json, sys, time
from datasketch import MinHash, MinHashLSH
texts = json.load(open(sys.argv[1]))
began = time.process_time(), time.perf_counter()
lsh = MinHashLSH(threshold=float(sys.argv[2]), num_perm=128)
sets = [sorted(set(text.split())) for text in texts]
signatures = MinHash.bulk([[w.encode() for w in words] for words in sets], num_perm=128)
with lsh.insertion_session() as session:
    for number, signature in enumerate(signatures):
        session.insert(number, signature, check_duplication=False)
pairs = {(min(i, j), max(i, j)) for i, s in enumerate(signatures) for j in lsh.query(s) if i != j}
took = time.process_time() - began[0], time.perf_counter() - began[1]
json.dump([took, sorted(pairs)], open(sys.argv[3], "w"))
"""


def texts_of(many, seed=0):
    """Return texts, and the planted pairs whose similarity reaches the threshold."""
    rng = np.random.default_rng(seed)
    vocabulary = np.array([f"w{n:05d}" for n in range(20_000)])
    length = rng.integers(8, 20, many)
    often = 1 / (np.arange(20_000) + 2.7)  # Zipf and Mandelbrot: as words of a language are
    drawn = rng.choice(20_000, length.sum(), p=often / often.sum())
    words = np.split(vocabulary[drawn], np.cumsum(length)[:-1])
    planted = []
    for new in range(many - many // 10, many):
        old = int(rng.integers(0, many - many // 10))
        words[new] = words[old].copy()
        words[new][rng.integers(len(words[new]))] = vocabulary[rng.integers(20_000)]
        one, two = set(words[old]), set(words[new])
        if len(one & two) / len(one | two) >= THRESHOLD:
            planted.append((old, new))
    return [" ".join(one) for one in words], set(planted)


def ours(texts):
    from homeostat.split import similar_texts

    began = time.process_time(), time.perf_counter()
    found = similar_texts(texts, threshold=THRESHOLD)
    took = time.process_time() - began[0], time.perf_counter() - began[1]
    return took, linked(found)


def linked(found):
    """Return a test of whether two texts are in one set of copies or are a pair."""
    group = found.groups
    pairs = set(map(tuple, found.pairs.tolist()))
    return pairs, lambda one, two: group[one] == group[two]


def peer(texts):
    python = python_of("datasketch", ["datasketch==2.0.0"])
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder, "texts.json"), Path(folder, "pairs.json")
        given.write_text(json.dumps(texts))
        subprocess.run([python, "-c", PEER, given, str(THRESHOLD), got], check=True)
        took, pairs = json.loads(got.read_text())
    return took, set(map(tuple, pairs))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    texts, planted = texts_of(options.texts)
    (cpu, wall), (pairs, together) = ours(texts)
    recall = np.mean([together(*pair) for pair in planted])
    print(
        f"ours:       {cpu:6.2f} CPU-s {wall:6.2f} s, recall {recall:.4f} of {len(planted):,} "
        f"planted, {len(pairs):,} pairs, all at {THRESHOLD} or more"
    )
    if not options.no_peer:
        (peer_cpu, peer_wall), peer_pairs = peer(texts)
        peer_recall = len(planted & peer_pairs) / len(planted)
        print(
            f"datasketch: {peer_cpu:6.2f} CPU-s {peer_wall:6.2f} s, recall {peer_recall:.4f}, "
            f"{len(peer_pairs):,} pairs, unchecked"
        )
        print(f"ratio:      {peer_cpu / cpu:.1f}x less CPU (wanted: 4x)")


if __name__ == "__main__":
    main()
