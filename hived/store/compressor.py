"""Compression of single events by zstd with a trained dictionary. Safe from any thread.

A zstd context shared by two threads corrupts frames, and can crash the process, so every thread
has its own. A frame carries its own checksum and the id of its dictionary.
"""

import threading
from collections.abc import Mapping, Sequence
from importlib import resources

import zstandard
from eventsourcing.persistence import Compressor

from hived import limits
from hived.errors import LogCorrupt, LogFromTheFuture

DICTIONARY = 1  # the one that is written with
_LEVEL = 3
_MANY = 4  # from here on one call for all costs less than a call for each


def load_dictionaries() -> dict[int, bytes]:
    """Give every dictionary that ships with this version, by its id."""
    folder = resources.files("hived.store.dictionaries")
    files = [f for f in folder.iterdir() if f.name.endswith(".zdict")]
    return {int(f.name.removesuffix(".zdict")): f.read_bytes() for f in files}


class EventCompressor(Compressor):
    """eventsourcing's compressor seam, over zstandard.

    Args:
      dictionaries: By id, as load_dictionaries gives them; must have `write_with`.
    """

    def __init__(
        self, dictionaries: Mapping[int, bytes] | None = None, write_with: int = DICTIONARY
    ) -> None:
        known = load_dictionaries() if dictionaries is None else dictionaries
        self._dictionaries = {
            number: zstandard.ZstdCompressionDict(data) for number, data in known.items()
        }
        for number, dictionary in self._dictionaries.items():
            assert dictionary.dict_id() == number, "a dictionary's file is named after its id"
        self._write_with = self._dictionaries[write_with]
        self._write_with.precompute_compress(level=_LEVEL)
        self._contexts = _Contexts()

    def compress(self, data: bytes) -> bytes:
        """Give one frame, with the dictionary's id, the content's length and a checksum."""
        return self._compressor().compress(data)

    def compress_many(self, datas: Sequence[bytes]) -> list[bytes]:
        """The same for many: the same frames, with the interpreter's lock given up once.

        For each frame alone it would be given up and asked for again, in the middle of a batch.
        """
        if len(datas) < _MANY:
            return list(map(self._compressor().compress, datas))
        frames = self._compressor().multi_compress_to_buffer([*datas])
        return [frames[i].tobytes() for i in range(len(datas))]

    def decompress(self, data: bytes) -> bytes:
        """Give the content of one frame, checked.

        Raises:
          LogFromTheFuture: It needs a dictionary that this version does not have.
          LogCorrupt: Not a whole, undamaged frame of at most STORED_EVENT_BYTES_MAX.
        """
        try:
            # Asked first, because a damaged length would be allocated before it is found wrong.
            frame = zstandard.get_frame_parameters(data)
            if frame.content_size > limits.STORED_EVENT_BYTES_MAX:
                raise LogCorrupt(f"a stored event claims to be {frame.content_size} bytes long")
            decompressor = self._contexts.decompressors.get(frame.dict_id)
            if decompressor is None:
                decompressor = self._open(frame.dict_id)
            return decompressor.decompress(data)
        except zstandard.ZstdError as error:
            raise LogCorrupt(f"a stored event does not decompress: {error}") from error

    def _compressor(self) -> zstandard.ZstdCompressor:
        compressor = self._contexts.compressor
        if compressor is None:
            compressor = self._contexts.compressor = zstandard.ZstdCompressor(
                level=_LEVEL, dict_data=self._write_with, write_checksum=True
            )
        return compressor

    def _open(self, dict_id: int) -> zstandard.ZstdDecompressor:
        dictionary = self._dictionaries.get(dict_id)
        if dict_id == 0:
            raise LogCorrupt("a stored event names no dictionary, and none was stored so")
        if dictionary is None:
            raise LogFromTheFuture(
                f"the log was compressed with dictionary {dict_id}, which is not here",
                hint="this log was written by a newer hived: install that version or a later one",
            )
        made = zstandard.ZstdDecompressor(dict_data=dictionary)
        self._contexts.decompressors[dict_id] = made
        return made


class _Contexts(threading.local):
    def __init__(self) -> None:
        self.compressor: zstandard.ZstdCompressor | None = None
        self.decompressors: dict[int, zstandard.ZstdDecompressor] = {}
