"""What a turn has to answer, and with which steps: user texts taken apart, entries picked."""

from typing import NamedTuple

from hived.rehearsal import words
from hived.rehearsal.scenario import Facts, Scenario, Step, pick_rule, pick_turn
from hived.rehearsal.session import LastMail, Session


class Letter(NamedTuple):
    """One thing to answer. mail: None for a text that holds none."""

    text: str
    mail: words.Mail | None


class Agenda:
    """Picks entries of the scenario for one session."""

    def __init__(self, scenario: Scenario, session: Session) -> None:
        self._scenario = scenario
        self._session = session

    def letters(self, text: str) -> list[Letter]:
        """A user text as what is to be answered: its last mail, or each sender's last."""
        mails = words.mails(text)
        if not mails or not self._scenario.each_sender:
            return [Letter(text, mails[-1] if mails else None)]
        last = {mail.sender: mail for mail in mails}
        return [Letter(mail.body, mail) for mail in last.values()]

    def remember(self, letter: Letter) -> None:
        """Keep the letter's mail: a retry may come without its text."""
        if letter.mail is not None:
            self._session.mail = LastMail(*letter.mail)

    def steps(self, letter: Letter, model: str) -> tuple[Step, ...]:
        """The steps that answer a letter; moves the session on and saves it.

        Saved before they are played: a turn that is killed must not come again for ever.
        """
        self.remember(letter)
        session, scenario = self._session, self._scenario
        attempt = letter.mail.attempt if letter.mail else words.attempt_told(letter.text)
        command = None if letter.mail else words.command_of(letter.text)
        facts = Facts(letter.text, session.mail.sender, model, attempt, session.turns, command)
        rule = pick_rule(scenario, facts, session.rules)
        if rule is not None:
            steps = rule.steps
        elif command is not None:
            steps = _of_command(command, letter.text)
        else:
            steps = pick_turn(scenario, session.place)
            session.place += 1
        session.save()
        return steps


def _of_command(command: str, text: str) -> tuple[Step, ...]:
    """What is done for hived's own turns where no rule says it: half of the notes are kept."""
    said = "Done."
    if command == "notes":
        lines = words.notes_of(text).splitlines()
        said = "\n".join(lines[: (len(lines) + 1) // 2]) or "Nothing."
    return (Step("say", words.verbatim(said), {"times": 1, "delay": 0.0}),)
