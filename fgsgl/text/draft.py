"""Drafts of FG-Text: sentences made from the class names alone, and a prompt for writing better ones.

A draft can be run. It adds nothing that the class names do not say, so that records and boards mark it as a draft.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import yaml

from fgsgl.text.fgtext import DIMENSIONS, MIN_SENTENCES, ClassText, FGText

SENTENCES = {
    "part": ("The part of the body that moves in {}.", "The body parts used for {}.", "What moves in {}."),
    "onset": ("The posture at the beginning of {}.", "The start of {}.", "The first moment of {}."),
    "trajectory": ("The path of the movement in {}.", "The course of {}.", "The middle of {}."),
    "outcome": ("The posture at the end of {}.", "The end of {}.", "The last moment of {}."),
}
"""Dimension -> its sentences in a draft, with a place for the class name."""
EXPLAINED = {
    "part": "which body part moves, and what stays still",
    "onset": "posture and place that the movement starts from",
    "trajectory": "path, size, speed and repetition of the movement",
    "outcome": "what is touched, and how the movement ends",
}
_HEADER = {"author": "your name", "version": "0.1", "licence": "CC-BY-4.0", "note": "a draft"}


def draft(dataset: str, class_names: Sequence[str]) -> str:
    """The YAML of a text that can be run as it is: every sentence is made from the class's name."""
    return (
        "# A draft made from the class names: it can be run, and boards mark it. Replace the sentences one by one;\n"
        "# `fgsgl text prompt` prints the rules for them.\n"
    ) + _yaml(dataset, class_names, _of_name)


def blank(dataset: str, class_names: Sequence[str]) -> str:
    """The YAML of a text still to be written: prompts from the class names, no sentence yet.

    :func:`fgsgl.text.fgtext.load` refuses it until every dimension has three sentences.
    """
    return (
        "# FG-Text to fill in: at least three sentences in every dimension of every class.\n"
        + "".join(f"# {dimension}: {what}.\n" for dimension, what in EXPLAINED.items())
        + "# Say what is seen, not what is felt or meant; no left or right; not the class name.\n"
        "# Classes that share a stage write it once here, and name it by its key instead of a list:\n"
        "#   stages: {part: {one_hand: [sentence, sentence, sentence]}}   and in the class   part: one_hand\n"
    ) + _yaml(dataset, class_names, lambda dimension, name: [])


def is_draft(entry: ClassText, dimension: str) -> bool:
    """Whether all sentences of a class's dimension are those of a draft."""
    return set(entry.sentences[dimension]) <= set(_of_name(dimension, entry.name))


def draft_sentence(text: FGText) -> str:
    """The sentence below a board of a draft; empty where no dimension of any class is one."""
    cells = [(entry, dimension) for entry in text.classes for dimension in DIMENSIONS]
    count = sum(is_draft(entry, dimension) for entry, dimension in cells)
    if not count:
        return ""
    return (
        f"FG-Text {text.name} is a draft: in {count} of {len(cells)} class dimensions its sentences are made from the "
        "class name alone, so what fine-grained text is worth cannot be told from it."
    )


def prompt(class_names: Sequence[str]) -> str:
    """The instructions for a person or a language model that writes a text, ready to be copied."""
    dimensions = "\n".join(f"- {dimension}: {what}" for dimension, what in EXPLAINED.items())
    names = "\n".join(f"{index}. {name}" for index, name in enumerate(class_names))
    shape = _yaml("my-data", class_names[:1], lambda dimension, name: [f"..., {MIN_SENTENCES} sentences or more"])
    return f"""\
Describe gestures for a video recognizer. For each class below, write {MIN_SENTENCES} to 5 English sentences in each of
four dimensions:

{dimensions}

Rules:
- Describe only what a camera sees. Nothing of feelings, moods or intentions.
- At most 20 words a sentence; each stands alone, and no two of a list say the same in the same words.
- Never use the words left or right: clips are mirrored in training.
- Never use the name of the class in these sentences. The prompts, and only they, say it.
- Two classes that look alike in a dimension have exactly the same list there. No two classes are alike in all four.

Classes:

{names}

Answer with YAML alone, every class in this order and in this form:

{shape}"""


def _of_name(dimension: str, name: str) -> list[str]:
    return [sentence.format(name) for sentence in SENTENCES[dimension]]


def _yaml(dataset: str, class_names: Sequence[str], sentences: Callable[[str, str], list[str]]) -> str:
    classes = [
        {
            "id": index,
            "name": name,
            "prompts": [f"a person: {name}", f"a video of the gesture: {name}", f"{name}, a micro-gesture"],
            **{dimension: sentences(dimension, name) for dimension in DIMENSIONS},
        }
        for index, name in enumerate(class_names)
    ]
    content = {"name": dataset, **_HEADER, "classes": classes}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
