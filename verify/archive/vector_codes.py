"""Vectors of a learned descriptor as short codes by product quantisation: four bits for two numbers, FAISS's fast scan.

The codes and what they were learned as can be taken apart into arrays and put together again, so that a file of them
needs no reading by FAISS, which trusts what it reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from verify.archive.cache_files import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

#: Centroids, one number after the other, and codes as FAISS packs them.
LAYOUT = (Column("<f4"), Column("u1"))


def coded(dimensions: int, *, is_exact: bool) -> Any:
    """Return an empty FAISS index of vectors, to be trained and filled, or one of them as they are.

    Raises
    ------
    ImportError
        There is no FAISS.
    """
    import faiss  # noqa: PLC0415 - slow, and only needed when there is an archive to search

    # Two numbers share a code, if they come in twos.
    kind = "Flat" if is_exact else f"PQ{dimensions // 2 if dimensions % 2 == 0 else dimensions}x4fs"
    return faiss.index_factory(dimensions, kind, faiss.METRIC_INNER_PRODUCT)


def arrays_of(index: Any) -> tuple[npt.NDArray[Any], ...]:
    """Take a trained and filled index of codes apart."""
    import faiss  # noqa: PLC0415

    library: Any = faiss
    codes = library.rev_swig_ptr(index.codes.get(), index.codes.size()).copy()
    return library.vector_to_array(index.pq.centroids).copy(), codes


def index_of(dimensions: int, count: int, arrays: Sequence[npt.NDArray[Any]]) -> Any:
    """Put an index of so many vectors together.

    Raises
    ------
    ImportError
        There is no FAISS.
    ValueError
        The arrays do not have the sizes that such an index has: FAISS would read beyond them.
    """
    index = coded(dimensions, is_exact=False)
    import faiss  # noqa: PLC0415

    library: Any = faiss
    centroids, codes = arrays
    blocks = -(-count // index.bbs)
    if len(centroids) != index.pq.M * index.pq.ksub * index.pq.dsub or len(codes) != blocks * index.bbs * index.M2 // 2:
        raise ValueError(f"{len(centroids)} centroids and {len(codes)} bytes of codes for {count} vectors")
    library.copy_array_to_vector(np.ascontiguousarray(centroids, np.float32), index.pq.centroids)
    index.codes.resize(len(codes))
    library.memcpy(index.codes.get(), library.swig_ptr(np.ascontiguousarray(codes)), len(codes))
    index.ntotal, index.ntotal2, index.is_trained = count, blocks * index.bbs, True
    return index


def library_version() -> str:
    """Name the version of FAISS, whose packing of codes is its own affair; empty if there is none."""
    try:
        import faiss  # noqa: PLC0415
    except ImportError:
        return ""
    return str(faiss.__version__)
