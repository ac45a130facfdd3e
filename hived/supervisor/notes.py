"""What a turn's drive does with the agent's notes: kept, put to be rewritten, measured."""

import logging
from functools import partial
from pathlib import Path

import trio
from attrs import define, evolve, field

from hived import limits
from hived.decisions import manager_words, notes_words
from hived.decisions.compaction import Rewrite
from hived.drivers.base import Ending, TurnSpec
from hived.projections.agent import Agent, OpenTurn
from hived.world import notes

logger = logging.getLogger("hived.turns")

PROMPT = "prompt.md"


@define
class NotesTurn:
    """A turn that rewrites the notes. before: as it found them; problem: why it cannot be run."""

    home: Path
    name: str
    limit: int
    before: bytes = b""
    problem: str = ""
    _replaced: bool = field(default=False)

    @classmethod
    def of(cls, home: Path, agent: Agent, turn: OpenTurn) -> "NotesTurn":
        """Keep the notes as they are, or take what an earlier life of hived kept. Blocks."""
        limit = agent.config.notes_limit_bytes or limits.NOTES_LIMIT_BYTES
        made = cls(home, notes.kept_name(turn.number, turn.id), limit)
        try:
            made.before = notes.keep(home, made.name)
        except notes.NotesUnread as error:
            made.problem = str(error)
        return made

    def opening(self) -> str:
        return notes_words.rewrite(self.before, self.limit)

    async def take(self, ending: Ending) -> Rewrite:
        """Put the rewrite that the turn ended with in the place of the notes, if it may be."""
        if self.problem:
            return Rewrite(notes.measure(self.home), 0, self.problem)
        after, rewrite = notes_words.judged(self.before, ending.said)
        if ending.outcome != "ok" or rewrite.detail:
            return rewrite
        try:
            replace = partial(notes.replace, self.home, self.before, after)
            self._replaced = await trio.to_thread.run_sync(replace)
        except notes.NotesUnread as error:
            return evolve(rewrite, detail=str(error))
        if not self._replaced:
            return evolve(rewrite, detail="the notes were changed meanwhile; they stay so")
        return rewrite

    async def settle(self) -> None:
        """After the turn's end is durable: no more old versions than are to be kept."""
        tidy = partial(notes.settle, self.home, self.name, replaced=self._replaced)
        try:
            await trio.to_thread.run_sync(tidy)
        except OSError as error:
            logger.warning("old notes in %s stay: %s", self.home, error)


def told_of_notes(spec: TurnSpec, home: Path) -> TurnSpec:
    """The spec with a system prompt that names the notes, and a place made for them. Blocks.

    A prompt file that cannot be read is left to the CLI, which says so.
    """
    if spec.kind != "work" or spec.system_prompt:
        return spec
    try:
        (home / notes.STATE).mkdir(mode=0o700, parents=True, exist_ok=True)
        own = Path(spec.prompt_file).read_text(encoding="utf-8") if spec.prompt_file else ""
        words = notes_words.about(str(notes.notes_path(home)))
        for agents in spec.add_dirs:  # a manager's
            words += f"\n\n{manager_words.about(agents)}"
        text = f"{own.rstrip()}\n\n{words}\n" if own.strip() else f"{words}\n"
        made = home / PROMPT
        if not made.is_file() or made.read_text(encoding="utf-8") != text:
            made.unlink(missing_ok=True)
            made.write_text(text, encoding="utf-8")
    except (OSError, UnicodeError) as error:
        logger.warning("the prompt of %s does not name its notes: %s", spec.agent, error)
        return spec
    return evolve(spec, prompt_file=str(made))
