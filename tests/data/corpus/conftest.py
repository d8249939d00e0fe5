import pytest

from tests.data.corpus.preparing import documents
from tests.data.corpus.preparing import write_text


@pytest.fixture
def source(tmp_path):
    """A file of 40 documents, about 5,000 bytes."""
    return write_text(tmp_path / "texts.txt", documents())
