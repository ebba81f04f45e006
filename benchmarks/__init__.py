"""Speed as ratios against peers and against a ceiling, measured side by side in one run.

``make bench`` (``python -m benchmarks [NAME ...] [--out FILE]``) runs all benchmarks or the named ones, prints a table
each and writes the numbers to a JSON file (``results/benchmarks.json``).

How it is measured
    Rates are work per core-second: CPU time of the process, all threads together, so that a peer that does not use
    all cores, or a busy machine, changes little. Methods of one table take turns, round after round; a row shows
    the median, the slowest and the fastest of its rounds. Ratios are between medians of one run, never between runs.
    Every method runs once before, so compilation is not in the rates; it has a table of its own.
The ceiling
    ``ceiling.c`` is the same loop by hand on AVX-512, from Philox to the moments, in registers only. It is compiled by
    gcc when the benchmark starts; without gcc or AVX-512 its rows say so. It is a ceiling for code written by hand
    and compiled by gcc, not a proof: a kernel whose loops spill fewer registers can pass it.
Peers
    They get their best honest form: the Brownian motion told the step size, whole arrays, no copies to the host. Those
    that are not installed say so (``pip install gan-sde[bench]``).
"""
