"""Train a dictionary for the store's compressor: python -m bench.train_dictionary ID FILE

Dictionaries in hived/store/dictionaries are never replaced: a new one gets a new id.
"""

import sys
from pathlib import Path

import zstandard

from bench.events import Hive
from hived.events.codec import Codec

SIZE = 32 * 1024
SAMPLES = 20_000


def main() -> None:
    number, target = int(sys.argv[1]), Path(sys.argv[2])
    codec = Codec()
    samples = [codec.encode(rec)[1] for rec in Hive(agents=40, seed=7).events(SAMPLES)]
    dictionary = zstandard.train_dictionary(SIZE, [*samples], dict_id=number, level=3)
    target.write_bytes(dictionary.as_bytes())
    plain = sum(map(len, samples))
    compressor = zstandard.ZstdCompressor(level=3, dict_data=dictionary, write_checksum=True)
    packed = sum(len(compressor.compress(sample)) for sample in samples)
    print(f"{target}: {plain / SAMPLES:.0f} bytes an event become {packed / SAMPLES:.0f}")


if __name__ == "__main__":
    main()
