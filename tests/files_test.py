"""Whole or not at all."""

import pytest

from keras_bigs.files import atomic_write


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "new" / "a.json"
    for text in ("first", "second"):
        with atomic_write(path) as temporary:
            assert temporary.suffix == ".json"
            temporary.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_directory_is_renamed(tmp_path):
    with atomic_write(tmp_path / "a") as temporary:
        temporary.mkdir()
        (temporary / "b").write_text("c")
    assert (tmp_path / "a" / "b").read_text() == "c"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_what_cannot_be_renamed_is_kept(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "other").touch()
    with (
        pytest.raises(OSError, match="is kept in the former"),
        atomic_write(tmp_path / "a") as t,
    ):
        t.mkdir()
        (t / "b").write_text("c")
    assert (t / "b").read_text() == "c"


@pytest.mark.parametrize("directory", [False, True])
def test_an_error_leaves_what_was_there(tmp_path, directory):
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        if directory:
            temporary.mkdir()
        else:
            temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
