"""hivectl completion: scripts that complete verbs, options and the names of living agents."""

import argparse
import re

from hived.ctl.run import Run, arguments_of
from hived.ctl.verbs import VERBS
from hived.errors import HivedError, InvalidName
from hived.names import agent_name

# Verbs whose next word is an agent.
_TAKES_AGENT = (
    "status turns why transcript send inbox cancel compact model new-session pause resume "
    "start stop restart lift rm ask nap wake remind reminders loose-ends"
)
_FIXED = {"daemon": "status stop", "completion": "bash zsh fish", "help": "json exit-codes times"}

_BASH = """\
# hivectl completion for bash: eval "$(hivectl completion bash)"
_hivectl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words
    if [ "$COMP_CWORD" -eq 1 ]; then
        words='@VERBS@'
    elif [ "$prev" = --agent ] || [ "$prev" = --parent ] || [ "$prev" = --recipient ]; then
        words=$(hivectl __names 2>/dev/null)
    elif [ "${cur#-}" = "$cur" ]; then
        case "$verb" in
@FIXED@
            @AGENT_VERBS@)
                if [ "$COMP_CWORD" -eq 2 ]; then words=$(hivectl __names 2>/dev/null); fi ;;
        esac
    else
        case "$verb" in
@OPTIONS@
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    if [ -z "$words" ]; then COMPREPLY=($(compgen -f -- "$cur")); fi
}
complete -F _hivectl hivectl
"""

_ZSH = """\
#compdef hivectl
# hivectl completion for zsh: eval "$(hivectl completion zsh)"
_hivectl() {
    local -a found
    if (( CURRENT == 2 )); then
        found=(@VERBS@)
    elif [[ ${words[CURRENT-1]} == (--agent|--parent|--recipient) ]]; then
        found=(${(f)"$(hivectl __names 2>/dev/null)"})
    elif [[ ${words[CURRENT]} != -* ]]; then
        case ${words[2]} in
@FIXED@
            @AGENT_VERBS@)
                if (( CURRENT == 3 )); then found=(${(f)"$(hivectl __names 2>/dev/null)"}); fi ;;
        esac
    else
        case ${words[2]} in
@OPTIONS@
        esac
    fi
    if (( ${#found} )); then compadd -- $found; else _files; fi
}
compdef _hivectl hivectl
"""

_FISH_HEAD = """\
# hivectl completion for fish: hivectl completion fish | source
complete -c hivectl -n __fish_use_subcommand -f
"""


def completion_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def completion(run: Run) -> int:
    """Print a completion script; 0."""
    script = {"bash": _bash, "zsh": _zsh, "fish": _fish}[run.args.shell]()
    run.console.out.write(script)
    return 0


def names_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes nothing: completion asks for nothing but the names."""


def names(run: Run) -> int:
    """Print the agents' names; quietly nothing where hived does not answer. 0 either way."""
    try:
        rows = run.client.call("agents")["agents"]
    except HivedError:
        return 0
    for row in rows:
        try:
            # A shell takes what it reads here apart: nothing but a name may reach it.
            run.console.out.write(agent_name(row["agent"]) + "\n")
        except InvalidName:
            continue
    return 0


def _options(verb: str) -> list[str]:
    text = arguments_of(verb, VERBS[verb]).format_help()
    options = re.findall(r"^  (?:-\w(?: [A-Z]+)?, )?(--[a-z][a-z-]*)", text, re.MULTILINE)
    return sorted(options)


def _bash() -> str:
    fixed = [f"            {verb}) words='{words}' ;;" for verb, words in _FIXED.items()]
    options = [f"            {verb}) words='{' '.join(_options(verb))}' ;;" for verb in VERBS]
    return _filled(_BASH, fixed, options)


def _zsh() -> str:
    fixed = [f"            {verb}) found=({words}) ;;" for verb, words in _FIXED.items()]
    options = [f"            {verb}) found=({' '.join(_options(verb))}) ;;" for verb in VERBS]
    return _filled(_ZSH, fixed, options)


def _filled(script: str, fixed: list[str], options: list[str]) -> str:
    parts = {
        "@VERBS@": " ".join(VERBS),
        "@FIXED@": "\n".join(fixed),
        "@AGENT_VERBS@": "|".join(_TAKES_AGENT.split()),
        "@OPTIONS@": "\n".join(options),
    }
    for mark, text in parts.items():
        script = script.replace(mark, text)
    return script


def _quoted(text: str) -> str:
    """One word of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish() -> str:
    lines = [
        f"complete -c hivectl -n __fish_use_subcommand -a {verb} -d {_quoted(row.summary)}"
        for verb, row in VERBS.items()
    ]
    lines.append(
        f"complete -c hivectl -n '__fish_seen_subcommand_from {_TAKES_AGENT}'"
        " -f -a '(hivectl __names 2>/dev/null)'"
    )
    for verb, words in _FIXED.items():
        seen = f"'__fish_seen_subcommand_from {verb}'"
        lines.append(f"complete -c hivectl -n {seen} -f -a '{words}'")
    for verb in VERBS:
        for option in _options(verb):
            seen = f"'__fish_seen_subcommand_from {verb}'"
            lines.append(f"complete -c hivectl -n {seen} -l {option.removeprefix('--')}")
    return _FISH_HEAD + "\n".join(lines) + "\n"
