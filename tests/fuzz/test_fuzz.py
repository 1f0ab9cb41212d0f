"""Any damaged image decodes to a photo or one error message, within the limits of one photo."""

from collections import Counter

from effviz.explain.decoding import DecodeLimits, DecoderPool
from tests.fuzz import corpus
from tests.fuzz.__main__ import tried

MUTATIONS = 300
LIMITS = DecodeLimits(cpu_s=2, memory_bytes=2**27)  # per mutant; the kernel enforces them, and this test checks them


def test_every_seed_is_a_photo() -> None:
    pool = DecoderPool(1, LIMITS)
    assert {tried(pool, seed) for seed in corpus.seeds()} == {"photo"}
    pool.close()


def test_mutated_pictures_give_a_photo_or_a_sentence() -> None:
    pool = DecoderPool(1, LIMITS)
    found = Counter(tried(pool, corpus.mutant(number)) for number in range(MUTATIONS))
    pool.close()
    assert found.total() == MUTATIONS
    assert found["photo"] > MUTATIONS / 20  # otherwise the mutations break everything and test little
    assert found["sentence"] > MUTATIONS / 5
    assert found["crash"] == 0
    assert found["late"] == 0


def test_a_crash_is_noticed() -> None:
    pool = DecoderPool(1, LIMITS).start()
    (worker,) = pool._idle
    worker.converse = lambda *_: worker._process.terminate() or worker._read(1)
    assert tried(pool, corpus.seeds()[0]) == "crash"
    assert tried(pool, corpus.seeds()[0]) == "photo"
    pool.close()
