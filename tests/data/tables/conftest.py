"""Files that the tests of this folder write themselves."""

import pytest


@pytest.fixture
def write(tmp_path):
    """Writes a file of text or bytes, and returns its path."""

    def write(name, content):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write
