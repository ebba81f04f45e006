"""A disk that is full while a run is written: one clear line, and what was finished is kept and used."""

import shutil
import subprocess
import sys

import pytest
import xarray as xr

RUN = (
    f"{sys.executable} -m gan_sde.cli simulate lq-gan --steps 20 --trajectories 40000 --batch-size 16 "
    "--every 10 --lr 0.02 --seed 3 --out"
)
# A mount in a name space of its own: it needs no rights, is seen by nobody else and goes with the process.
SCRIPT = """
mount -t tmpfs -o size={size}k tmpfs {disk} || exit 99
{run} {disk}/run.zarr 2> {out}/error >/dev/null; echo $? > {out}/status
ls {disk} > {out}/left; ls {disk}/run.zarr.partial > {out}/chunks
sum {disk}/run.zarr.partial/chunk-000000.npz > {out}/before
stat -c %Y%i {disk}/run.zarr.partial/chunk-000000.npz >> {out}/before
mount -o remount,size=50m {disk}
{run} {disk}/run.zarr --resume 2> {out}/error2 >/dev/null; echo $? > {out}/status2
ls {disk} > {out}/left2; cp -r {disk}/run.zarr {out}/run.zarr
"""


def namespaces():
    program = shutil.which("unshare")
    command = [program or "false", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return program is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not namespaces(), reason="needs user name spaces to mount a small disk")
@pytest.mark.parametrize(
    ("size", "chunks"), [(1_300, 2), (2_300, 3)], ids=["in the third chunk", "in the finished store"]
)
def test_a_disk_that_runs_full(size, chunks, tmp_path):
    """40,000 trajectories are three chunks of at most 0.6 MB; the finished store takes 1.3 MB more."""
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir(), out.mkdir()
    script = SCRIPT.format(size=size, disk=disk, out=out, run=RUN)
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False)
    read = {file.name: file.read_text() for file in out.iterdir() if file.is_file()}
    assert read["status"] == "1\n", (done.stderr, read)
    last = read["error"].splitlines()[-1]
    assert last.startswith("gan-sde: ") and "No space left on device" in last and "Traceback" not in read["error"]
    assert read["left"].split() == ["run.zarr.partial"]
    assert read["chunks"].split() == [*(f"chunk-{number:06d}.npz" for number in range(chunks)), "manifest.json"]
    assert read["status2"] == "0\n", read["error2"]
    assert read["left2"].split() == ["run.zarr"]
    subprocess.run([*RUN.split(), str(tmp_path / "whole.zarr")], capture_output=True, check=True)
    with xr.open_zarr(out / "run.zarr", consolidated=False) as resumed:
        with xr.open_zarr(tmp_path / "whole.zarr", consolidated=False) as whole:
            xr.testing.assert_identical(resumed.drop_attrs().load(), whole.drop_attrs().load())
