"""What a turn used: tokens, cost, context, by the claude CLI's own figures."""

from hived import limits
from hived.drivers import claude_lines as lines
from hived.events.values import ModelUse, Usage

SYNTHETIC = "<synthetic>"
OTHERS = "(others)"  # the models beyond TURN_MODELS_MAX


class Tally:
    """Adds up the figures of one turn's lines.

    The CLI's totals go on over a resumed session, so only `model_usage_since_last_result` is
    a turn's own. What was said after the last result (a turn that was killed) is counted by the
    API's own figures for each message.
    """

    def __init__(self) -> None:
        self._counted = Usage()
        self._unsettled: dict[str, tuple[str, Usage]] = {}
        self._models: dict[str, ModelUse] = {}
        self._windows: dict[str, int] = {}
        self.cost_usd = 0.0
        self.context_used = 0
        self.model = ""

    @property
    def usage(self) -> Usage:
        """All tokens so far, over models and subagents, compactions included."""
        return sum((used for _, used in self._unsettled.values()), self._counted)

    @property
    def models(self) -> dict[str, ModelUse]:
        """The same by model, with the money, as far as TURN_MODELS_MAX."""
        found = dict(self._models)
        for model, used in self._unsettled.values():
            _add(found, model, used, 0.0)
        return found

    @property
    def context_window(self) -> int:
        """The window of the model that spoke last, in tokens; 0 while the CLI gave none."""
        window = self._windows.get(self.model)
        if window is None and len(self._windows) == 1:
            return next(iter(self._windows.values()))
        return window or 0

    def message(self, line: lines.Object, *, main: bool) -> None:
        """An assistant line. main: of the main loop, not of a subagent."""
        message = lines.mapping(line, "message")
        model = lines.text(message, "model")
        usage = lines.mapping(message, "usage")
        if model == SYNTHETIC or not usage:
            return
        used = _of_api(usage)
        # One message comes as a line for each of its blocks, each with the message's figures.
        self._unsettled[lines.text(message, "id")] = (model, used)
        if main:
            self.model = model or self.model
            self.context_used = used.input + used.cache_read + used.cache_write

    def result(self, line: lines.Object) -> None:
        """A result line: the CLI's own sum takes the place of what was counted since the last."""
        for name, figures in _models(line, "modelUsage"):
            window = lines.count(figures, "contextWindow")
            if window:
                self._windows[name] = window
                self._windows.setdefault(lines.text(figures, "canonicalModel"), window)
        self._windows.pop("", None)
        if isinstance(line.get("model_usage_since_last_result"), dict):
            for name, figures in _models(line, "model_usage_since_last_result"):
                used, cost = _of_model(figures), lines.number(figures, "costUSD")
                self._counted += used
                self.cost_usd += cost
                _add(self._models, name, used, cost)
        elif isinstance(line.get("usage"), dict):
            used = _of_api(lines.mapping(line, "usage"))
            self._counted += used
            _add(self._models, self.model, used, 0.0)
        else:
            self._counted, self._models = self.usage, self.models
        self._unsettled.clear()

    def compacted(self, tokens: int) -> None:
        """A compaction left this many tokens in the context; 0 where the CLI did not say."""
        self.context_used = tokens or self.context_used


def _add(models: dict[str, ModelUse], model: str, used: Usage, cost: float) -> None:
    name = model[: limits.MODEL_CHARS_MAX]
    if name not in models and len(models) >= limits.TURN_MODELS_MAX:
        name = OTHERS
    was = models.get(name, ModelUse())
    models[name] = ModelUse(was.usage + used, was.cost_usd + cost)


def _models(line: lines.Object, key: str) -> list[tuple[str, lines.Object]]:
    found = lines.mapping(line, key)
    return [(name, lines.mapping(found, name)) for name in found]


def _of_model(figures: lines.Object) -> Usage:
    return Usage(
        lines.count(figures, "inputTokens"),
        lines.count(figures, "outputTokens"),
        lines.count(figures, "cacheReadInputTokens"),
        lines.count(figures, "cacheCreationInputTokens"),
    )


def _of_api(usage: lines.Object) -> Usage:
    return Usage(
        lines.count(usage, "input_tokens"),
        lines.count(usage, "output_tokens"),
        lines.count(usage, "cache_read_input_tokens"),
        lines.count(usage, "cache_creation_input_tokens"),
    )
