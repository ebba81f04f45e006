"""The part of a Triton kernel's text that draws every sample of every batch and sums the features."""

from __future__ import annotations

from gan_sde.kernels.drawing import SamplingPlan
from gan_sde.kernels.sampling_source import variate_names
from gan_sde.kernels.writer import Writer
from gan_sde.symbolic.lowering import draw_names, lower_expressions
from gan_sde.symbolic.recipe import Recipe, Table


def write_sampling(body: Writer, recipe: Recipe, plan: SamplingPlan) -> None:
    """Sums of the used features over each batch, as ``m{b}_{k}``."""
    names = draw_names(recipe)
    for b in range(len(plan.draws.batches)):
        for group in plan.feature_groups(b):
            _BatchText(body, plan, b, {k: names[symbol] for k, symbol in group.items()}).write()


class _BatchText:
    """Text of one batch: a loop over its samples, or over pairs of them where two share a block of words."""

    def __init__(self, body: Writer, plan: SamplingPlan, batch: int, used: dict[int, str]):
        self._body, self._plan, self._used = body, plan, used
        self._first, self._stop = batch * plan.batch_size, (batch + 1) * plan.batch_size
        self._variates = variate_names(plan.draws)
        features = [plan.draws.features[k] for k in used]
        self._needed = set().union(*(feature.free_symbols for feature in features))
        self._program = lower_expressions(features, self._variates, literal=body.literal, result="f", what="features")

    def write(self) -> None:
        """Append the text."""
        body, width = self._body, self._plan.words_per_sample
        for name in self._used.values():
            body.line(f"{name} = tl.full((BLOCK,), 0.0, real)")
        if width == 2:
            body.line(f"for pair in range({self._first // 2}, {(self._stop + 1) // 2}):")
            with body.indented():
                self._write_words("pair", range(1))
                # At the ends of an odd batch one sample of the pair is a neighbour's.
                self._write_sample(0, f"2 * pair >= {self._first}" if self._first % 2 else "")
                self._write_sample(2, f"2 * pair + 1 < {self._stop}" if self._stop % 2 else "")
        else:
            body.line(f"for sample in range({self._first}, {self._stop}):")
            with body.indented():
                self._write_words(f"sample * {width // 4}", sorted({word // 4 for word in self._words()}))
                self._write_sample(0, "")

    def _write_words(self, first_block: str, blocks) -> None:
        for block in blocks:
            words = ", ".join(f"w{4 * block + i}" for i in range(4))
            number = f"tl.cast({first_block} + {block}, tl.uint32)"
            self._body.line(f"{words} = philox(c0, c1, stream_bits | {number}, c3, key0, key1)")

    def _words(self) -> set[int]:
        """Words of a sample that its features need."""
        draws, plan = self._plan.draws, self._plan
        normals = {i // 2 * 2 + h for i, s in enumerate(draws.normals) if s in self._needed for h in (0, 1)}
        uniforms = {plan.first_uniform_word + i for i, s in enumerate(draws.uniforms) if s in self._needed}
        tables = {plan.first_table_word + t for t, table in enumerate(draws.tables) if self._reads(table)}
        return normals | uniforms | tables

    def _reads(self, table: Table) -> bool:
        return bool(self._needed & set(table.symbols))

    def _write_sample(self, word: int, condition: str) -> None:
        """Add the features of the sample whose words begin at ``w{word}``."""
        body = self._body
        self._write_variates(word)
        for name, code in self._program.body:
            body.line(f"{name} = {code}")
        for name, result in zip(self._used.values(), self._program.results, strict=True):
            kept = f"tl.where(tl.cast({condition}, tl.int1), {result}, {body.number(0.0)})" if condition else result
            body.line(f"{name} += {kept}")

    def _write_variates(self, word: int) -> None:
        body, draws, plan = self._body, self._plan.draws, self._plan
        for i in range(0, len(draws.normals), 2):
            if self._needed & set(draws.normals[i : i + 2]):
                body.line(f"z{i}, z{i + 1} = normal_pair(w{word + i}, w{word + i + 1})")
        for i, symbol in enumerate(draws.uniforms):
            if symbol in self._needed:
                body.line(f"v{i} = uniform(w{word + plan.first_uniform_word + i})")
        offset = 0
        for t, table in enumerate(draws.tables):
            rows = len(table.values)
            if self._reads(table):
                # The high half of word times rows: a row of the table, each equally likely.
                place = f"tl.umulhi(w{word + plan.first_table_word + t}, tl.full((), {rows}, tl.uint32))"
                body.line(f"row = {place}.to(tl.int32)")
            for c, symbol in enumerate(table.symbols):
                if symbol in self._needed:
                    body.line(f"{self._variates[symbol]} = tl.load(tables + {offset + c * rows} + row)")
            offset += rows * len(table.symbols)
