"""Questions: those that wait for an answer, and what is done about them."""

from collections.abc import Mapping

from hived.rpc.specs.base import LIMIT, Method, Param, read, write

QUESTION = Param("string", True, "its id, the beginning of it, or the mail that asked")

QUESTIONS: Mapping[str, Method] = {
    "questions": read(
        "Questions that wait for an answer, in the order they were asked.",
        "{questions: [QuestionRow], left_out: how many older ones}",
        {
            "agent": Param("string", False, "only what this agent (or operator) asked or is asked"),
            "all": Param("boolean", False, "the closed ones too, as far as they are kept", False),
            "limit": LIMIT,
        },
    ),
    "question": read(
        "One question, open or closed lately.", "{question: QuestionRow}", {"question": QUESTION}
    ),
    "ask": write(
        "Ask an agent. The answer comes as mail to the operator.",
        "{question: id}",
        {
            "to": Param("string", True, "an agent, or manager"),
            "text": Param("string", True, "the question"),
            "options": Param("strings", False, "answers to choose from", ()),
            "multi": Param("boolean", False, "several options may be chosen", False),
            "ttl_seconds": Param("number", False, "until it expires; 0 for never", 0.0),
        },
    ),
    "answer": write(
        "Answer a question, whoever is asked. Its asker is told by mail.",
        "{question: id, answer, chosen: [option]}",
        {
            "question": QUESTION,
            "answer": Param("string", False, "words, or an option by its text or number", ""),
            "options": Param("strings", False, "options by text or number, and nothing else", ()),
        },
    ),
    "cancel_question": write(
        "Cancel an open question. Asker and asked are told by mail.",
        "{question: id}",
        {"question": QUESTION},
    ),
}
