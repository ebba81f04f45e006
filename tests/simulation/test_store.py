"""What a store takes for its own, and what it leaves alone."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import gan_sde as gs
from gan_sde.simulation.parts import Part
from gan_sde.simulation.store import Store, remove_store
from gan_sde.simulation.store_lock import refuse_running

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


HOLDER = """
import sys
from gan_sde.simulation.store import Store
store = Store(sys.argv[1], "a" * 64, resume=True)
print("held", flush=True)
sys.stdin.readline()
"""


def test_one_process_at_a_time_writes_and_a_killed_one_leaves_nothing_behind(tmp_path):
    path = tmp_path / "run.zarr"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        in_use = f"a store that no other run is writing, got one in use by process {holder.pid}, at {path}"
        refused(in_use, lambda: Store(path, RECIPE, resume=True))
        refused(in_use, lambda: refuse_running(tmp_path / "run.zarr.partial"))
        holder.kill()
    assert (tmp_path / "run.zarr.partial" / "lock").exists()
    refuse_running(tmp_path / "run.zarr.partial")
    store = Store(path, RECIPE, resume=True)
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert f"in use by process {os.getpid()}" in done.stderr  # negative control: the lock was taken anew
    store.release()
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert done.stdout == "held\n"
    Store(path, RECIPE, resume=True).finish(data())
    assert [p.name for p in tmp_path.iterdir()] == ["run.zarr"]


def test_a_run_that_ended_while_another_began_is_found_finished(tmp_path, monkeypatch):
    path = tmp_path / "run.zarr"
    begin = Store._begin

    def late(store):
        begin(store)
        data().to_zarr(path, consolidated=False)

    monkeypatch.setattr(Store, "_begin", late)
    assert Store(path, RECIPE, resume=True).finished
    assert [p.name for p in tmp_path.iterdir()] == ["run.zarr"]


@pytest.mark.parametrize("place", ["no/such/run.zarr", "none/run.zarr"])
def test_a_missing_folder_is_refused_and_not_made(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(f"a path in an existing folder, got {place!r}", lambda: Store(place, RECIPE, resume=True))
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nothing can be made")
def test_a_folder_in_which_nothing_can_be_made_is_refused():
    refused("a folder in which a run can be kept, got '/proc'", lambda: Store("/proc/run.zarr", RECIPE, resume=False))


def test_the_time_of_earlier_sessions_is_kept(tmp_path, monkeypatch):
    now = iter((10.0, 13.0, 18.0, 100.0, 104.0))
    monkeypatch.setattr("gan_sde.simulation.store.time.perf_counter", lambda: next(now))
    path, part = tmp_path / "run.zarr", Part({"diverged": np.full(3, -1)}, ())
    first = Store(path, RECIPE, resume=False)
    assert first.earlier == 0 and not first.holds(0)  # at 10
    first.save(0, part)
    first.save(1, part)  # at 18
    second = Store(path, RECIPE, resume=True)
    assert second.earlier == 8 and second.holds(0)  # at 100
    second.save(2, part)
    assert Store(path, RECIPE, resume=True).earlier == 12


@pytest.mark.parametrize(
    "elapsed", ["", ', "elapsed_seconds": null', ', "elapsed_seconds": -3', ', "elapsed_seconds": NaN']
)
def test_a_manifest_without_a_time_is_resumed(elapsed, tmp_path):
    begun(tmp_path / "run.zarr", f'{{"recipe": "{RECIPE}"{elapsed}}}'.encode())
    assert Store(tmp_path / "run.zarr", RECIPE, resume=True).earlier == 0


def test_the_wall_time_of_a_resumed_run_counts_all_sessions(tmp_path):
    training = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get("sgda"))
    options = {"lr": 0.1, "steps": 3, "trajectories": 4}
    partial = tmp_path / "run.zarr.partial"
    partial.mkdir()
    recipe = gs.simulate(training, **options).attrs["recipe"]
    (partial / "manifest.json").write_text(json.dumps({"recipe": recipe, "elapsed_seconds": 1e6}))
    run = gs.simulate(training, **options, store=tmp_path / "run.zarr", resume=True)
    assert 1e6 < run.attrs["wall_time_seconds"] < 1e6 + 1e4


def test_a_finished_store_opens_without_a_remark(tmp_path):
    finished(tmp_path / "run.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xr.open_zarr(tmp_path / "run.zarr", chunks=None).load().identical(data())


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
