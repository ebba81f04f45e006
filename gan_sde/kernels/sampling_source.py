"""The part of a kernel's text that draws every sample of every batch and averages the features."""

from __future__ import annotations

from gan_sde.kernels.drawing import SamplingPlan
from gan_sde.kernels.writer import Writer
from gan_sde.symbolic.lowering import Program, draw_names, lower_expressions
from gan_sde.symbolic.recipe import BatchDraws, Recipe


def write_sampling(body: Writer, recipe: Recipe, plan: SamplingPlan) -> None:
    """Sums of the used features over each batch, in the rows ``m{b}_{k}``."""
    names = draw_names(recipe)
    for b in range(len(plan.draws.batches)):
        for group in plan.feature_groups(b):
            _BatchText(body, plan, b, {k: names[symbol] for k, symbol in group.items()}).write()


class _BatchText:
    """Text of one batch.

    Up to three loops over the lanes: base variates from random words; rows of the tables; features. Without
    tables the first and the last are one. (A read from a table may alias the scratch array for all that LLVM
    knows, so its loop stays scalar and has to be kept apart.)
    """

    def __init__(self, body: Writer, plan: SamplingPlan, batch: int, used: dict[int, str]):
        self._body, self._plan, self._batch, self._used = body, plan, batch, used
        draws = plan.draws
        self._variates = variate_names(draws)
        features = [draws.features[k] for k in used]
        self._needed = set().union(*(feature.free_symbols for feature in features))
        self._tables = [t for t, table in enumerate(draws.tables) if self._needed & set(table.symbols)]
        self._program: Program = lower_expressions(
            features, self._variates, literal=body.literal, result="f", what="features"
        )
        self._samples = 2 if plan.words_per_sample == 2 else 1

    def write(self) -> None:
        """Append the text."""
        body, width = self._body, self._plan.words_per_sample
        for name in self._used.values():
            body.row(name)
        with body.lane_loop():
            for name in self._used.values():
                body.line(f"{body.at(name)} = {body.number(0.0)}")
        if self._samples == 2:
            # Two samples share a block; at the ends of an odd batch one of them is a neighbour's.
            body.line(f"for block in range({self._batch} * batch // 2, ({self._batch + 1} * batch + 1) // 2):")
            with body.indented():
                body.line(f"keep0 = 2 * block >= {self._batch} * batch")
                body.line(f"keep1 = 2 * block + 1 < {self._batch + 1} * batch")
                self._write_loops("block")
        else:
            body.line(f"for sample in range({self._batch} * batch, {self._batch + 1} * batch):")
            with body.indented():
                self._write_loops(f"sample * {width // 4}")

    def _write_loops(self, first_block: str) -> None:
        body = self._body
        with body.lane_loop():
            self._write_variates(first_block)
            if not self._tables:
                for sample in range(self._samples):
                    self._write_features(sample)
        if self._tables:
            with body.lane_loop():
                self._write_rows_of_tables()
            with body.lane_loop():
                for sample in range(self._samples):
                    for name in self._stored(sample):
                        body.line(f"{name} = {body.at(name)}")
                    self._write_features(sample)

    def _local(self, name: str, sample: int) -> str:
        return f"{name}_s{sample}"

    def _stored(self, sample: int) -> list[str]:
        """Names of the needed base variates of a sample, reserved as rows."""
        names = [self._local(name, sample) for symbol, name in self._variates.items() if symbol in self._needed]
        for name in names:
            self._body.row(name)
        return names

    def _write_variates(self, first_block: str) -> None:
        body, plan = self._body, self._plan
        width = plan.words_per_sample
        wanted = {word for sample in range(self._samples) for word in self._words(sample)}
        for block in sorted({word // 4 for word in wanted}):
            body.philox(f"np.uint64({first_block} + {block})", suffix=f"_{block}")
        for sample in range(self._samples):
            word = [f"w{(sample * width + i) % 4}_{(sample * width + i) // 4}" for i in range(width)]
            self._write_one_sample(sample, word)
        if self._tables:
            tables = {symbol for table in plan.draws.tables for symbol in table.symbols}
            for sample in range(self._samples):
                for symbol, name in self._variates.items():
                    if symbol in self._needed - tables:
                        local = self._local(name, sample)
                        body.row(local)
                        body.line(f"{body.at(local)} = {local}")

    def _words(self, sample: int) -> list[int]:
        """Words that a sample needs, counted from the first block."""
        draws, plan = self._plan.draws, self._plan
        normals = [i // 2 * 2 + h for i, s in enumerate(draws.normals) if s in self._needed for h in (0, 1)]
        uniforms = [plan.first_uniform_word + i for i, s in enumerate(draws.uniforms) if s in self._needed]
        tables = [plan.first_table_word + t for t in self._tables]
        return [sample * plan.words_per_sample + word for word in (*normals, *uniforms, *tables)]

    def _write_one_sample(self, sample: int, word: list[str]) -> None:
        body, draws, plan = self._body, self._plan.draws, self._plan
        for i in range(0, len(draws.normals), 2):
            if self._needed & set(draws.normals[i : i + 2]):
                even, odd = self._local(f"z{i}", sample), self._local(f"z{i + 1}", sample)
                body.line(f"{even}, {odd} = normal_pair({word[i]}, {word[i + 1]})")
        for i, symbol in enumerate(draws.uniforms):
            if symbol in self._needed:
                body.line(f"{self._local(f'v{i}', sample)} = uniform({word[plan.first_uniform_word + i]})")
        for t in self._tables:
            rows = len(draws.tables[t].values)
            index = body.index_at(self._local(f"table{t}", sample))
            body.line(f"{index} = np.int64(({word[plan.first_table_word + t]} * np.uint64({rows})) >> np.uint64(32))")

    def _write_rows_of_tables(self) -> None:
        body, draws = self._body, self._plan.draws
        offset = 0
        for t, table in enumerate(draws.tables):
            for symbol in table.symbols:
                if symbol in self._needed:
                    for sample in range(self._samples):
                        local = self._local(self._variates[symbol], sample)
                        body.row(local)
                        index = body.index_at(self._local(f"table{t}", sample))
                        body.line(f"{body.at(local)} = tables[{offset} + {index}]")
                offset += len(table.values)

    def _write_features(self, sample: int) -> None:
        body = self._body
        for symbol, name in self._variates.items():
            if symbol in self._needed:
                body.line(f"{name} = {self._local(name, sample)}")
        for name, code in self._program.body:
            body.line(f"{name} = {code}")
        for name, result in zip(self._used.values(), self._program.results, strict=True):
            value = result if self._samples == 1 else f"({result} if keep{sample} else {body.number(0.0)})"
            body.line(f"{body.at(name)} += {value}")


def variate_names(draws: BatchDraws) -> dict:
    """Names, in lowered code, of a sample's base variates: normals, uniforms, columns of the tables."""
    names = {symbol: f"z{i}" for i, symbol in enumerate(draws.normals)}
    names |= {symbol: f"v{i}" for i, symbol in enumerate(draws.uniforms)}
    for t, table in enumerate(draws.tables):
        names |= {symbol: f"d{t}_{c}" for c, symbol in enumerate(table.symbols)}
    return names
