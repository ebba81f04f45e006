"""What a store takes for its own, and what it leaves alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from gan_sde.simulation.parts import Part
from gan_sde.simulation.store import Store, remove_store

RECIPE, OTHER = "a" * 64, "b" * 64


def data(recipe=RECIPE):
    return xr.Dataset({"diverged": ("trajectory", np.full(3, -1))}, attrs={"recipe": recipe})


def finished(path, recipe=RECIPE):
    Store(path, recipe, resume=False).finish(data(recipe))


def begun(path, manifest):
    """An unfinished run whose manifest has this content, None for no manifest."""
    partial = path.with_name(path.name + ".partial")
    partial.mkdir()
    (partial / "notes.txt").write_text("mine")
    if manifest is not None:
        (partial / "manifest.json").write_bytes(manifest)
    return partial


def refused(words, make):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value).startswith(f"store: expected {words}"), error.value
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", ["", ".", "/", "..", "runs/..", 3, None, ["run"], True, "a\0b"], ids=repr)
@pytest.mark.parametrize("resume", [False, True])
def test_what_is_no_path_of_a_folder(path, resume, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused("the path of a folder", lambda: Store(path, RECIPE, resume=resume))
    refused("the path of a folder", lambda: remove_store(path))
    assert not any(tmp_path.iterdir())


def test_a_file_is_refused(tmp_path):
    path = tmp_path / "run.zarr"
    path.write_text("mine")
    refused("a folder, got a file", lambda: Store(path, RECIPE, resume=True))
    refused("a path that is not taken", lambda: Store(path, RECIPE, resume=False))
    refused("a folder, got a file", lambda: remove_store(path))
    assert path.read_text() == "mine" and [p.name for p in tmp_path.iterdir()] == ["run.zarr"]


def test_a_folder_of_other_things_is_refused(tmp_path):
    path = tmp_path / "run.zarr"
    path.mkdir()
    (path / "thesis.txt").write_text("mine")
    for make in (lambda: Store(path, RECIPE, resume=True), lambda: remove_store(path)):
        refused("the store of a simulation, got a folder of other things", make)
    assert (path / "thesis.txt").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_a_zarr_group_of_someone_else_is_refused(tmp_path):
    path = tmp_path / "run.zarr"
    xr.Dataset({"x": ("t", np.arange(3.0))}).to_zarr(path, consolidated=False)
    for make in (lambda: Store(path, RECIPE, resume=True), lambda: remove_store(path)):
        refused("the store of a simulation", make)
    assert path.is_dir()


@pytest.mark.parametrize(
    "manifest",
    [b"", b"{", b"[1]", b"3", b"null", b"{}", b'{"recipe": 3}', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "cut off", "list", "number", "null", "no recipe", "recipe of another kind", "bytes", "nested"],
)
def test_a_broken_manifest_is_refused(manifest, tmp_path):
    partial = begun(tmp_path / "run.zarr", manifest)
    refused(
        "a manifest that names the simulation, got a broken one",
        lambda: Store(partial.with_suffix(""), RECIPE, resume=True),
    )
    assert (partial / "notes.txt").exists()
    remove_store(tmp_path / "run.zarr")  # to overwrite is the way out
    assert not partial.exists()


def test_chunks_of_someone_else_are_refused(tmp_path):
    path = tmp_path / "run.zarr"
    partial = begun(path, None)
    for make in (lambda: Store(path, RECIPE, resume=True), lambda: remove_store(path)):
        refused("chunks of an unfinished run, got a folder of other things", make)
    assert [p.name for p in partial.iterdir()] == ["notes.txt"]


def test_a_file_in_the_place_of_the_chunks_is_refused(tmp_path):
    path = tmp_path / "run.zarr"
    partial = tmp_path / "run.zarr.partial"
    partial.write_text("mine")
    for make in (lambda: Store(path, RECIPE, resume=True), lambda: remove_store(path)):
        refused("a folder of chunks, got a file", make)
    assert partial.read_text() == "mine"


def test_another_simulation_is_refused(tmp_path):
    path = tmp_path / "run.zarr"
    begun(path, json.dumps({"recipe": OTHER}).encode())
    refused("a store of this very simulation", lambda: Store(path, RECIPE, resume=True))
    remove_store(path)
    finished(path, OTHER)
    refused("a store of this very simulation", lambda: Store(path, RECIPE, resume=True))


@pytest.mark.parametrize("left", [[], ["manifest.tmp"]], ids=["empty", "half a manifest"])
def test_a_kill_before_the_manifest_does_not_block_the_resumption(left, tmp_path):
    path = tmp_path / "run.zarr"
    partial = tmp_path / "run.zarr.partial"
    partial.mkdir()
    for name in left:
        (partial / name).write_text("{")
    store = Store(path, RECIPE, resume=True)
    assert not store.finished and json.loads((partial / "manifest.json").read_text()) == {"recipe": RECIPE}


def test_own_stores_are_resumed_and_removed(tmp_path):
    path = tmp_path / "run.zarr"
    store = Store(str(path), RECIPE, resume=True)
    store.save(0, Part({"diverged": np.full(3, -1)}, ()))
    again = Store(path, RECIPE, resume=True)
    assert not again.finished and again.load(0) is not None and again.load(1) is None
    again.finish(data())
    assert Store(path, RECIPE, resume=True).finished
    assert Store(path, RECIPE, resume=True).dataset().identical(data())
    remove_store(path)
    remove_store(path)  # nothing there is no error
    assert not any(tmp_path.iterdir())


def test_a_chunk_with_other_arrays_is_missing(tmp_path):
    store = Store(tmp_path / "run.zarr", RECIPE, resume=False)
    np.savez(Path(store.partial) / "chunk-000000.npz", x=np.arange(3))
    assert store.load(0) is None


def test_chunks_that_a_kill_left_beside_a_finished_store_are_removed(tmp_path):
    """The kill came between the last write and the removal of the chunks, or midway in the removal."""
    for names in (("manifest.json", "chunk-000000.npz"), ("chunk-000001.npz",), ()):
        path = tmp_path / f"run-{len(names)}"
        finished(path)
        partial = path.with_name(path.name + ".partial")
        partial.mkdir()
        for name in names:
            (partial / name).write_bytes(b"")
        assert Store(path, RECIPE, resume=True).finished
        assert not partial.exists()


def test_a_folder_of_other_things_beside_a_finished_store_is_left_alone(tmp_path):
    finished(tmp_path / "run")
    partial = begun(tmp_path / "run", None)
    assert Store(tmp_path / "run", RECIPE, resume=True).finished
    assert [p.name for p in partial.iterdir()] == ["notes.txt"]
