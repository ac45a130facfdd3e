"""hivectl completion: scripts that complete verbs, options and the names of living agents."""

import argparse
import re

from hived.ctl.run import Run, arguments_of
from hived.ctl.topics import TOPICS
from hived.ctl.verbs import VERBS
from hived.errors import HivedError, InvalidName
from hived.names import agent_name

# Verbs whose next word is an agent.
_TAKES_AGENT = (
    "status turns why transcript notes send inbox cancel compact model new-session pause resume "
    "start stop restart lift rm config apply ask nap wake remind reminders loose-ends"
)
# Words that a verb takes first; of `config` and `reminders`, beside an agent.
_FIXED = {
    "approvals": "show",
    "completion": "bash zsh fish",
    "config": "check explain schema",
    "daemon": "reload status stop",
    "drafts": "discard new",
    "help": " ".join([*TOPICS, *VERBS]),
    "questions": "cancel",
    "reminders": "cancel",
}
# Options whose value is a file or folder. `config check` takes a file too.
_FILES = "socket workdir env-file config-dir prompt-file program scenario"

_BASH = """\
# hivectl completion for bash: eval "$(hivectl completion bash)"
_hivectl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words
    if [ "$COMP_CWORD" -eq 1 ]; then
        words='@VERBS@'
    elif [ "$prev" = --agent ] || [ "$prev" = --parent ] || [ "$prev" = --recipient ]; then
        words=$(hivectl __names 2>/dev/null)
    elif [ "${cur#-}" = "$cur" ]; then
        if [ "$COMP_CWORD" -eq 2 ]; then
            case "$verb" in
@FIXED@
            esac
            case "$verb" in
            @AGENT_VERBS@) words="$words $(hivectl __names 2>/dev/null)" ;;
            esac
        elif [ "$verb $prev" = 'config explain' ]; then
            words=$(hivectl __names 2>/dev/null)
        fi
    else
        case "$verb" in
@OPTIONS@
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    case "$prev" in
        @FILES@) COMPREPLY=($(compgen -f -- "$cur")) ;;
        check) if [ "$verb" = config ]; then COMPREPLY=($(compgen -f -- "$cur")); fi ;;
    esac
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
        if (( CURRENT == 3 )); then
            case ${words[2]} in
@FIXED@
            esac
            case ${words[2]} in
            @AGENT_VERBS@) found+=(${(f)"$(hivectl __names 2>/dev/null)"}) ;;
            esac
        elif [[ "${words[2]} ${words[3]}" == 'config explain' && CURRENT -eq 4 ]]; then
            found=(${(f)"$(hivectl __names 2>/dev/null)"})
        fi
    else
        case ${words[2]} in
@OPTIONS@
        esac
    fi
    case ${words[CURRENT-1]} in
        @FILES@) _files; return ;;
        check) if [[ ${words[2]} == config ]]; then _files; return; fi ;;
    esac
    compadd -- $found
}
compdef _hivectl hivectl
"""

_FISH_HEAD = """\
# hivectl completion for fish: hivectl completion fish | source
complete -c hivectl -f
complete -c hivectl -F -n '__fish_seen_subcommand_from check'
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
        "@FILES@": "|".join(f"--{option}" for option in _FILES.split()),
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
            name = option.removeprefix("--")
            takes = " -r -F" if name in _FILES.split() else ""
            lines.append(f"complete -c hivectl -n {seen} -l {name}{takes}")
    return _FISH_HEAD + "\n".join(lines) + "\n"
