"""What a manager's system prompt tells it of the places it may edit. Pure."""


def about(agents: str) -> str:
    """agents: the folder in which every agent and draft has its own."""
    return (
        f"You manage agents. Each has a folder {agents}/NAME: `config` in it is the git repository "
        "of its configuration (agent.toml and prompt.md), and `state` holds its notes. Edit and "
        "commit in `config`, then ask with request_apply_commit, or for a draft with "
        "request_spawn_commit; nothing of it runs before the operator approves."
    )
